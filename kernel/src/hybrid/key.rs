use super::ciphertext::{Expand, expect_residues, extended_words};
use super::{HybridError, expect_degree, expect_length};
use crate::galois::Automorphism;
use crate::glwe::{EncryptScratch, KeyBlock, SecretKey};
use crate::params::{HybridSet, LimbVisitor, Limbs};
use crate::prime::Prime;
use crate::ring::RingOps;
use crate::stream::{PublicSeed, Seed, centred_binomial};
use core::marker::PhantomData;
use zeroize::Zeroize;

/// Makes the evaluation keys of one secret key: it holds that key modulo P too, which is erased from
/// the caller's memory when the generator is dropped.
///
/// The [module](super) page has an example.
pub struct KeyGenerator<'a, S: HybridSet> {
    secret: &'a SecretKey<'a, S>,
    seed: &'a Seed,
    public: &'a PublicSeed,
    /// The secret key modulo P, in the NTT domain.
    special: &'a mut [u32],
}

impl<S: HybridSet> core::fmt::Debug for KeyGenerator<'_, S> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("KeyGenerator")
    }
}

impl<S: HybridSet> Drop for KeyGenerator<'_, S> {
    fn drop(&mut self) {
        self.special.zeroize();
    }
}

impl<'a, S: HybridSet> KeyGenerator<'a, S> {
    /// Words that a generator needs.
    pub const WORDS: usize = S::N;

    /// A generator for `secret`, in `buffer` of [`Self::WORDS`] words.
    ///
    /// *Security*: `seed` is that of [`Label::HybridKey`](crate::stream::Label::HybridKey), derived
    /// from the seed of the secret key, and serves that key only; `public` is derived from it. That is
    /// not checked.
    ///
    /// ```
    /// use kernel::glwe::SecretKey;
    /// use kernel::hybrid::KeyGenerator;
    /// use kernel::params::Hybrid4096 as Set;
    /// use kernel::ring::Scalar;
    /// use kernel::stream::{Label, Seed};
    ///
    /// let session = Seed::from_bytes([1; 32]); // in earnest from Seed::random
    /// let (seed, mut words) = (session.derive(Label::HybridKey), vec![0; SecretKey::<Set>::WORDS]);
    /// let secret = SecretKey::<Set>::generate::<Scalar>(&session, &mut words)?;
    /// let (public, mut words) = (seed.derive_public(), vec![1; KeyGenerator::<Set>::WORDS]);
    /// drop(KeyGenerator::new::<Scalar>(&secret, &seed, &public, &mut words)?);
    /// assert!(words.iter().all(|&word| word == 0));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`HybridError::Length`].
    pub fn new<R: RingOps>(
        secret: &'a SecretKey<'a, S>,
        seed: &'a Seed,
        public: &'a PublicSeed,
        buffer: &'a mut [u32],
    ) -> Result<Self, HybridError> {
        expect_length(buffer.len(), Self::WORDS)?;
        let generator = Self { secret, seed, public, special: buffer };
        generator.special.copy_from_slice(secret.component(0, 0));
        S::Chain::visit(&mut ToTernary::<R>(generator.special, PhantomData));
        for word in generator.special.iter_mut() {
            *word = S::Special::from_i32(*word as i32);
        }
        R::ntt_forward::<S::Special>(generator.special);
        Ok(generator)
    }

    /// One block of an evaluation key: limb `limb` of the body for gadget element `element` of the
    /// key for `automorphism`, N residues in the NTT domain.
    ///
    /// There is an element for each limb of q; the limbs are those of q, then P. The blocks can be
    /// made in any order, and each needs no more memory than itself and the scratch. Noise and mask are
    /// those of coordinate [`key_coordinate`] under the generator's seeds.
    ///
    /// ```
    /// use kernel::galois::Automorphism;
    /// use kernel::glwe::{EncryptScratch, SecretKey};
    /// use kernel::hybrid::{HybridError, KeyGenerator};
    /// use kernel::params::{Hybrid4096 as Set, HybridSet, Limbs, ParameterSet};
    /// use kernel::ring::Scalar;
    /// use kernel::stream::{Label, Seed};
    ///
    /// let session = Seed::from_bytes([1; 32]); // in earnest from Seed::random
    /// let (seed, mut words) = (session.derive(Label::HybridKey), vec![0; SecretKey::<Set>::WORDS]);
    /// let secret = SecretKey::<Set>::generate::<Scalar>(&session, &mut words)?;
    /// let (public, mut words) = (seed.derive_public(), vec![0; KeyGenerator::<Set>::WORDS]);
    /// let generator = KeyGenerator::new::<Scalar>(&secret, &seed, &public, &mut words)?;
    ///
    /// // A key in six blocks, each sent before the next is made.
    /// let sigma = Automorphism::new(Set::N, 5);
    /// let (mut body, mut mask, mut noise) = (vec![0; Set::N], vec![0; Set::N], vec![0; Set::N]);
    /// let mut scratch = EncryptScratch { mask: &mut mask, noise: &mut noise };
    /// let mut sent = vec![];
    /// for element in 0..<Set as ParameterSet>::Chain::COUNT {
    ///     for limb in 0..Set::EXTENDED_LIMBS {
    ///         generator.body_into::<Scalar>(sigma, element, limb, &mut body, &mut scratch)?;
    ///         sent.extend_from_slice(&body);
    ///     }
    /// }
    /// assert_eq!(sent.len(), 2 * 3 * Set::N);
    /// let beyond = generator.body_into::<Scalar>(sigma, 2, 0, &mut body, &mut scratch);
    /// assert_eq!(beyond, Err(HybridError::Block));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// All but [`HybridError::Residue`]; nothing is written then.
    pub fn body_into<R: RingOps>(
        &self,
        automorphism: Automorphism,
        element: usize,
        limb: usize,
        body: &mut [u32],
        scratch: &mut EncryptScratch<'_>,
    ) -> Result<(), HybridError> {
        for length in [body.len(), scratch.mask.len(), scratch.noise.len()] {
            expect_length(length, S::N)?;
        }
        expect_degree::<S>(automorphism)?;
        if element >= S::Chain::COUNT || limb >= S::EXTENDED_LIMBS {
            return Err(HybridError::Block);
        }
        let coordinate = key_coordinate::<S>(automorphism, element);
        centred_binomial(self.seed, coordinate, scratch.noise);
        let special = limb == S::Chain::COUNT;
        let secret = if special { &*self.special } else { self.secret.component(limb, 0) };
        S::visit_extended(&mut Block::<R> {
            // Modulo a limb that is not the element's, the element is 0; modulo P, P is.
            factor: if element == limb { S::Special::VALUE } else { 0 },
            block: KeyBlock {
                automorphism,
                factor: 0,
                secret,
                noise: scratch.noise,
                public: self.public,
                coordinate,
            },
            limb,
            body,
            mask: scratch.mask,
            ring: PhantomData,
        });
        scratch.noise.zeroize();
        Ok(())
    }
}

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

/// Limb 0 of the secret key back to the integers -1, 0 and 1.
struct ToTernary<'a, R>(&'a mut [u32], PhantomData<R>);

impl<R: RingOps> LimbVisitor for ToTernary<'_, R> {
    fn limb<P: Prime>(&mut self, index: usize) {
        if index == 0 {
            R::ntt_inverse::<P>(self.0);
            self.0.iter_mut().for_each(|word| *word = P::centre(*word) as u32);
        }
    }
}

struct Block<'a, R> {
    factor: u32,
    block: KeyBlock<'a>,
    limb: usize,
    body: &'a mut [u32],
    mask: &'a mut [u32],
    ring: PhantomData<R>,
}

impl<R: RingOps> LimbVisitor for Block<'_, R> {
    fn limb<P: Prime>(&mut self, index: usize) {
        if index == self.limb {
            self.block.factor = P::reduce(self.factor.into());
            self.block.body_into::<P, R>(self.body, self.mask);
        }
    }
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
