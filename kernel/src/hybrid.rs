//! Hybrid key switching: one digit for each limb, a special modulus P that divides the noise, and
//! hoisting.
//!
//! Direct mode does without it, for the reasons in `docs/direct/parameters.md`: at N = 4096 all moduli
//! have 83 bits together. It is for parameters with room to spare, or for messages that need less of
//! q; the sets are those of [`HybridSet`], of rank 1.
//!
//! | step | who | function |
//! |---|---|---|
//! | evaluation keys | device | [`KeyGenerator::body_into`], one limb of one element at a time |
//! | their masks, from a seed | host | [`EvaluationKey::expand`] |
//! | digits of a mask | host | [`Decomposed::new`] |
//! | inner product with a key, modulo q P | host | [`Accumulator::add_switched`] |
//! | division by P | host | [`Accumulator::finish_into`], [`mod_down_into`] |
//! | all of this for one automorphism | host | [`switch_key_into`] |
//! | decryption | device | [`decrypt_into`] |
//!
//! *Gadget.* The digit of limb l is the centred residue of the mask a modulo `q_l`; the gadget's element
//! is the idempotent of the limb, 1 modulo `q_l` and 0 modulo the others, so the digits times the
//! elements sum to a modulo q. Digits of `a (q / q_l)^-1` with elements `q / q_l` would be as many and as
//! small; this way a digit modulo its own limb is the mask as it stands, and its transform is saved. A
//! digit is an integer below `q_l / 2`, so its residues modulo the other limbs and P are exact.
//!
//! *Keys.* The key for an automorphism sigma is, for each element g, an encryption of `-P g sigma(s)`
//! under s modulo q P. Modulo P and every limb but one that is an encryption of zero. The digits of
//! `sigma(a)` times the key, added to `P sigma(b)`, make a ciphertext of P times the message; division by
//! P with rounding takes it back to q, and what noise there is becomes P times smaller:
//! [`noise`] has the formulas.
//!
//! *Hoisting.* Centred residues change sign with the number, so the digits of `sigma(a)` are sigma of
//! the digits of a, to the bit. One decomposition serves all automorphisms of a ciphertext, and is
//! most of the transforms. Where only a sum over automorphisms is wanted, an accumulator takes them
//! all and is divided once.
//!
//! *Layout.* As in [`glwe`](crate::glwe): a ciphertext is limb-major, each limb N words of mask, then N
//! of body, all in the NTT domain. Modulo q P the limb P comes last.
//!
//! *Security.* As of direct mode's evaluation keys: circular security, one seed for one secret key,
//! and `log2(q P)` within [`largest_log2_modulus`](crate::params::largest_log2_modulus), which is
//! checked when the crate is compiled. Making keys and decryption are constant-time; all else
//! handles public data.
//!
//! # Example: a sum over three rotations
//! ```
//! use kernel::galois::Automorphism;
//! use kernel::glwe::{EncryptScratch, SecretKey, encrypt_seeded_into};
//! use kernel::hybrid::*;
//! use kernel::params::{Hybrid4096 as Set, HybridSet, ParameterSet};
//! use kernel::ring::Scalar;
//! use kernel::stream::{Label, Seed};
//!
//! // Device: a key, and the evaluation keys for X -> X^5 and X -> X^25.
//! let session = Seed::from_bytes([1; 32]); // in earnest from Seed::random, and used once
//! let mut words = vec![0; SecretKey::<Set>::WORDS];
//! let secret = SecretKey::<Set>::generate::<Scalar>(&session, &mut words)?;
//! let key_seed = session.derive(Label::HybridKey);
//! let key_public = key_seed.derive_public();
//! let mut words = vec![0; KeyGenerator::<Set>::WORDS];
//! let generator =
//!     KeyGenerator::new::<Scalar>(&secret, &key_seed, &key_public, &mut words)?;
//! let (mut mask, mut noise) = (vec![0; Set::N], vec![0; Set::N]);
//! let mut scratch = EncryptScratch { mask: &mut mask, noise: &mut noise };
//! let sigmas = [5, 25].map(|g| Automorphism::new(Set::N, g));
//! let mut sent = vec![];
//! for sigma in sigmas {
//!     let mut bodies = vec![0; EvaluationKey::<Set>::BODY_WORDS];
//!     for (block, body) in bodies.chunks_exact_mut(Set::N).enumerate() {
//!         let (element, limb) = (block / Set::EXTENDED_LIMBS, block % Set::EXTENDED_LIMBS);
//!         generator.body_into::<Scalar>(sigma, element, limb, body, &mut scratch)?;
//!     }
//!     sent.push(bodies);
//! }
//!
//! // Device: a seeded ciphertext of 0, 1, 2, ...
//! let message: Vec<u32> = (0..Set::N as u32).collect();
//! let (public, mut body) = (session.derive_public(), vec![0; Set::BODY_WORDS]);
//! encrypt_seeded_into::<Set, Scalar>(
//!     &secret, &session, &public, 0, &message, &mut body, &mut scratch,
//! )?;
//!
//! // Host: the ciphertext with its masks, cut into digits once.
//! let mut ciphertext = vec![0; ciphertext_words::<Set>()];
//! expand_ciphertext_into::<Set>(&public, 0, &body, &mut ciphertext)?;
//! let mut words = vec![0; Decomposed::<Set>::WORDS];
//! let decomposed = Decomposed::<Set>::new::<Scalar>(&ciphertext, &mut words)?;
//! // The ciphertext and two images of it, and one division for all.
//! let mut words = vec![0; Accumulator::<Set>::WORDS];
//! let mut sum = Accumulator::<Set>::new(&mut words)?;
//! sum.add::<Scalar>(&ciphertext)?;
//! for (sigma, bodies) in sigmas.into_iter().zip(&sent) {
//!     let mut words = vec![0; EvaluationKey::<Set>::WORDS];
//!     let key = EvaluationKey::<Set>::expand(sigma, &key_public, bodies, &mut words)?;
//!     sum.add_switched::<Scalar>(&decomposed, &key);
//! }
//! let mut result = vec![0; ciphertext_words::<Set>()];
//! sum.finish_into::<Scalar>(&mut result)?;
//!
//! // Device: X -> X^5 takes the coefficient at 1 to 5, X -> X^25 to 25.
//! let (mut phase, mut fractions) = (vec![0; Set::BODY_WORDS], vec![0; Set::N]);
//! let mut scratch = DecryptScratch { phase: &mut phase, fractions: &mut fractions };
//! let mut decrypted = vec![0; Set::N];
//! decrypt_into::<Set, Scalar>(&secret, &result, &mut decrypted, &mut scratch)?;
//! assert_eq!(decrypted[125], 125 + 25 + 5);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Source: Gentry, Halevi and Smart, "Homomorphic evaluation of the AES circuit" (2012), for the
//! special modulus; Han and Ki, "Better bootstrapping for approximate homomorphic encryption" (2020),
//! for it together with an RNS gadget; Halevi and Shoup, "Faster homomorphic linear transformations
//! in HElib" (2018), for hoisting.

mod accumulator;
mod ciphertext;
mod decompose;
mod decrypt;
mod generator;
mod key;
mod mod_down;
pub mod noise;
mod switch;
#[cfg(test)]
mod tests;

pub use accumulator::Accumulator;
pub use ciphertext::{ciphertext_words, expand_ciphertext_into};
pub use decompose::Decomposed;
pub use decrypt::{DecryptScratch, decrypt_into};
pub use generator::KeyGenerator;
pub use key::{EvaluationKey, key_coordinate};
pub use mod_down::mod_down_into;
pub use switch::{switch_key_into, switch_scratch_words};

use crate::galois::Automorphism;
use crate::glwe::LengthError;
use crate::params::HybridSet;

/// Why nothing was done.
///
/// ```
/// use kernel::galois::Automorphism;
/// use kernel::hybrid::{EvaluationKey, HybridError};
/// use kernel::params::Hybrid4096 as Set;
///
/// let mut words = vec![0; EvaluationKey::<Set>::WORDS];
/// let sigma = Automorphism::new(4096, 5);
/// let short = EvaluationKey::<Set>::from_words(sigma, &words[1..]);
/// assert_eq!(short.err(), Some(HybridError::Length));
/// let other = EvaluationKey::<Set>::from_words(Automorphism::new(2048, 5), &words);
/// assert_eq!(other.err(), Some(HybridError::Degree));
/// words[7] = u32::MAX;
/// assert_eq!(EvaluationKey::<Set>::from_words(sigma, &words).err(), Some(HybridError::Residue));
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum HybridError {
    /// A slice has another length than the parameter set asks for.
    #[error("buffer length does not fit the parameter set")]
    Length,
    /// The automorphism is one of another ring degree.
    #[error("the automorphism has another degree than the parameter set")]
    Degree,
    /// The set has no such element of the gadget, or no such limb.
    #[error("no such block of an evaluation key")]
    Block,
    /// A word is not below the prime of its limb.
    #[error("a residue is not below its modulus")]
    Residue,
}

impl From<LengthError> for HybridError {
    fn from(_: LengthError) -> Self {
        Self::Length
    }
}

/// `Ok` if `length` is `expected`.
const fn expect_length(length: usize, expected: usize) -> Result<(), HybridError> {
    if length == expected { Ok(()) } else { Err(HybridError::Length) }
}

/// `Ok` if `automorphism` is one of the set's ring.
const fn expect_degree<S: HybridSet>(automorphism: Automorphism) -> Result<(), HybridError> {
    if automorphism.degree() == S::N { Ok(()) } else { Err(HybridError::Degree) }
}
