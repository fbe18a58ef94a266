use super::{LengthError, expect_length};
use crate::params::{LimbVisitor, Limbs, ParameterSet};
use crate::prime::Prime;
use crate::ring::RingOps;
use crate::stream::{Seed, ternary};
use core::marker::PhantomData;
use zeroize::Zeroize;

/// A secret key, expanded: K ternary polynomials in the NTT domain, once for each limb.
///
/// It lives in the caller's memory and is erased from it when dropped.
///
/// ```
/// use kernel::glwe::{LengthError, SecretKey};
/// use kernel::params::Masked256x16 as Set;
/// use kernel::ring::Scalar;
/// use kernel::stream::Seed;
///
/// let unit = Seed::from_bytes([1; 32]);
/// let mut words = vec![1; SecretKey::<Set>::WORDS];
/// drop(SecretKey::<Set>::generate::<Scalar>(&unit, &mut words)?);
/// assert!(words.iter().all(|&word| word == 0));
///
/// let short = SecretKey::<Set>::generate::<Scalar>(&unit, &mut words[1..]);
/// assert_eq!(short.err(), Some(LengthError));
/// # Ok::<(), LengthError>(())
/// ```
pub struct SecretKey<'b, S: ParameterSet> {
    words: &'b mut [u32],
    set: PhantomData<S>,
}

impl<S: ParameterSet> core::fmt::Debug for SecretKey<'_, S> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("SecretKey")
    }
}

impl<S: ParameterSet> Drop for SecretKey<'_, S> {
    fn drop(&mut self) {
        self.words.zeroize();
    }
}

impl<'b, S: ParameterSet> SecretKey<'b, S> {
    /// Words that a key needs.
    pub const WORDS: usize = S::Chain::COUNT * S::MASK_WORDS;

    /// Draws the key of the unit `seed` into `buffer`, of [`Self::WORDS`] words.
    ///
    /// # Errors
    /// [`LengthError`].
    pub fn generate<R: RingOps>(seed: &Seed, buffer: &'b mut [u32]) -> Result<Self, LengthError> {
        expect_length(buffer.len(), Self::WORDS)?;
        let key = Self { words: buffer, set: PhantomData };
        // The ternary draws of a component pass through a small buffer, into every limb.
        let mut draws = [0; crate::ntt::MAX_DEGREE];
        for component in 0..S::K {
            let draws = &mut draws[..S::N];
            ternary(seed, component as u32, draws);
            S::Chain::visit(&mut Expand::<R> {
                draws,
                words: key.words,
                offset: component * S::N,
                stride: S::MASK_WORDS,
                ring: PhantomData,
            });
        }
        draws.zeroize();
        Ok(key)
    }

    /// Component `component` modulo the prime of limb `limb`.
    pub(crate) fn component(&self, limb: usize, component: usize) -> &[u32] {
        &self.words[limb * S::MASK_WORDS + component * S::N..][..S::N]
    }
}

struct Expand<'a, R> {
    draws: &'a [i8],
    words: &'a mut [u32],
    offset: usize,
    stride: usize,
    ring: PhantomData<R>,
}

impl<R: RingOps> LimbVisitor for Expand<'_, R> {
    fn limb<P: Prime>(&mut self, index: usize) {
        let polynomial = &mut self.words[index * self.stride + self.offset..][..self.draws.len()];
        for (word, &s) in polynomial.iter_mut().zip(self.draws) {
            *word = P::from_i32(i32::from(s));
        }
        R::ntt_forward::<P>(polynomial);
    }
}
