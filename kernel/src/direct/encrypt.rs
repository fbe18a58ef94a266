use super::TernaryKey;
use crate::glwe::{LengthError, add_mask_times_key};
use crate::params::{DirectSet, LimbVisitor, Limbs};
use crate::prime::Prime;
use crate::ring::RingOps;
use crate::stream::PublicSeed;
use core::marker::PhantomData;

/// Words of a mask that are expanded at a time.
pub(super) const MASK_WORDS: usize = 256;

/// One limb of the body of ciphertext `coordinate`, N residues in the NTT domain: the same words as in
/// [`encrypt_seeded_into`](crate::glwe::encrypt_seeded_into), in any order, one at a time.
///
/// *Shape and domain*: `body` holds the message, N residues modulo t in the coefficient domain, if the
/// limb is t's, limb 0; what it holds for any other limb does not matter, as q / t is a multiple of their
/// primes. `noise` is [`centred_binomial`](crate::stream::centred_binomial) of the session's seed and the
/// coordinate, for all limbs. `scratch` has N words; the key is left in it, for the caller to erase.
///
/// *Security*: a pair (seed, coordinate) is used for one message only, however often its limbs are made.
///
/// ```
/// use kernel::direct::{TernaryKey, encrypt_limb_into};
/// use kernel::glwe::{EncryptScratch, SecretKey, encrypt_seeded_into};
/// use kernel::params::{DirectSet, InsecureDirect64 as Set, ParameterSet};
/// use kernel::ring::Scalar;
/// use kernel::stream::{Seed, centred_binomial};
///
/// let seed = Seed::from_bytes([7; 32]); // in earnest from Seed::random, and used once
/// let (public, message) = (seed.derive_public(), [5; Set::N]);
/// let mut coefficients = [0; Set::N];
/// let key = TernaryKey::<Set>::generate(&seed, &mut coefficients)?;
/// let (mut noise, mut scratch) = ([0; Set::N], [0; Set::N]);
/// centred_binomial(&seed, 3, &mut noise);
/// let mut limb = message;
/// encrypt_limb_into::<Set, Scalar>(&key, &public, 3, 0, &noise, &mut limb, &mut scratch)?;
///
/// let mut words = vec![0; SecretKey::<Set>::WORDS];
/// let expanded = SecretKey::<Set>::generate::<Scalar>(&seed, &mut words)?;
/// let mut whole = vec![0; Set::BODY_WORDS];
/// let mut scratch = EncryptScratch { mask: &mut scratch, noise: &mut noise };
/// encrypt_seeded_into::<Set, Scalar>(
///     &expanded, &seed, &public, 3, &message, &mut whole, &mut scratch,
/// )?;
/// assert_eq!(limb, whole[..Set::N]);
/// # Ok::<(), kernel::glwe::LengthError>(())
/// ```
///
/// # Errors
/// [`LengthError`], also for a limb that the set does not have; nothing is written then.
pub fn encrypt_limb_into<S: DirectSet, R: RingOps>(
    key: &TernaryKey<'_, S>,
    public: &PublicSeed,
    coordinate: u64,
    limb: usize,
    noise: &[i8],
    body: &mut [u32],
    scratch: &mut [u32],
) -> Result<(), LengthError> {
    const {
        let t = S::First::VALUE;
        assert!(t == <S::Plain as Prime>::VALUE && S::Chain::MODULUS.is_multiple_of(t as u128));
    }
    let fits = body.len() == S::N
        && scratch.len() == S::N
        && noise.len() == S::N
        && limb < S::Chain::COUNT;
    if !fits {
        return Err(LengthError);
    }
    let ring = PhantomData::<R>;
    S::Chain::visit(&mut Encrypt { key, public, coordinate, limb, noise, body, scratch, ring });
    Ok(())
}

struct Encrypt<'a, 'k, S: DirectSet, R> {
    key: &'a TernaryKey<'k, S>,
    public: &'a PublicSeed,
    coordinate: u64,
    limb: usize,
    noise: &'a [i8],
    body: &'a mut [u32],
    scratch: &'a mut [u32],
    ring: PhantomData<R>,
}

impl<S: DirectSet, R: RingOps> LimbVisitor for Encrypt<'_, '_, S, R> {
    fn limb<P: Prime>(&mut self, index: usize) {
        if index != self.limb {
            return;
        }
        let t = u128::from(S::Plain::VALUE);
        let scale = (S::Chain::MODULUS / t % u128::from(P::VALUE)) as u32;
        for (b, &e) in self.body.iter_mut().zip(self.noise) {
            // q / t is 0 modulo the other limbs.
            let message = if P::VALUE == S::Plain::VALUE { P::mul(scale, *b) } else { 0 };
            *b = P::add(message, P::from_i32(e.into()));
        }
        R::ntt_forward::<P>(self.body);
        self.key.transform_into::<P, R>(self.scratch);
        let mask = &mut [0; MASK_WORDS];
        add_mask_times_key::<P, R>(self.public, self.coordinate, self.scratch, self.body, mask);
    }
}
