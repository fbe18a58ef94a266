use super::{N, NativeError, expect_length, samplers};
use crate::stream::Seed;
use zeroize::Zeroize;

/// A binary secret key: one polynomial, and at once an LWE key of dimension N.
///
/// It lives in the caller's memory and is erased from it when dropped.
///
/// ```
/// use kernel::native::{N, NativeError, SecretKey};
/// use kernel::stream::Seed;
///
/// let mut words = [0; SecretKey::WORDS];
/// let key = SecretKey::generate(&Seed::from_bytes([1; 32]), &mut words)?;
/// assert_eq!(format!("{key:?}"), "SecretKey");
///
/// // As tfhe wants it, to make a server's keys from, and back.
/// let mut coefficients = [0; N];
/// key.expose_into(&mut coefficients)?;
/// assert!(coefficients.iter().all(|&s| s <= 1));
/// drop(key);
/// assert_eq!(words, [0; SecretKey::WORDS]);
/// drop(SecretKey::from_coefficients(&coefficients, &mut words)?);
///
/// coefficients[7] = 2;
/// let refused = SecretKey::from_coefficients(&coefficients, &mut words);
/// assert_eq!(refused.err(), Some(NativeError::NotBinary));
/// # Ok::<(), NativeError>(())
/// ```
pub struct SecretKey<'b>(&'b mut [u64]);

impl core::fmt::Debug for SecretKey<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("SecretKey")
    }
}

impl Drop for SecretKey<'_> {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl<'b> SecretKey<'b> {
    /// Words that a key needs.
    pub const WORDS: usize = N / 64;

    /// Draws the key of `seed` into `buffer`, of [`Self::WORDS`] words: bit `i % 64` of 64-bit word
    /// `(i / 64) % 8` of block `i / 512` is coefficient i.
    ///
    /// # Errors
    /// [`NativeError::Length`]; nothing is written then.
    pub fn generate(seed: &Seed, buffer: &'b mut [u64]) -> Result<Self, NativeError> {
        expect_length(buffer.len(), Self::WORDS)?;
        samplers::key_bits(seed, buffer);
        Ok(Self(buffer))
    }

    /// Takes over a key made elsewhere, N words of 0 or 1, into `buffer`, of [`Self::WORDS`] words.
    ///
    /// # Errors
    /// [`NativeError::Length`], and [`NativeError::NotBinary`], which is found in constant time; the
    /// buffer holds zeros then.
    pub fn from_coefficients(
        coefficients: &[u64],
        buffer: &'b mut [u64],
    ) -> Result<Self, NativeError> {
        expect_length(coefficients.len(), N)?;
        expect_length(buffer.len(), Self::WORDS)?;
        let key = Self(buffer);
        let mut other_bits = 0;
        for (word, bits) in key.0.iter_mut().zip(coefficients.chunks_exact(64)) {
            *word = (0..).zip(bits).fold(0, |word, (i, s)| word | ((s & 1) << i));
            other_bits = bits.iter().fold(other_bits, |seen, s| seen | (s >> 1));
        }
        if other_bits == 0 { Ok(key) } else { Err(NativeError::NotBinary) }
    }

    /// The key as `tfhe` has it, N words of 0 or 1, coefficient of X^0 first. They are as secret as the
    /// key, and the caller's to erase.
    ///
    /// # Errors
    /// [`NativeError::Length`] unless `out` has N words; nothing is written then.
    pub fn expose_into(&self, out: &mut [u64]) -> Result<(), NativeError> {
        expect_length(out.len(), N)?;
        for (bits, word) in out.chunks_exact_mut(64).zip(self.0.iter()) {
            (0..).zip(bits).for_each(|(i, s)| *s = (word >> i) & 1);
        }
        Ok(())
    }

    /// The key, packed.
    pub(super) fn words(&self) -> &[u64] {
        self.0
    }
}
