use super::ciphertext::{ciphertext_words, expect_residues, extended_words};
use super::mod_down::divide;
use super::{Decomposed, EvaluationKey, HybridError, expect_length};
use crate::galois::Automorphism;
use crate::params::{HybridSet, LimbVisitor, Limbs};
use crate::prime::Prime;
use crate::ring::RingOps;
use core::marker::PhantomData;

/// A sum of ciphertexts modulo q P, each P times what it stands for: key switches of which the
/// division by P is put off until the end.
///
/// Any number of terms may be added; nothing overflows, and each switch adds noise as
/// [`noise::sum`](super::noise::sum) says. The [module](super) page has an example.
#[derive(Debug)]
pub struct Accumulator<'a, S> {
    sum: &'a mut [u32],
    /// An image under an automorphism.
    image: &'a mut [u32],
    set: PhantomData<S>,
}

impl<'a, S: HybridSet> Accumulator<'a, S> {
    /// Words that an accumulator needs.
    pub const WORDS: usize = extended_words::<S>() + S::N;

    /// A sum of nothing, in `buffer` of [`Self::WORDS`] words.
    ///
    /// ```
    /// use kernel::hybrid::{Accumulator, ciphertext_words};
    /// use kernel::params::Hybrid4096 as Set;
    /// use kernel::ring::Scalar;
    ///
    /// let mut words = vec![77; Accumulator::<Set>::WORDS];
    /// let mut result = vec![77; ciphertext_words::<Set>()];
    /// Accumulator::<Set>::new(&mut words)?.finish_into::<Scalar>(&mut result)?;
    /// assert!(result.iter().all(|&word| word == 0));
    /// # Ok::<(), kernel::hybrid::HybridError>(())
    /// ```
    ///
    /// # Errors
    /// [`HybridError::Length`].
    pub fn new(buffer: &'a mut [u32]) -> Result<Self, HybridError> {
        expect_length(buffer.len(), Self::WORDS)?;
        buffer.fill(0);
        let (sum, image) = buffer.split_at_mut(extended_words::<S>());
        Ok(Self { sum, image, set: PhantomData })
    }

    /// Adds a ciphertext as it is. This adds no noise, not even at the division.
    ///
    /// ```
    /// use kernel::hybrid::{Accumulator, ciphertext_words};
    /// use kernel::params::Hybrid4096 as Set;
    /// use kernel::ring::Scalar;
    ///
    /// let ciphertext = vec![5; ciphertext_words::<Set>()];
    /// let mut words = vec![0; Accumulator::<Set>::WORDS];
    /// let mut sum = Accumulator::<Set>::new(&mut words)?;
    /// sum.add::<Scalar>(&ciphertext)?;
    /// sum.add::<Scalar>(&ciphertext)?;
    /// let mut result = vec![0; ciphertext_words::<Set>()];
    /// sum.finish_into::<Scalar>(&mut result)?;
    /// assert_eq!(result, vec![10; ciphertext_words::<Set>()]);
    /// # Ok::<(), kernel::hybrid::HybridError>(())
    /// ```
    ///
    /// # Errors
    /// [`HybridError::Length`] and [`HybridError::Residue`]; nothing is added then.
    pub fn add<R: RingOps>(&mut self, ciphertext: &[u32]) -> Result<(), HybridError> {
        expect_length(ciphertext.len(), ciphertext_words::<S>())?;
        expect_residues::<S>(ciphertext, S::LIMB_WORDS)?;
        let identity = Automorphism::new(S::N, 1);
        for first in [0, S::N] {
            self.add_scaled::<R>(ciphertext, first, identity);
        }
        Ok(())
    }

    /// Adds `sigma(ciphertext)`, switched back to the ciphertext's own key, with the key for sigma.
    ///
    /// A key of another secret key gives a ciphertext of noise.
    pub fn add_switched<R: RingOps>(
        &mut self,
        decomposed: &Decomposed<'_, S>,
        key: &EvaluationKey<'_, S>,
    ) {
        self.add_scaled::<R>(decomposed.ciphertext(), S::N, key.automorphism());
        S::visit_extended(&mut Inner::<S, R> {
            decomposed,
            key,
            sum: self.sum,
            image: self.image,
            ring: PhantomData,
        });
    }

    /// The sum, divided by P and rounded, as a ciphertext modulo q.
    ///
    /// # Errors
    /// [`HybridError::Length`].
    pub fn finish_into<R: RingOps>(self, ciphertext: &mut [u32]) -> Result<(), HybridError> {
        expect_length(ciphertext.len(), ciphertext_words::<S>())?;
        divide::<S, R>(self.sum, ciphertext);
        Ok(())
    }

    /// Adds P times the image of the polynomial at word `first` of each limb.
    fn add_scaled<R: RingOps>(&mut self, ciphertext: &[u32], first: usize, sigma: Automorphism) {
        S::Chain::visit(&mut Scaled::<S, R> {
            ciphertext,
            first,
            sigma,
            sum: self.sum,
            image: self.image,
            types: PhantomData,
        });
    }
}

struct Scaled<'a, S, R> {
    ciphertext: &'a [u32],
    first: usize,
    sigma: Automorphism,
    sum: &'a mut [u32],
    image: &'a mut [u32],
    types: PhantomData<(S, R)>,
}

impl<S: HybridSet, R: RingOps> LimbVisitor for Scaled<'_, S, R> {
    fn limb<P: Prime>(&mut self, index: usize) {
        let at = index * S::LIMB_WORDS + self.first;
        self.sigma.permute_into(&self.ciphertext[at..][..S::N], self.image);
        R::scale_assign::<P>(self.image, P::reduce(S::Special::VALUE.into()));
        R::add_assign::<P>(&mut self.sum[at..][..S::N], self.image);
    }
}

/// The digits' images times the key.
struct Inner<'a, 'b, S, R> {
    decomposed: &'a Decomposed<'b, S>,
    key: &'a EvaluationKey<'b, S>,
    sum: &'a mut [u32],
    image: &'a mut [u32],
    ring: PhantomData<R>,
}

impl<S: HybridSet, R: RingOps> LimbVisitor for Inner<'_, '_, S, R> {
    fn limb<P: Prime>(&mut self, index: usize) {
        let (mask, body) = self.sum[index * S::LIMB_WORDS..][..S::LIMB_WORDS].split_at_mut(S::N);
        for element in 0..S::Chain::COUNT {
            let digit = self.decomposed.at(element, index);
            self.key.automorphism().permute_into(digit, self.image);
            let (key_mask, key_body) = self.key.limb(element, index).split_at(S::N);
            R::mul_add_assign::<P>(mask, self.image, key_mask);
            R::mul_add_assign::<P>(body, self.image, key_body);
        }
    }
}
