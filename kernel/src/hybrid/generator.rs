use super::{HybridError, expect_degree, expect_length, key_coordinate};
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
