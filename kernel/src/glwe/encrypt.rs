use super::{LengthError, SecretKey, expect_length};
use crate::params::{LimbVisitor, Limbs, ParameterSet};
use crate::prime::{Delta, Prime, T};
use crate::ring::RingOps;
use crate::stream::{PublicSeed, Seed, centred_binomial, expand_mask};
use core::marker::PhantomData;
use zeroize::Zeroize;

/// Memory that encryption works in: N words and N bytes. The noise, which is secret, is erased
/// after use; the mask is public.
pub struct EncryptScratch<'a> {
    /// One mask polynomial.
    pub mask: &'a mut [u32],
    /// The noise.
    pub noise: &'a mut [i8],
}

impl core::fmt::Debug for EncryptScratch<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("EncryptScratch")
    }
}

/// Encrypts `message`, N residues modulo t, as ciphertext `coordinate` of the unit.
///
/// *Shape and domain*: `message` is in the coefficient domain. `body` receives the body only,
/// limb-major, NTT domain, [`ParameterSet::BODY_WORDS`] words. The masks are those of [`expand_mask`]
/// for this coordinate under the unit's public seed. (The toy sets reduce those modulo t and Delta
/// modulo their own primes.)
///
/// *Security*: a pair (`seed`, `coordinate`) is used once. `key` and `public` are those of `seed`:
/// that is not checked.
///
/// The [module](super) page has an example.
///
/// # Errors
/// [`LengthError`] if a slice has another length; nothing is written then.
pub fn encrypt_seeded_into<S: ParameterSet, R: RingOps>(
    key: &SecretKey<'_, S>,
    seed: &Seed,
    public: &PublicSeed,
    coordinate: usize,
    message: &[u32],
    body: &mut [u32],
    scratch: &mut EncryptScratch<'_>,
) -> Result<(), LengthError> {
    expect_length(message.len(), S::N)?;
    expect_length(body.len(), S::BODY_WORDS)?;
    expect_length(scratch.mask.len(), S::N)?;
    expect_length(scratch.noise.len(), S::N)?;
    centred_binomial(seed, coordinate as u64, scratch.noise);
    S::Chain::visit(&mut Encrypt::<S, R> {
        key,
        public,
        coordinate,
        message,
        body,
        noise: scratch.noise,
        mask: scratch.mask,
        ring: PhantomData,
    });
    scratch.noise.zeroize();
    Ok(())
}

struct Encrypt<'a, 'k, S: ParameterSet, R> {
    key: &'a SecretKey<'k, S>,
    public: &'a PublicSeed,
    coordinate: usize,
    message: &'a [u32],
    body: &'a mut [u32],
    noise: &'a [i8],
    mask: &'a mut [u32],
    ring: PhantomData<R>,
}

impl<S: ParameterSet, R: RingOps> LimbVisitor for Encrypt<'_, '_, S, R> {
    fn limb<P: Prime>(&mut self, index: usize) {
        let body = &mut self.body[index * S::N..][..S::N];
        for (b, &e) in body.iter_mut().zip(self.noise) {
            *b = P::from_i8(e);
        }
        S::encode_assign::<P>(self.message, body);
        R::ntt_forward::<P>(body);
        for component in 0..S::K {
            let first = component * S::N;
            mask_words::<P>(self.public, self.coordinate as u64, first, self.mask);
            R::mul_add_assign::<P>(body, self.mask, self.key.component(index, component));
        }
    }
}

/// The words `first..` of a coordinate's masks modulo `P`. Toy primes reduce the words of the real
/// prime in their lane.
fn mask_words<P: Prime>(public: &PublicSeed, coordinate: u64, first: usize, out: &mut [u32]) {
    match P::VALUE {
        0..256 if P::MASK_LANE == 0 => expand_mask::<T>(public, coordinate, first, out),
        0..256 => expand_mask::<Delta>(public, coordinate, first, out),
        _ => return expand_mask::<P>(public, coordinate, first, out),
    }
    out.iter_mut().for_each(|w| *w = P::reduce(u64::from(*w)));
}
