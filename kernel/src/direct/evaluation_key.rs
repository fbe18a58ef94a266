use super::TernaryKey;
use super::encrypt::MASK_WORDS;
use crate::gadget::{digit_bits, digits, element as gadget_element};
use crate::galois::Automorphism;
use crate::glwe::{KeyBlock, LengthError};
use crate::params::{DirectSet, LimbVisitor, Limbs};
use crate::prime::Prime;
use crate::ring::RingOps;
use crate::stream::PublicSeed;
use core::marker::PhantomData;

/// One block of an evaluation key: limb `limb` of the body for gadget element `element` of the key
/// for `automorphism`, N residues in the NTT domain.
///
/// The elements are the digits of limb 0, of limb 1 and so on. The blocks can be made in any order,
/// and each needs no more memory than itself and the scratch. Its mask is
/// [`expand_mask`](crate::stream::expand_mask) of `public` at coordinate [`key_coordinate`], and `noise` is
/// [`centred_binomial`](crate::stream::centred_binomial) there, for all limbs. `scratch` has N words; the
/// key is left in it, for the caller to erase.
///
/// *Security*: the noise is of the seed of
/// [`Label::EvaluationKey`](crate::stream::Label::EvaluationKey), which serves one secret key; `public` is
/// derived from it. That evaluation keys under the key that they are made of reveal nothing is the usual
/// assumption of circular security.
///
/// ```
/// use kernel::direct::{DirectShape, TernaryKey, evaluation_key_limb_into, key_coordinate};
/// use kernel::galois::Automorphism;
/// use kernel::params::{Direct4096 as Set, DirectSet, ParameterSet};
/// use kernel::ring::Scalar;
/// use kernel::stream::{Label, Seed, centred_binomial};
/// use kernel::wire::pack_body;
///
/// let session = Seed::from_bytes([7; 32]); // in earnest from Seed::random, and used once
/// let key_seed = session.derive(Label::EvaluationKey);
/// let public = key_seed.derive_public(); // the host is told
/// let mut coefficients = vec![0; Set::N];
/// let key = TernaryKey::<Set>::generate(&session, &mut coefficients)?;
///
/// // One ciphertext of the key for X -> X^5, as it is sent: its limbs, packed.
/// let (sigma, element) = (Automorphism::new(Set::N, 5), 0);
/// assert!(element < Set::GADGET);
/// let (mut noise, mut scratch) = (vec![0; Set::N], vec![0; Set::N]);
/// centred_binomial(&key_seed, key_coordinate::<Set>(sigma, element), &mut noise);
/// let mut body = vec![0; Set::BODY_WORDS];
/// for (limb, body) in body.chunks_exact_mut(Set::N).enumerate() {
///     evaluation_key_limb_into::<Set, Scalar>(
///         &key,
///         &public,
///         sigma,
///         element,
///         limb,
///         &noise,
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
/// [`LengthError`], also for an element or a limb that the set does not have; nothing is written then.
pub fn evaluation_key_limb_into<S: DirectSet, R: RingOps>(
    key: &TernaryKey<'_, S>,
    public: &PublicSeed,
    automorphism: Automorphism,
    element: usize,
    limb: usize,
    noise: &[i8],
    body: &mut [u32],
    scratch: &mut [u32],
) -> Result<(), LengthError> {
    let fits = body.len() == S::N
        && scratch.len() == S::N
        && noise.len() == S::N
        && element < S::GADGET
        && limb < S::Chain::COUNT;
    if !fits {
        return Err(LengthError);
    }
    let place = (automorphism, element, limb);
    let ring = PhantomData::<R>;
    S::Chain::visit(&mut Block { key, public, place, body, scratch, noise, ring });
    Ok(())
}

/// The coordinate of the mask and of the noise of an element of an evaluation key.
#[must_use]
pub fn key_coordinate<S: DirectSet>(automorphism: Automorphism, element: usize) -> u64 {
    u64::from(automorphism.exponent()) * S::GADGET as u64 + element as u64
}

struct Block<'a, 'k, S: DirectSet, R> {
    key: &'a TernaryKey<'k, S>,
    public: &'a PublicSeed,
    /// Automorphism, element, limb.
    place: (Automorphism, usize, usize),
    body: &'a mut [u32],
    scratch: &'a mut [u32],
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
        self.key.transform_into::<P, R>(self.scratch);
        KeyBlock {
            automorphism,
            factor,
            secret: self.scratch,
            noise: self.noise,
            public: self.public,
            coordinate: key_coordinate::<S>(automorphism, element),
        }
        .body_into::<P, R>(self.body, &mut [0; MASK_WORDS]);
    }
}
