//! GLWE modulo 2^64, the *native* modulus of the `tfhe` crate: a device without an operating system
//! makes keys and ciphertexts that a tfhe-rs server computes on, and decrypts what it sends back.
//!
//! The parameters are those of `PARAM_MESSAGE_2_CARRY_2`, the default of `tfhe` 1.8: polynomial size
//! N = 2048, GLWE dimension 1, a uniform *binary* key, noise from `TUniform(17)`. A ciphertext of m
//! at the scaling Delta = 2^d is `(a, b)` with `b = a s + e + Delta m` in `Z_(2^64)[X] / (X^N + 1)`.
//!
//! | object | words of 64 bits |
//! |---|---|
//! | plaintext | N coefficients, that of X^0 first, each in the low `64 - d` bits |
//! | GLWE ciphertext | N of the mask, then N of the body: [`GLWE_WORDS`] |
//! | LWE ciphertext | N of the mask, then the body: [`LWE_WORDS`] |
//! | secret key | N / 64 here, bit i of the key at bit `i % 64` of word `i / 64`; in `tfhe` N words of 0 or 1 |
//!
//! # Why it needs care
//! Behind the feature `hazmat`, because nothing of what the rest of the crate promises holds here.
//!
//! - *Security* is what the authors of `tfhe` claim, 128 classical bits against the attacks on
//!   binary keys. It is below this crate's own limit: at dimension 2048
//!   [`largest_log2_modulus`](crate::params::largest_log2_modulus) is 41 bits with noise of standard
//!   deviation 3.2, a ratio of 2^39; 64 bits with 2^16.2 are a ratio of 2^48.
//! - *Correctness*: the noise of a fresh ciphertext is bounded, that of a result is not. What a server
//!   computes adds noise and rounding errors that are statistical; `tfhe` gives 2^-129.6 for the
//!   failure of one bootstrap.
//! - *The host is not checked*: it may answer with anything, and what a decryption shows to it (a
//!   retry, a pause) gives the key away bit by bit.
//!
//! # Cost
//! Encryption, [`phase_into`] and [`decrypt_into`] are one product by a binary polynomial each, in
//! time N^2: 4.2 million masked additions of 64 bits, always the same. [`lwe_decrypt`] takes N.
//!
//! # Example
//! ```
//! use kernel::native::*;
//! use kernel::stream::Seed;
//!
//! let seed = Seed::from_bytes([1; 32]); // in earnest from Seed::random
//! let mut words = [0; SecretKey::WORDS];
//! let key = SecretKey::generate(&seed, &mut words)?;
//!
//! // Numbers from 0 to 15: two bits of message, two of carry, and the padding bit above them.
//! let message: Vec<u64> = (0..N as u64).map(|i| i % 16).collect();
//! let mut ciphertext = vec![0; GLWE_WORDS];
//! let (mask, body) = ciphertext.split_at_mut(N);
//! // Ciphertext 0 of the seed: a number is used once.
//! expand_mask(&seed.derive_public(), 0, mask);
//! encrypt_into(&key, &seed, 0, Delta::MESSAGE_2_CARRY_2, &message, mask, body)?;
//!
//! // What a server does: here it doubles what it cannot read.
//! ciphertext.iter_mut().for_each(|word| *word = word.wrapping_mul(2));
//!
//! let mut decrypted = vec![0; N];
//! decrypt_into(&key, Delta::MESSAGE_2_CARRY_2, &ciphertext, &mut decrypted)?;
//! assert!(decrypted.iter().zip(&message).all(|(d, m)| *d == 2 * m));
//! # Ok::<(), NativeError>(())
//! ```
//!
//! Source: Chillotti, Gama, Georgieva and Izabachène, "TFHE: fast fully homomorphic encryption over
//! the torus" (2020), for the scheme; `tfhe` 1.8.2, `shortint/parameters/v1_4/classic/tuniform` (what
//! `PARAM_MESSAGE_2_CARRY_2` stands for) and `core_crypto/commons/math/random/t_uniform.rs`, for
//! parameters and noise.

mod decrypt;
mod encrypt;
mod polynomial;
mod samplers;
mod secret;
#[cfg(test)]
mod tests;

pub use decrypt::{decrypt_into, lwe_decrypt, lwe_phase, phase_into};
pub use encrypt::encrypt_into;
pub use samplers::{NOISE_BOUND_LOG2, add_t_uniform_assign, expand_mask};
pub use secret::SecretKey;

/// The polynomial size: coefficients of a polynomial, and the dimension of the LWE ciphertexts that
/// a server extracts.
pub const N: usize = 2048;

/// Words of a GLWE ciphertext: the mask, then the body.
pub const GLWE_WORDS: usize = 2 * N;

/// Words of an LWE ciphertext under the same key: N of the mask, then the body.
pub const LWE_WORDS: usize = N + 1;

/// Why nothing was done.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum NativeError {
    /// A slice has another length than the function asks for.
    #[error("a slice has the wrong length")]
    Length,
    /// The scaling leaves no room for the message, or the noise of a fresh ciphertext none for it.
    #[error("the scaling is not between 2^19 and 2^63")]
    Delta,
    /// A coefficient of a secret key is neither 0 nor 1.
    #[error("the secret key is not binary")]
    NotBinary,
}

/// The scaling Delta = 2^d of the messages, d = 19 to 63: a message is a number modulo 2^(64 - d).
///
/// Below 2^19 the noise of a fresh ciphertext, which reaches 2^17, could reach half of it.
///
/// ```
/// use kernel::native::{Delta, NativeError};
///
/// let byte = Delta::from_log2(64 - 8)?; // messages from 0 to 255, no padding bit
/// assert_eq!(byte.log2(), 56);
/// assert_eq!(Delta::from_log2(18), Err(NativeError::Delta));
/// assert_eq!(Delta::from_log2(64), Err(NativeError::Delta));
/// # Ok::<(), NativeError>(())
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Delta(u32);

impl Delta {
    /// The encoding of `PARAM_MESSAGE_2_CARRY_2`: two bits of message, two of carry and the padding
    /// bit, Delta = 2^59.
    pub const MESSAGE_2_CARRY_2: Self = Self(59);

    /// Delta = 2^`log2`.
    ///
    /// # Errors
    /// [`NativeError::Delta`] unless `log2` is 19 to 63.
    pub const fn from_log2(log2: u32) -> Result<Self, NativeError> {
        match log2 {
            19..64 => Ok(Self(log2)),
            _ => Err(NativeError::Delta),
        }
    }

    /// The exponent d.
    #[must_use]
    pub const fn log2(self) -> u32 {
        self.0
    }

    /// `Delta m` modulo 2^64: the bits of m at and above `64 - d` are lost.
    const fn encode(self, message: u64) -> u64 {
        message << self.0
    }

    /// The nearest multiple of Delta to a phase, over Delta: a number below 2^(64 - d). A phase in
    /// the middle goes up.
    const fn decode(self, phase: u64) -> u64 {
        phase.wrapping_add(1 << (self.0 - 1)) >> self.0
    }
}

/// `Ok` if `length` is `expected`.
const fn expect_length(length: usize, expected: usize) -> Result<(), NativeError> {
    if length == expected { Ok(()) } else { Err(NativeError::Length) }
}
