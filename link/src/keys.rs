use core::fmt;
use core::str::FromStr;
use kernel::stream::Entropy;
use zeroize::Zeroize;

/// Bytes of a key, secret or public.
pub const KEY_BYTES: usize = 32;

/// A text is not a key.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("a key has 64 hexadecimal digits")]
pub struct KeyError;

/// A key of X25519 that one side keeps for itself. Erased when dropped.
///
/// ```
/// use link::SecretKey;
///
/// let key = SecretKey::from_bytes([7; 32]);
/// assert_eq!(format!("{key:?}"), "SecretKey");
/// ```
pub struct SecretKey([u8; KEY_BYTES]);

impl Drop for SecretKey {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl fmt::Debug for SecretKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretKey")
    }
}

impl SecretKey {
    /// Takes over 32 uniformly random secret bytes.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; KEY_BYTES]) -> Self {
        Self(bytes)
    }

    /// A fresh key.
    ///
    /// # Errors
    /// As the source of entropy fails; there is no fallback.
    pub fn random<E: Entropy + ?Sized>(entropy: &mut E) -> Result<Self, E::Error> {
        let mut key = Self([0; KEY_BYTES]);
        entropy.fill(&mut key.0)?;
        Ok(key)
    }

    /// Reads 64 hexadecimal digits.
    ///
    /// # Errors
    /// [`KeyError`] for anything else.
    pub fn from_hex(text: &str) -> Result<Self, KeyError> {
        let mut key = Self([0; KEY_BYTES]);
        read_hex(text, &mut key.0)?;
        Ok(key)
    }

    /// The bytes, for a store that keeps them secret.
    #[must_use]
    pub const fn expose(&self) -> &[u8; KEY_BYTES] {
        &self.0
    }

    /// The key that others know its owner by.
    #[must_use]
    pub fn public(&self) -> PublicKey {
        PublicKey(crate::noise::public(&self.0))
    }
}

/// A key of X25519 that its owner is known by. Shown and read as 64 hexadecimal digits.
///
/// ```
/// use link::{PublicKey, SecretKey};
///
/// let key = SecretKey::from_bytes([7; 32]).public();
/// assert_eq!(key.to_string().parse(), Ok(key));
/// assert!("17".parse::<PublicKey>().is_err());
/// ```
#[derive(Clone, Copy, Eq, Hash, PartialEq)]
pub struct PublicKey(pub [u8; KEY_BYTES]);

impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublicKey({self})")
    }
}

impl FromStr for PublicKey {
    type Err = KeyError;

    fn from_str(text: &str) -> Result<Self, KeyError> {
        let mut key = Self([0; KEY_BYTES]);
        read_hex(text, &mut key.0)?;
        Ok(key)
    }
}

fn read_hex(text: &str, out: &mut [u8; KEY_BYTES]) -> Result<(), KeyError> {
    let digit = |byte: u8| char::from(byte).to_digit(16).ok_or(KeyError);
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    if pairs.len() != KEY_BYTES || !rest.is_empty() {
        return Err(KeyError);
    }
    for (out, &[high, low]) in out.iter_mut().zip(pairs) {
        *out = (digit(high)? << 4 | digit(low)?) as u8;
    }
    Ok(())
}
