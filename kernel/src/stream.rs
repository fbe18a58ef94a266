//! Randomness, written down to the bit: ChaCha20 keystreams addressed by position.
//!
//! Every random value of the system is cut from an IETF ChaCha20 block. The block's address is
//! (key, nonce, counter), and the nonce is
//!
//! | byte | 0 | 1 | 2 | 3 | 4..12 |
//! |---|---|---|---|---|---|
//! | | domain | attempt | lane | 0 | stream, little-endian `u64` |
//!
//! The 64 bytes of a block are sixteen 32-bit words, little-endian, or eight 64-bit words, which
//! are pairs of those, the low one first. Divisions below round down. What is cut from a block:
//!
//! | domain | key | lane | stream | counter | cut |
//! |---|---|---|---|---|---|
//! | 1 public mask | public seed | 0 modulo t, 1 modulo Delta, 2 modulo 2^29 - 2^18 + 1, 3 modulo 2^26 - 2^16 + 1, 4 modulo 2^25 - 2^14 + 1 | coordinate j | column / 16 | word column % 16, uniform mod p |
//! | 2 secret key | seed of the key | 0 | component of the key | i / 8 | 64-bit word i % 8, see [`ternary`] |
//! | 3 noise | seed of the key | 0 | coordinate j | 21 (i / 256) to 21 (i / 256) + 20 | see [`centred_binomial`] |
//! | 4 one-time mask | mask seed of the unit | 0 | token / 4 | coordinate / 4 | word 4 (coordinate % 4) + token % 4, uniform mod t |
//! | 5 check vector | check seed | repetition, 0 or 1 | group | row / 16 | word row % 16, uniform mod t |
//! | 6 derivation | the parent seed | 0 | label | 0 | first 32 bytes |
//! | 7 token choice | sampling seed | 0 | position | 0 | word 0 |
//! | 8 native key | seed | 0 | 0 | i / 512 | bit i % 64 of 64-bit word (i / 64) % 8 |
//! | 8 native noise | seed | 1 | ciphertext | i / 16 | word i % 16, see `native::add_t_uniform_assign` |
//! | 8 native mask | public seed | 2 | ciphertext | i / 8 | 64-bit word i % 8 |
//!
//! Domain 8 is that of the module `native`, of the feature `hazmat`, and not of the protocol.
//!
//! The attempt is 0 except in redraws. *Uniform* words are exactly uniform: the draw is the low 32
//! (t) or 28 (Delta) bits of the word, as many as the modulus has, and a draw at or above the modulus
//! (once in 1024 to 4096) is replaced
//! by the same word of the block whose nonce has the next attempt number, and so on. So any tile can
//! be expanded alone, in parallel. The retries are independent of the value accepted, and may be seen.
//!
//! # Seeds
//! The unit seed, the check seed and the sampling seed are drawn from a source of [`Entropy`], each
//! on its own. Others are derived (domain 6): 1, 2 and 8 from the unit seed, 3 from the check seed, 4
//! from the mask seed:
//!
//! | label | derived seed | who knows it |
//! |---|---|---|
//! | 1 | the public seed of the unit: [`Seed::derive_public`] | the host too |
//! | 2 | the mask seed of the unit: [`Seed::derive`] with [`Label::OneTimeMask`] | the device |
//! | 3 | the key of the device's store: [`Label::Store`] | the device |
//! | 4 | the key of a unit's images at rest: [`Label::Seal`] | the device |
//! | 5 | the noise of a direct session's evaluation keys: [`Label::EvaluationKey`] | the device |
//! | 6 | the noise of evaluation keys over q P: [`Label::HybridKey`] | whoever makes the keys |
//! | 7 | the public seed of a model: [`PublicSeed::of_model`] | everybody |
//! | 8 | the seed of one of a unit's keys, and of its noise: [`Seed::derive_key`] | the device |
//!
//! Label 6 is that of the module [`hybrid`](crate::hybrid), and not of the protocol. The parent of
//! label 7 is a model's digest, which is no secret, and its stream is `7 + 256 * set`, of the number of
//! the parameter set. Each key of a unit has a seed of its own, the first and the only one too: the stream
//! of key i is `8 + 256 i`. A session with a direct set has one key, whose seed is the session's.
//!
//! # Example
//! ```
//! use kernel::prime::PrimeId;
//! use kernel::stream::{Label, Seed, expand_mask_columns, one_time_mask};
//!
//! let unit = Seed::from_bytes([7; 32]); // in earnest from Seed::random
//!
//! // Any window of the masks is the same words as within the whole.
//! let (mut whole, mut window) = ([0; 2 * 64], [0; 10]);
//! expand_mask_columns(PrimeId::T, &unit.derive_public(), 0..2, 0..64, &mut whole);
//! expand_mask_columns(PrimeId::T, &unit.derive_public(), 1..2, 30..40, &mut window);
//! assert_eq!(window, whole[64 + 30..64 + 40]);
//!
//! // The mask of the unit's token 5, coordinates 0 to 9.
//! let mut r = [0; 10];
//! one_time_mask(&unit.derive(Label::OneTimeMask), 5, 0, &mut r);
//! ```

#[cfg(any(target_arch = "arm", test))]
mod block;
mod keystream;
mod samplers;
#[cfg(test)]
mod tests;
mod uniform;

pub use samplers::{NOISE_BOUND, centred_binomial, ternary};
pub use uniform::{
    check_vector, expand_mask, expand_mask_columns, one_time_mask, one_time_mask_coordinates,
};

pub(crate) use keystream::Keystream;

use crate::bundle::ModelDigest;
use crate::params::ParameterId;
use zeroize::Zeroize;

/// Bytes of a seed.
pub const SEED_BYTES: usize = 32;

/// A secret 256-bit key. Erased when dropped; never copied, compared or printed.
///
/// ```
/// use kernel::stream::{Label, Seed};
///
/// let unit = Seed::from_bytes([7; 32]); // in earnest from Seed::random
/// let masks = unit.derive(Label::OneTimeMask); // stays on the device
/// let public = unit.derive_public(); // is sent to the host
/// assert_ne!(masks.expose(), &public.0);
/// assert_eq!(format!("{unit:?}"), "Seed");
/// ```
pub struct Seed([u8; SEED_BYTES]);

impl Drop for Seed {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl core::fmt::Debug for Seed {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Seed")
    }
}

impl Seed {
    /// Takes over 32 uniformly random secret bytes.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; SEED_BYTES]) -> Self {
        Self(bytes)
    }

    /// A fresh seed.
    ///
    /// # Errors
    /// As the source of entropy fails; there is no fallback.
    pub fn random<E: Entropy + ?Sized>(entropy: &mut E) -> Result<Self, E::Error> {
        let mut seed = Self([0; SEED_BYTES]);
        entropy.fill(&mut seed.0)?;
        Ok(seed)
    }

    /// The bytes, for a store that keeps them secret.
    #[must_use]
    pub const fn expose(&self) -> &[u8; SEED_BYTES] {
        &self.0
    }

    /// A seed derived from this one, which it does not reveal.
    #[must_use]
    pub fn derive(&self, label: Label) -> Self {
        let mut out = Self([0; SEED_BYTES]);
        keystream::derive_into(&self.0, label as u64, &mut out.0);
        out
    }

    /// The seed of key `index` of the unit whose seed this is, and of that key's noise. Keys of different
    /// numbers are independent.
    ///
    /// ```
    /// use kernel::stream::{Label, Seed};
    ///
    /// let unit = Seed::from_bytes([7; 32]);
    /// let [first, second] = [0, 1].map(|key| *unit.derive_key(key).expose());
    /// assert_ne!(first, second);
    /// assert_eq!(&first, unit.derive(Label::UnitKey).expose());
    /// ```
    #[must_use]
    pub fn derive_key(&self, index: u8) -> Self {
        let stream = Label::UnitKey as u64 | u64::from(index) << 8;
        let mut out = Self([0; SEED_BYTES]);
        keystream::derive_into(&self.0, stream, &mut out.0);
        out
    }

    /// The public seed of the unit whose seed this is; it reveals nothing of it.
    #[must_use]
    pub fn derive_public(&self) -> PublicSeed {
        let mut out = PublicSeed([0; SEED_BYTES]);
        keystream::derive_into(&self.0, Label::PublicMask as u64, &mut out.0);
        out
    }
}

/// What a derived seed is for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[repr(u64)]
pub enum Label {
    /// The public seed of the mask polynomials.
    PublicMask = 1,
    /// The seed of a unit's one-time masks.
    OneTimeMask = 2,
    /// The key that seals a device's store, from the seed of its check vectors.
    Store = 3,
    /// The key that seals a unit's images at rest, from the unit's mask seed.
    Seal = 4,
    /// The seed of the noise of a direct session's evaluation keys; their masks' public seed is
    /// derived from it in turn.
    EvaluationKey = 5,
    /// The seed of the noise of [hybrid](crate::hybrid) evaluation keys; their masks' public seed is
    /// derived from it in turn. So neither shares a coordinate with keys of direct mode.
    HybridKey = 6,
    /// The public seed of a model, from its digest: see [`PublicSeed::of_model`].
    ModelMask = 7,
    /// The seed of the first key of a unit: see [`Seed::derive_key`].
    UnitKey = 8,
}

/// The seed of mask polynomials. The host knows it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct PublicSeed(pub [u8; SEED_BYTES]);

impl PublicSeed {
    /// The seed that all units of a model and a parameter set may share: a host multiplies its masks
    /// once. *Security*: each unit has fresh secret keys all the same; what shared masks cost is
    /// [written out](crate::glwe#shared-masks).
    ///
    /// It follows from what both sides know, so that nobody chooses it: the first 32 bytes of the
    /// ChaCha20 block whose key is the digest, domain 6, stream `7 + 256 * set`, counter 0.
    ///
    /// ```
    /// use kernel::bundle::ModelDigest;
    /// use kernel::params::ParameterId;
    /// use kernel::stream::PublicSeed;
    ///
    /// let digest = ModelDigest([7; 32]);
    /// let seed = PublicSeed::of_model(digest, ParameterId::Masked256x16);
    /// assert_eq!(seed.0[..4], [6, 51, 72, 195]);
    /// assert_ne!(seed, PublicSeed::of_model(digest, ParameterId::Masked512x8));
    /// ```
    #[must_use]
    pub fn of_model(digest: ModelDigest, set: ParameterId) -> Self {
        let stream = Label::ModelMask as u64 | (set as u64) << 8;
        let mut out = Self([0; SEED_BYTES]);
        keystream::derive_into(&digest.0, stream, &mut out.0);
        out
    }
}

/// A source of secret randomness: an operating system, or a chip's generator behind a health test.
///
/// ```
/// use kernel::stream::{Entropy, Seed};
///
/// /// A generator that a health test has switched off.
/// struct Broken;
/// impl Entropy for Broken {
///     type Error = &'static str;
///     fn fill(&mut self, _: &mut [u8]) -> Result<(), Self::Error> {
///         Err("the health test has failed")
///     }
/// }
/// assert_eq!(Seed::random(&mut Broken).err(), Some("the health test has failed"));
/// ```
pub trait Entropy {
    /// Why no randomness could be had.
    type Error;
    /// Fills `out` with uniformly random bytes.
    ///
    /// # Errors
    /// When the source cannot be trusted to have done so. Callers stop; they never go on without.
    fn fill(&mut self, out: &mut [u8]) -> Result<(), Self::Error>;
}

/// What a keystream is for; the first byte of its nonce.
#[derive(Clone, Copy, Debug)]
#[repr(u8)]
pub(crate) enum Domain {
    PublicMask = 1,
    SecretKey = 2,
    Noise = 3,
    OneTimeMask = 4,
    CheckVector = 5,
    Derivation = 6,
    TokenChoice = 7,
    #[cfg(feature = "hazmat")]
    Native = 8,
}

/// A uniform 32-bit word for the choice of the token at `position` of the answer, from 0.
///
/// ```
/// use kernel::stream::{Seed, token_choice};
///
/// let sampling = Seed::from_bytes([5; 32]);
/// assert_eq!(token_choice(&sampling, 3), token_choice(&sampling, 3));
/// assert_ne!(token_choice(&sampling, 3), token_choice(&sampling, 4));
/// ```
#[must_use]
pub fn token_choice(seed: &Seed, position: u64) -> u32 {
    let mut words = [0; 16];
    Keystream::new(&seed.0, Domain::TokenChoice, 0, 0, position).words(0, &mut words);
    words[0]
}
