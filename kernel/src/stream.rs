//! Randomness, written down to the bit: ChaCha20 keystreams addressed by position.
//!
//! Every random value of the system is cut from an IETF ChaCha20 block. The block's address is
//! (key, nonce, counter), and the nonce is
//!
//! | byte | 0 | 1 | 2 | 3 | 4..12 |
//! |---|---|---|---|---|---|
//! | | domain | attempt | lane | 0 | stream, little-endian `u64` |
//!
//! The 64 bytes of a block are sixteen little-endian words. What is cut from it:
//!
//! | domain | key | lane | stream | counter | cut |
//! |---|---|---|---|---|---|
//! | 1 public mask | public seed of the unit | prime | coordinate j | column / 16 | word column % 16, uniform |
//! | 2 secret key | unit seed | 0 | component of the key | i / 8 | 64-bit word i % 8, ternary |
//! | 3 noise | unit seed | 0 | coordinate j | i / 10 | see [`centred_binomial`] |
//! | 4 one-time mask | mask seed of the unit | 0 | token / 4 | coordinate / 4 | word 4 (coordinate % 4) + token % 4, uniform mod t |
//! | 5 check vector | check seed | repetition | group | row / 16 | word row % 16, uniform mod t |
//! | 6 derivation | any seed | 0 | label | 0 | first 32 bytes |
//! | 7 token choice | sampling seed | 0 | position | 0 | word 0 |
//!
//! *Uniform* words are exactly uniform: the draw is the low [`Prime::BITS`] bits of the word, and a
//! draw at or above the modulus (once in 4096) is replaced by the same word of the block whose
//! nonce has the next attempt number. So any tile can be expanded alone, in parallel. The retries
//! are independent of the value accepted, and may be seen.

mod keystream;
mod samplers;
#[cfg(test)]
mod tests;
mod uniform;

pub use samplers::{NOISE_BOUND, centred_binomial, ternary};
pub use uniform::{check_vector, expand_mask_columns, one_time_mask, one_time_mask_coordinates};

pub(crate) use keystream::Keystream;

use zeroize::Zeroize;

/// Bytes of a seed.
pub const SEED_BYTES: usize = 32;

/// A secret 256-bit key. Erased when dropped; never copied, compared or printed.
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
}

/// The seed of a unit's mask polynomials. The host knows it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct PublicSeed(pub [u8; SEED_BYTES]);

/// A source of secret randomness: an operating system, or a chip's generator behind a health test.
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
}

/// A uniform 32-bit word for the choice of the token at `position`.
#[must_use]
pub fn token_choice(seed: &Seed, position: u64) -> u32 {
    let mut words = [0; 16];
    Keystream::new(&seed.0, Domain::TokenChoice, 0, 0, position).words(0, &mut words);
    words[0]
}
