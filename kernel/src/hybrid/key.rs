use super::ciphertext::{Expand, expect_residues, extended_words};
use super::{HybridError, expect_degree, expect_length};
use crate::galois::Automorphism;
use crate::params::{HybridSet, Limbs};
use crate::stream::PublicSeed;
use core::marker::PhantomData;

/// The coordinate of the mask and of the noise of an element of an evaluation key: `L g + element`
/// for `X -> X^g` and L limbs of q.
///
/// ```
/// use kernel::galois::Automorphism;
/// use kernel::hybrid::key_coordinate;
/// use kernel::params::Hybrid4096;
///
/// assert_eq!(key_coordinate::<Hybrid4096>(Automorphism::new(4096, 5), 1), 11);
/// ```
#[must_use]
pub fn key_coordinate<S: HybridSet>(automorphism: Automorphism, element: usize) -> u64 {
    u64::from(automorphism.exponent()) * S::Chain::COUNT as u64 + element as u64
}

/// The evaluation key of one automorphism, as the host uses it: for each limb of q a ciphertext
/// modulo q P.
#[derive(Clone, Copy, Debug)]
pub struct EvaluationKey<'a, S> {
    automorphism: Automorphism,
    words: &'a [u32],
    set: PhantomData<S>,
}

impl<'a, S: HybridSet> EvaluationKey<'a, S> {
    /// Words of a key.
    pub const WORDS: usize = S::Chain::COUNT * extended_words::<S>();
    /// Words of its bodies: what is sent.
    pub const BODY_WORDS: usize = Self::WORDS / 2;

    /// The key with these bodies, element by element, within an element limb by limb; its masks are
    /// drawn from `public`. `buffer` has [`Self::WORDS`] words, and may be kept for
    /// [`Self::from_words`].
    ///
    /// ```
    /// use kernel::galois::Automorphism;
    /// use kernel::hybrid::EvaluationKey;
    /// use kernel::params::Hybrid4096 as Set;
    /// use kernel::stream::Seed;
    ///
    /// let (public, sigma) = (Seed::from_bytes([1; 32]).derive_public(), Automorphism::new(4096, -1));
    /// let bodies = vec![0; EvaluationKey::<Set>::BODY_WORDS]; // in earnest from a KeyGenerator
    /// let mut words = vec![0; EvaluationKey::<Set>::WORDS];
    /// let key = EvaluationKey::<Set>::expand(sigma, &public, &bodies, &mut words)?;
    /// assert_eq!(key.automorphism(), sigma);
    /// # Ok::<(), kernel::hybrid::HybridError>(())
    /// ```
    ///
    /// # Errors
    /// All but [`HybridError::Block`].
    pub fn expand(
        automorphism: Automorphism,
        public: &PublicSeed,
        bodies: &[u32],
        buffer: &'a mut [u32],
    ) -> Result<Self, HybridError> {
        expect_length(bodies.len(), Self::BODY_WORDS)?;
        expect_length(buffer.len(), Self::WORDS)?;
        expect_degree::<S>(automorphism)?;
        let words = extended_words::<S>();
        let elements = bodies.chunks_exact(words / 2).zip(buffer.chunks_exact_mut(words));
        for (element, (body, ciphertext)) in elements.enumerate() {
            let coordinate = key_coordinate::<S>(automorphism, element);
            S::visit_extended(&mut Expand { public, coordinate, body, ciphertext, degree: S::N });
        }
        Self::from_words(automorphism, buffer)
    }

    /// The key that another [`Self::expand`] has left in `words`.
    ///
    /// ```
    /// use kernel::galois::Automorphism;
    /// use kernel::hybrid::EvaluationKey;
    /// use kernel::params::Hybrid4096 as Set;
    ///
    /// let words = vec![0; EvaluationKey::<Set>::WORDS];
    /// assert!(EvaluationKey::<Set>::from_words(Automorphism::new(4096, -1), &words).is_ok());
    /// ```
    ///
    /// # Errors
    /// All but [`HybridError::Block`].
    pub fn from_words(automorphism: Automorphism, words: &'a [u32]) -> Result<Self, HybridError> {
        expect_length(words.len(), Self::WORDS)?;
        expect_degree::<S>(automorphism)?;
        for ciphertext in words.chunks_exact(extended_words::<S>()) {
            expect_residues::<S>(ciphertext, S::LIMB_WORDS)?;
        }
        Ok(Self { automorphism, words, set: PhantomData })
    }

    /// What the key is for.
    #[must_use]
    pub const fn automorphism(&self) -> Automorphism {
        self.automorphism
    }

    /// Limb `limb` of the ciphertext of an element: mask, then body.
    pub(super) fn limb(&self, element: usize, limb: usize) -> &'a [u32] {
        &self.words[(element * S::EXTENDED_LIMBS + limb) * S::LIMB_WORDS..][..S::LIMB_WORDS]
    }
}
