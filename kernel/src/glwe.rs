//! The lattice scheme: GLWE of rank K with seeded masks, BFV-like encoding in F_t, and a
//! decryption in two 32-bit lanes.
//!
//! A ciphertext of `m` under the key `s` is `(a_1..a_K, b)` with
//! `b = sum_k a_k s_k + e + Delta * m` modulo `q = t * Delta`. Since `q / t = Delta` exactly, the
//! limb modulo Delta of `b - sum_k a_k s_k` is the noise `e` alone, and
//! `m = (v_t - e) * Delta^-1 mod t`: no rounding, no division, no wide integer, and no failure
//! while `|e| < Delta / 2`.
//!
//! The masks are drawn in the NTT domain from a public seed, so only bodies travel to the host.
//! Key and noise come from the seed of one *unit*; a seed is used for one unit only. The public seed is
//! the unit's too, or one that all units of a model share: under it, keys must be fresh all the more.
//!
//! What a host computes it may send as it is, or [switched](switch_row) to a smaller modulus, in three
//! quarters of the bytes or less.
//!
//! Layout: limb-major; within a limb K mask polynomials, then the body, all in the NTT domain.
//!
//! ```
//! use kernel::glwe::{EncryptScratch, SecretKey, decrypt_into, encrypt_seeded_into};
//! use kernel::params::{MASKED_LIMBS, Masked512x8 as Set, ParameterSet};
//! use kernel::ring::Scalar;
//! use kernel::stream::{Seed, expand_mask_columns};
//!
//! let unit = Seed::from_bytes([1; 32]); // in earnest from Seed::random, and used once
//! let public = unit.derive_public();
//! let mut words = vec![0; SecretKey::<Set>::WORDS];
//! let key = SecretKey::<Set>::generate::<Scalar>(&unit, &mut words)?;
//!
//! // Ciphertext 0 of the unit: the body is what travels, limb t, then limb Delta.
//! let message: Vec<u32> = (0..512).collect();
//! let mut body = [0; 2 * Set::N];
//! let mut scratch = EncryptScratch { mask: &mut [0; Set::N], noise: &mut [0; Set::N] };
//! encrypt_seeded_into::<Set, Scalar>(&key, &unit, &public, 0, &message, &mut body, &mut scratch)?;
//!
//! // The masks follow from the public seed: with them it is a whole ciphertext.
//! let mut ciphertext = vec![0; 2 * Set::LIMB_WORDS];
//! for (limb, p) in MASKED_LIMBS.into_iter().enumerate() {
//!     let words = &mut ciphertext[limb * Set::LIMB_WORDS..][..Set::LIMB_WORDS];
//!     expand_mask_columns(p, &public, 0..1, 0..Set::MASK_WORDS, words);
//!     words[Set::MASK_WORDS..].copy_from_slice(&body[limb * Set::N..][..Set::N]);
//! }
//! let (mut decrypted, mut noise) = (vec![0; Set::N], vec![0; Set::N]);
//! decrypt_into::<Set, Scalar>(&key, &ciphertext, &mut decrypted, &mut noise)?;
//! assert_eq!(decrypted, message);
//! # Ok::<(), kernel::glwe::LengthError>(())
//! ```
//!
//! Source: Brakerski, Gentry and Vaikuntanathan, "(Leveled) fully homomorphic encryption without
//! bootstrapping" (2012), for the general form of LWE; Fan and Vercauteren, "Somewhat practical
//! fully homomorphic encryption" (2012), for the encoding in the high part of the modulus.

mod decrypt;
mod encrypt;
mod key_block;
mod secret;
mod switched;
#[cfg(test)]
mod tests;

pub use decrypt::decrypt_into;
pub use encrypt::{EncryptScratch, encrypt_seeded_into};
pub use secret::SecretKey;
pub use switched::{SWITCHED_BODY_BITS, SWITCHED_MASK_BITS, decrypt_switched_row_into, switch_row};

pub(crate) use decrypt::phase;
pub(crate) use key_block::{KeyBlock, add_mask_times_key};

/// A buffer that does not have the length that the parameter set asks for.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("buffer length does not fit the parameter set")]
pub struct LengthError;

/// `Ok` if `length` is `expected`.
const fn expect_length(length: usize, expected: usize) -> Result<(), LengthError> {
    if length == expected { Ok(()) } else { Err(LengthError) }
}
