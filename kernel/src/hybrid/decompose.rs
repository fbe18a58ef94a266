use super::ciphertext::{ciphertext_words, expect_residues};
use super::{HybridError, expect_length};
use crate::params::{HybridSet, LimbVisitor, Limbs};
use crate::prime::Prime;
use crate::ring::RingOps;
use core::marker::PhantomData;

/// A ciphertext with the digits of its mask, for any number of automorphisms.
///
/// ```
/// use kernel::hybrid::{Decomposed, ciphertext_words};
/// use kernel::params::{Hybrid4096 as Set, ParameterSet};
/// use kernel::prime::{Delta, Prime, Prime29};
/// use kernel::ring::{RingOps, Scalar};
///
/// // The mask is -3 X modulo Delta, 0 modulo the other limb.
/// let mut ciphertext = vec![0; ciphertext_words::<Set>()];
/// ciphertext[1] = Delta::VALUE - 3;
/// Scalar::ntt_forward::<Delta>(&mut ciphertext[..Set::N]);
/// let mut words = vec![0; Decomposed::<Set>::WORDS];
/// let decomposed = Decomposed::<Set>::new::<Scalar>(&ciphertext, &mut words)?;
///
/// // So digit 0 is the integer -3 X, modulo P as well.
/// let mut digit = decomposed.digit(0, 2).unwrap_or_default().to_vec();
/// Scalar::ntt_inverse::<Prime29>(&mut digit);
/// assert_eq!(digit[..3], [0, Prime29::VALUE - 3, 0]);
/// assert_eq!(decomposed.digit(2, 0), None);
/// # Ok::<(), kernel::hybrid::HybridError>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Decomposed<'a, S> {
    ciphertext: &'a [u32],
    digits: &'a [u32],
    set: PhantomData<S>,
}

impl<'a, S: HybridSet> Decomposed<'a, S> {
    /// Words of the digits: one polynomial modulo q P for each limb of q.
    pub const WORDS: usize = S::Chain::COUNT * S::EXTENDED_LIMBS * S::N;

    /// Cuts the mask of `ciphertext` into digits, in `buffer` of [`Self::WORDS`] words.
    ///
    /// For L limbs of q: L inverse transforms and `L^2` forward ones.
    ///
    /// # Errors
    /// [`HybridError::Length`] and [`HybridError::Residue`].
    pub fn new<R: RingOps>(
        ciphertext: &'a [u32],
        buffer: &'a mut [u32],
    ) -> Result<Self, HybridError> {
        expect_length(ciphertext.len(), ciphertext_words::<S>())?;
        expect_length(buffer.len(), Self::WORDS)?;
        expect_residues::<S>(ciphertext, S::LIMB_WORDS)?;
        S::Chain::visit(&mut Cut::<S, R> { ciphertext, digits: buffer, types: PhantomData });
        Ok(Self { ciphertext, digits: buffer, set: PhantomData })
    }

    /// Digit `element` modulo limb `limb` of q P, N residues in the NTT domain; `None` for an element
    /// or a limb that the set does not have.
    #[must_use]
    pub fn digit(&self, element: usize, limb: usize) -> Option<&'a [u32]> {
        let there = element < S::Chain::COUNT && limb < S::EXTENDED_LIMBS;
        there.then(|| self.at(element, limb))
    }

    pub(super) fn at(&self, element: usize, limb: usize) -> &'a [u32] {
        &self.digits[(element * S::EXTENDED_LIMBS + limb) * S::N..][..S::N]
    }

    /// The ciphertext.
    #[must_use]
    pub const fn ciphertext(&self) -> &'a [u32] {
        self.ciphertext
    }
}

struct Cut<'a, S, R> {
    ciphertext: &'a [u32],
    digits: &'a mut [u32],
    types: PhantomData<(S, R)>,
}

impl<S: HybridSet, R: RingOps> LimbVisitor for Cut<'_, S, R> {
    fn limb<P: Prime>(&mut self, element: usize) {
        let mask = &self.ciphertext[element * S::LIMB_WORDS..][..S::N];
        let digit = &mut self.digits[element * S::EXTENDED_LIMBS * S::N..];
        // The integers wait where the last limb, P, will be.
        let (digit, integers) =
            digit[..S::EXTENDED_LIMBS * S::N].split_at_mut(S::Chain::COUNT * S::N);
        integers.copy_from_slice(mask);
        R::ntt_inverse::<P>(integers);
        integers.iter_mut().for_each(|word| *word = P::centre(*word) as u32);
        S::Chain::visit(&mut Extend::<R> { element, mask, digit, integers, ring: PhantomData });
        for word in integers.iter_mut() {
            *word = S::Special::from_i64(i64::from(*word as i32));
        }
        R::ntt_forward::<S::Special>(integers);
    }
}

/// The integers of one digit modulo all limbs of q.
struct Extend<'a, R> {
    element: usize,
    mask: &'a [u32],
    digit: &'a mut [u32],
    integers: &'a [u32],
    ring: PhantomData<R>,
}

impl<R: RingOps> LimbVisitor for Extend<'_, R> {
    fn limb<P: Prime>(&mut self, index: usize) {
        let n = self.integers.len();
        let out = &mut self.digit[index * n..][..n];
        if index == self.element {
            return out.copy_from_slice(self.mask);
        }
        for (word, &integer) in out.iter_mut().zip(self.integers) {
            *word = P::from_i64(i64::from(integer as i32));
        }
        R::ntt_forward::<P>(out);
    }
}
