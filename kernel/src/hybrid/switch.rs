use super::{Accumulator, Decomposed, EvaluationKey, HybridError, expect_length};
use crate::params::HybridSet;
use crate::ring::RingOps;

/// Words of memory that [`switch_key_into`] works in.
///
/// ```
/// use kernel::hybrid::switch_scratch_words;
/// use kernel::params::Hybrid4096;
///
/// // Digits, a sum and an image: 6, 6 and 1 polynomials modulo one limb.
/// assert_eq!(switch_scratch_words::<Hybrid4096>(), 13 * 4096);
/// ```
#[must_use]
pub const fn switch_scratch_words<S: HybridSet>() -> usize {
    Decomposed::<S>::WORDS + Accumulator::<S>::WORDS
}

/// Applies an automorphism: `sigma(ciphertext)`, under the key of `ciphertext`.
///
/// *Shape and domain*: `ciphertext` and `out` have [`ciphertext_words`](super::ciphertext_words) words in
/// the NTT domain, `scratch` has [`switch_scratch_words`]. It adds noise of variance
/// [`noise::key_switch`](super::noise::key_switch). For several automorphisms of one ciphertext, or for
/// their sum, use [`Decomposed`] and [`Accumulator`]: the results are the same to the bit, sums have
/// less noise.
///
/// ```
/// use kernel::galois::Automorphism;
/// use kernel::hybrid::{EvaluationKey, ciphertext_words, switch_key_into, switch_scratch_words};
/// use kernel::params::Hybrid4096 as Set;
/// use kernel::ring::Scalar;
/// use kernel::stream::Seed;
///
/// // Zeros stand for a body from a KeyGenerator, and for a ciphertext.
/// let (public, sigma) = (Seed::from_bytes([1; 32]).derive_public(), Automorphism::new(4096, 5));
/// let bodies = vec![0; EvaluationKey::<Set>::BODY_WORDS];
/// let mut words = vec![0; EvaluationKey::<Set>::WORDS];
/// let key = EvaluationKey::<Set>::expand(sigma, &public, &bodies, &mut words)?;
/// let ciphertext = vec![0; ciphertext_words::<Set>()];
/// let (mut out, mut scratch) = (ciphertext.clone(), vec![0; switch_scratch_words::<Set>()]);
/// switch_key_into::<Set, Scalar>(&ciphertext, &key, &mut out, &mut scratch)?;
/// assert_eq!(out, ciphertext);
/// # Ok::<(), kernel::hybrid::HybridError>(())
/// ```
///
/// # Errors
/// [`HybridError::Length`] and [`HybridError::Residue`].
pub fn switch_key_into<S: HybridSet, R: RingOps>(
    ciphertext: &[u32],
    key: &EvaluationKey<'_, S>,
    out: &mut [u32],
    scratch: &mut [u32],
) -> Result<(), HybridError> {
    expect_length(scratch.len(), switch_scratch_words::<S>())?;
    let (digits, sum) = scratch.split_at_mut(Decomposed::<S>::WORDS);
    let decomposed = Decomposed::new::<R>(ciphertext, digits)?;
    let mut sum = Accumulator::new(sum)?;
    sum.add_switched::<R>(&decomposed, key);
    sum.finish_into::<R>(out)
}
