use crate::gadget::{digit_bits, digits, element as gadget_element};
use crate::galois::Automorphism;
use crate::glwe::{EncryptScratch, KeyBlock, LengthError, SecretKey};
use crate::params::{DirectSet, LimbVisitor, Limbs, ParameterSet};
use crate::prime::Prime;
use crate::ring::RingOps;
use crate::stream::{PublicSeed, Seed, centred_binomial};
use core::marker::PhantomData;
use zeroize::Zeroize;

/// One block of an evaluation key: limb `limb` of the body for gadget element `element` of the key
/// for `automorphism`, N residues in the NTT domain.
///
/// The elements are the digits of limb 0, of limb 1 and so on. The blocks can be made in any order,
/// and each needs no more memory than itself and the scratch. Its mask is
/// [`expand_mask`](crate::stream::expand_mask) of `public` at coordinate [`key_coordinate`].
///
/// *Security*: `seed` is that of [`Label::EvaluationKey`](crate::stream::Label::EvaluationKey) and
/// serves one secret key; `public` is derived from it. That evaluation keys under the key that they
/// are made of reveal nothing is the usual assumption of circular security.
///
/// ```
/// use kernel::direct::{DirectShape, evaluation_key_body_into};
/// use kernel::galois::Automorphism;
/// use kernel::glwe::{EncryptScratch, SecretKey};
/// use kernel::params::{Direct4096 as Set, DirectSet, ParameterSet};
/// use kernel::ring::Scalar;
/// use kernel::stream::{Label, Seed};
/// use kernel::wire::pack_body;
///
/// let session = Seed::from_bytes([7; 32]); // in earnest from Seed::random, and used once
/// let key_seed = session.derive(Label::EvaluationKey);
/// let public = key_seed.derive_public(); // the host is told
/// let mut words = vec![0; SecretKey::<Set>::WORDS];
/// let key = SecretKey::<Set>::generate::<Scalar>(&session, &mut words)?;
///
/// // One ciphertext of the key for X -> X^5, as it is sent: its limbs, packed.
/// let (sigma, element) = (Automorphism::new(Set::N, 5), 0);
/// assert!(element < Set::GADGET);
/// let (mut mask, mut noise) = (vec![0; Set::N], vec![0; Set::N]);
/// let mut scratch = EncryptScratch { mask: &mut mask, noise: &mut noise };
/// let mut body = vec![0; Set::BODY_WORDS];
/// for (limb, body) in body.chunks_exact_mut(Set::N).enumerate() {
///     evaluation_key_body_into::<Set, Scalar>(
///         &key,
///         &key_seed,
///         &public,
///         sigma,
///         element,
///         limb,
///         body,
///         &mut scratch,
///     )?;
/// }
/// let shape = DirectShape::of_set::<Set>();
/// let mut packed = vec![0; shape.body_bytes()];
/// pack_body(&shape, &body, &mut packed)?;
/// assert_eq!(packed.len(), 42_496);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// [`LengthError`], also for an element or a limb that the set does not have.
pub fn evaluation_key_body_into<S: DirectSet, R: RingOps>(
    key: &SecretKey<'_, S>,
    seed: &Seed,
    public: &PublicSeed,
    automorphism: Automorphism,
    element: usize,
    limb: usize,
    body: &mut [u32],
    scratch: &mut EncryptScratch<'_>,
) -> Result<(), LengthError> {
    let fits = body.len() == S::N
        && scratch.mask.len() == S::N
        && scratch.noise.len() == S::N
        && element < S::GADGET
        && limb < S::Chain::COUNT;
    if !fits {
        return Err(LengthError);
    }
    let coordinate = key_coordinate::<S>(automorphism, element);
    centred_binomial(seed, coordinate, scratch.noise);
    let (mask, noise) = (&mut *scratch.mask, &*scratch.noise);
    let place = (automorphism, element, limb);
    let ring = PhantomData::<R>;
    S::Chain::visit(&mut Block { key, public, coordinate, place, body, mask, noise, ring });
    scratch.noise.zeroize();
    Ok(())
}

/// The coordinate of the mask and of the noise of an element of an evaluation key.
#[must_use]
pub fn key_coordinate<S: DirectSet>(automorphism: Automorphism, element: usize) -> u64 {
    u64::from(automorphism.exponent()) * S::GADGET as u64 + element as u64
}

struct Block<'a, 'k, S: ParameterSet, R> {
    key: &'a SecretKey<'k, S>,
    public: &'a PublicSeed,
    coordinate: u64,
    /// Automorphism, element, limb.
    place: (Automorphism, usize, usize),
    body: &'a mut [u32],
    mask: &'a mut [u32],
    noise: &'a [i8],
    ring: PhantomData<R>,
}

impl<S: DirectSet, R: RingOps> LimbVisitor for Block<'_, '_, S, R> {
    fn limb<P: Prime>(&mut self, index: usize) {
        let (automorphism, element, limb) = self.place;
        if index != limb {
            return;
        }
        let (digits_of, digit) = gadget_element(S::Chain::BITS, S::DIGIT_BITS, element);
        let bits = digit_bits::<P>(digits::<P>(S::DIGIT_BITS));
        let factor = if digits_of == index { P::reduce(1 << (bits * digit as u32)) } else { 0 };
        KeyBlock {
            automorphism,
            factor,
            secret: self.key.component(index, 0),
            noise: self.noise,
            public: self.public,
            coordinate: self.coordinate,
        }
        .body_into::<P, R>(self.body, self.mask);
    }
}
