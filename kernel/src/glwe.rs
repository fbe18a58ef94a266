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
//! Key, noise and masks come from the seed of one *unit*; a seed is used for one unit only.
//!
//! Layout: limb-major; within a limb K mask polynomials, then the body, all in the NTT domain.

mod decrypt;
mod encrypt;
mod secret;
#[cfg(test)]
mod tests;

pub use decrypt::decrypt_into;
pub use encrypt::{EncryptScratch, encrypt_seeded_into};
pub use secret::SecretKey;

/// A buffer that does not have the length that the parameter set asks for.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("buffer length does not fit the parameter set")]
pub struct LengthError;

/// `Ok` if `length` is `expected`.
const fn expect_length(length: usize, expected: usize) -> Result<(), LengthError> {
    if length == expected { Ok(()) } else { Err(LengthError) }
}
