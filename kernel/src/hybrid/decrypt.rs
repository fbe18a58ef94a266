use super::ciphertext::{ciphertext_words, expect_residues};
use super::{HybridError, expect_length};
use crate::direct::{round_to_plain, switch_into};
use crate::glwe::{SecretKey, phase};
use crate::params::{HybridSet, LimbVisitor, Limbs};
use crate::prime::Prime;
use crate::ring::RingOps;
use core::marker::PhantomData;
use zeroize::Zeroize;

/// Memory that decryption works in; erased after use.
pub struct DecryptScratch<'a> {
    /// [`BODY_WORDS`](crate::params::ParameterSet::BODY_WORDS) words.
    pub phase: &'a mut [u32],
    /// N numbers.
    pub fractions: &'a mut [u64],
}

impl core::fmt::Debug for DecryptScratch<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("DecryptScratch")
    }
}

/// Bits of the phase's fraction of q.
const FRACTION_BITS: u32 = 63;

/// Decrypts a ciphertext modulo q into N residues modulo t: `round(t phase / q)`.
///
/// *Shape and domain*: `ciphertext` has [`ciphertext_words`] words in
/// the NTT domain; `message` is in the coefficient domain.
///
/// The result is right while the noise is below [`noise::room`](super::noise::room), but for the last
/// `2^-28` of it, where it may be that of the neighbour. A ciphertext that somebody has made up
/// decrypts to something, in the same time.
///
/// ```
/// use kernel::glwe::SecretKey;
/// use kernel::hybrid::{DecryptScratch, ciphertext_words, decrypt_into};
/// use kernel::params::{Hybrid4096 as Set, ParameterSet};
/// use kernel::ring::Scalar;
/// use kernel::stream::Seed;
///
/// let mut words = vec![0; SecretKey::<Set>::WORDS];
/// let key = SecretKey::<Set>::generate::<Scalar>(&Seed::from_bytes([1; 32]), &mut words)?;
/// // Zeros are a ciphertext of zeros under every key, without noise.
/// let ciphertext = vec![0; ciphertext_words::<Set>()];
/// let (mut phase, mut fractions) = (vec![0; Set::BODY_WORDS], vec![0; Set::N]);
/// let mut scratch = DecryptScratch { phase: &mut phase, fractions: &mut fractions };
/// let mut message = vec![7; Set::N];
/// decrypt_into::<Set, Scalar>(&key, &ciphertext, &mut message, &mut scratch)?;
/// assert_eq!(message, vec![0; Set::N]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// [`HybridError::Length`] and [`HybridError::Residue`]; nothing is written then.
pub fn decrypt_into<S: HybridSet, R: RingOps>(
    key: &SecretKey<'_, S>,
    ciphertext: &[u32],
    message: &mut [u32],
    scratch: &mut DecryptScratch<'_>,
) -> Result<(), HybridError> {
    expect_length(ciphertext.len(), ciphertext_words::<S>())?;
    expect_length(message.len(), S::N)?;
    expect_length(scratch.phase.len(), S::BODY_WORDS)?;
    expect_length(scratch.fractions.len(), S::N)?;
    expect_residues::<S>(ciphertext, S::LIMB_WORDS)?;
    phase_into::<S, R>(key, ciphertext, scratch.phase);
    switch_into::<S>(FRACTION_BITS, scratch.phase, scratch.fractions);
    for (m, &fraction) in message.iter_mut().zip(&*scratch.fractions) {
        *m = round_to_plain::<S>(fraction, FRACTION_BITS);
    }
    scratch.phase.zeroize();
    scratch.fractions.zeroize();
    Ok(())
}

/// `b - a s`, limb-major, in the coefficient domain.
pub(super) fn phase_into<S: HybridSet, R: RingOps>(
    key: &SecretKey<'_, S>,
    ciphertext: &[u32],
    out: &mut [u32],
) {
    S::Chain::visit(&mut Phase::<S, R> { key, ciphertext, out, ring: PhantomData });
}

struct Phase<'a, 'k, S: HybridSet, R> {
    key: &'a SecretKey<'k, S>,
    ciphertext: &'a [u32],
    out: &'a mut [u32],
    ring: PhantomData<R>,
}

impl<S: HybridSet, R: RingOps> LimbVisitor for Phase<'_, '_, S, R> {
    fn limb<P: Prime>(&mut self, index: usize) {
        let limb = &self.ciphertext[index * S::LIMB_WORDS..][..S::LIMB_WORDS];
        phase::<S, P, R>(self.key, index, limb, &mut self.out[index * S::N..][..S::N]);
    }
}
