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
//! A *unit* has one key or several, and is under one verdict. Each key and its noise come from a seed
//! [of its own](crate::stream::Seed::derive_key), which follows from the unit's; a unit's seed is used for
//! one unit only. All keys of a unit share its mask polynomials; their public seed is the unit's too, or
//! one that all units of a model share.
//!
//! What a host computes it may send as it is, or [switched](switch_row) to a smaller modulus, in three
//! quarters of the bytes or less. The device decrypts it [polynomial by polynomial](RowDecryptor).
//!
//! Layout: limb-major; within a limb K mask polynomials, then the body, all in the NTT domain. In a
//! result row of several keys all their bodies stand behind the masks.
//!
//! # Shared masks
//! Bodies under several keys with one set of mask polynomials are what Peikert, Vaikuntanathan and Waters
//! amortise in "A framework for efficient and composable oblivious transfer" (2008): LWE with a common
//! public matrix A and independent secrets. Let `u` keys, of one unit or of many, share the public
//! polynomials of a seed, each with its own fresh uniform ternary secret `s_i` and noise `e_i`. The host's
//! view is A and, for each i, `b_i = A s_i + e_i + Delta m_i`.
//!
//! *Claim*: whoever tells it from A and u vectors of uniform words, with advantage eps, tells one instance
//! of module-LWE, `(A, A s + e)`, from `(A, uniform)` with advantage at least `eps / u`.
//!
//! *Proof*, by a hybrid argument over the keys. In hybrid i the first i vectors are uniform, the others as
//! they should be: hybrid 0 is the view, hybrid u has no secret in it. Given a challenge `(A, c)`, draw i
//! from 1 to u, put `c + Delta m_i` in place i, uniform words before it, and behind it `A s_l + e_l + Delta
//! m_l` of secrets and noise of one's own: A is public, so that anybody can. If c is `A s + e`, that is
//! hybrid i - 1, if it is uniform, hybrid i. The sum over i of the differences is eps, so their mean is
//! `eps / u`.
//!
//! It needs three things: that secrets and noise are independent, which they are as outputs of ChaCha20
//! under independent seeds; that the messages, which are masks, depend on none of them; and that a key
//! serves one set of coordinates once. A itself may be known long before, or follow from a model's
//! digest: it is the output of ChaCha20 under a seed that nobody chooses and that says nothing of any
//! secret. The factor u is an upper bound; what it allows for is that work on A alone serves against all
//! keys. At a million units of 16 keys it takes 24 bits off an *advantage*, not off the cost of the known
//! attacks, which find one secret at a time.
//!
//! *One verdict*: a unit is accepted or dropped with all its keys. Of a host that answers wrongly it tells
//! one bit, as a unit of one key would; were each key accepted for itself, it would tell a bit for each,
//! and, where some are dropped, under one seed. After a verdict no key of the unit decrypts anything more.
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
mod row;
mod secret;
mod switched;
#[cfg(test)]
mod tests;

pub use decrypt::decrypt_into;
pub use encrypt::{EncryptScratch, encrypt_seeded_into};
pub use row::RowDecryptor;
pub use secret::SecretKey;
pub use switched::{SWITCHED_BODY_BITS, SWITCHED_MASK_BITS, switch_row};

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
