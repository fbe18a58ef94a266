//! Key switches against the automorphism of the message; what wrong use gives.

mod measured;
mod misuse;

use super::decrypt::phase_into;
use super::*;
use crate::glwe::{EncryptScratch, SecretKey, encrypt_seeded_into};
use crate::params::{InsecureHybrid8, InsecureHybrid64, LimbVisitor, Limbs, ParameterSet};
use crate::prime::{Prime, T};
use crate::ring::Scalar;
use crate::stream::{Label, PublicSeed, Seed};
use core::marker::PhantomData;
use proptest::prelude::*;
use std::vec;
use std::vec::Vec;

/// Owner of a secret key.
struct Device<S> {
    seed: Seed,
    set: PhantomData<S>,
}

impl<S: HybridSet> Device<S> {
    fn new(number: u64) -> Self {
        let mut bytes = [0; 32];
        bytes[..8].copy_from_slice(&number.to_le_bytes());
        Self { seed: Seed::from_bytes(bytes), set: PhantomData }
    }

    fn with_key<A>(&self, f: impl FnOnce(&SecretKey<'_, S>) -> A) -> A {
        let mut words = vec![0; SecretKey::<S>::WORDS];
        f(&SecretKey::generate::<Scalar>(&self.seed, &mut words).unwrap())
    }

    fn encrypt(&self, coordinate: usize, message: &[u32]) -> Vec<u32> {
        let public = self.seed.derive_public();
        let mut body = vec![0; S::BODY_WORDS];
        let (mut mask, mut noise) = (vec![0; S::N], vec![0; S::N]);
        let mut scratch = EncryptScratch { mask: &mut mask, noise: &mut noise };
        self.with_key(|key| {
            encrypt_seeded_into::<S, Scalar>(
                key,
                &self.seed,
                &public,
                coordinate,
                message,
                &mut body,
                &mut scratch,
            )
            .unwrap();
        });
        let mut ciphertext = vec![u32::MAX; ciphertext_words::<S>()];
        expand_ciphertext_into::<S>(&public, coordinate as u64, &body, &mut ciphertext).unwrap();
        ciphertext
    }

    fn decrypt(&self, ciphertext: &[u32]) -> Vec<u32> {
        let mut message = vec![u32::MAX; S::N];
        let (mut phase, mut fractions) = (vec![0; S::BODY_WORDS], vec![0; S::N]);
        let mut scratch = DecryptScratch { phase: &mut phase, fractions: &mut fractions };
        self.with_key(|key| {
            decrypt_into::<S, Scalar>(key, ciphertext, &mut message, &mut scratch).unwrap();
        });
        assert!(phase.iter().all(|&word| word == 0) && fractions.iter().all(|&word| word == 0));
        message
    }

    fn key_public(&self) -> PublicSeed {
        self.seed.derive(Label::HybridKey).derive_public()
    }

    fn key_bodies(&self, sigma: Automorphism) -> Vec<u32> {
        let seed = self.seed.derive(Label::HybridKey);
        let (public, mut words) = (seed.derive_public(), vec![0; KeyGenerator::<S>::WORDS]);
        let mut bodies = vec![0; EvaluationKey::<S>::BODY_WORDS];
        let (mut mask, mut noise) = (vec![0; S::N], vec![0; S::N]);
        let mut scratch = EncryptScratch { mask: &mut mask, noise: &mut noise };
        self.with_key(|key| {
            let generator = KeyGenerator::new::<Scalar>(key, &seed, &public, &mut words).unwrap();
            // In any order.
            for (block, body) in bodies.chunks_exact_mut(S::N).enumerate().rev() {
                let (element, limb) = (block / S::EXTENDED_LIMBS, block % S::EXTENDED_LIMBS);
                generator.body_into::<Scalar>(sigma, element, limb, body, &mut scratch).unwrap();
            }
        });
        bodies
    }

    /// The words of a key.
    fn key(&self, sigma: Automorphism) -> Vec<u32> {
        let mut words = vec![0; EvaluationKey::<S>::WORDS];
        let bodies = self.key_bodies(sigma);
        EvaluationKey::<S>::expand(sigma, &self.key_public(), &bodies, &mut words).unwrap();
        words
    }

    fn switch(&self, ciphertext: &[u32], sigma: Automorphism) -> Vec<u32> {
        switch_with::<S>(ciphertext, sigma, &self.key(sigma))
    }
}

fn switch_with<S: HybridSet>(ciphertext: &[u32], sigma: Automorphism, key: &[u32]) -> Vec<u32> {
    let key = EvaluationKey::<S>::from_words(sigma, key).unwrap();
    let mut out = vec![u32::MAX; ciphertext_words::<S>()];
    let mut scratch = vec![u32::MAX; switch_scratch_words::<S>()];
    switch_key_into::<S, Scalar>(ciphertext, &key, &mut out, &mut scratch).unwrap();
    out
}

/// The image of every polynomial of a ciphertext: under sigma(s).
fn image<S: HybridSet>(ciphertext: &[u32], sigma: Automorphism) -> Vec<u32> {
    let mut out = vec![0; ciphertext.len()];
    for (polynomial, out) in ciphertext.chunks(S::N).zip(out.chunks_mut(S::N)) {
        sigma.permute_into(polynomial, out);
    }
    out
}

fn rotated(message: &[u32], sigma: Automorphism) -> Vec<u32> {
    let mut out = vec![0; message.len()];
    sigma.apply_into::<T>(message, &mut out);
    out
}

fn message<S: HybridSet>(bits: &[u32]) -> Vec<u32> {
    // The ends of F_t first.
    let edges = [0, 1, T::VALUE - 1, T::VALUE / 2, T::VALUE / 2 + 1];
    edges.into_iter().chain(bits.iter().map(|&b| b % T::VALUE)).cycle().take(S::N).collect()
}

fn decrypts_to_the_image<S: HybridSet>(number: u64, bits: &[u32], exponents: &[i64]) {
    let device = Device::<S>::new(number);
    let (mut clear, mut ciphertext) = (message::<S>(bits), vec![]);
    ciphertext.extend(device.encrypt(0, &clear));
    assert_eq!(device.decrypt(&ciphertext), clear);
    // One after the other.
    for sigma in exponents.iter().map(|&g| Automorphism::new(S::N, g)) {
        ciphertext = device.switch(&ciphertext, sigma);
        clear = rotated(&clear, sigma);
        assert_eq!(device.decrypt(&ciphertext), clear, "{sigma:?}");
    }
}

/// Digits made once, digits of each image, and digits of another ciphertext's memory.
fn hoisted_is_plain<S: HybridSet>(number: u64, bits: &[u32], exponents: &[i64]) {
    let device = Device::<S>::new(number);
    let ciphertext = device.encrypt(1, &message::<S>(bits));
    let mut words = vec![u32::MAX; Decomposed::<S>::WORDS];
    let hoisted = Decomposed::<S>::new::<Scalar>(&ciphertext, &mut words).unwrap();
    let identity = Automorphism::new(S::N, 1);
    for sigma in exponents.iter().map(|&g| Automorphism::new(S::N, g)) {
        let key = device.key(sigma);
        let mut words = vec![u32::MAX; Accumulator::<S>::WORDS];
        let mut sum = Accumulator::<S>::new(&mut words).unwrap();
        sum.add_switched::<Scalar>(&hoisted, &EvaluationKey::from_words(sigma, &key).unwrap());
        let mut out = vec![u32::MAX; ciphertext_words::<S>()];
        sum.finish_into::<Scalar>(&mut out).unwrap();
        // Plain: the image first, then its digits; nothing is permuted after.
        let image = image::<S>(&ciphertext, sigma);
        assert_eq!(out, switch_with::<S>(&image, identity, &key));
        assert_eq!(out, switch_with::<S>(&ciphertext, sigma, &key));
    }
}

fn lazy_sum_decrypts<S: HybridSet>(number: u64, bits: &[u32], exponents: &[i64]) {
    let device = Device::<S>::new(number);
    let clear = message::<S>(bits);
    let ciphertext = device.encrypt(2, &clear);
    let mut words = vec![0; Decomposed::<S>::WORDS];
    let decomposed = Decomposed::<S>::new::<Scalar>(&ciphertext, &mut words).unwrap();
    let mut words = vec![u32::MAX; Accumulator::<S>::WORDS];
    let mut sum = Accumulator::<S>::new(&mut words).unwrap();
    sum.add::<Scalar>(&ciphertext).unwrap();
    let mut expected = clear.clone();
    for sigma in exponents.iter().map(|&g| Automorphism::new(S::N, g)) {
        let key = device.key(sigma);
        sum.add_switched::<Scalar>(&decomposed, &EvaluationKey::from_words(sigma, &key).unwrap());
        for (e, r) in expected.iter_mut().zip(rotated(&clear, sigma)) {
            *e = T::add(*e, r);
        }
    }
    let mut out = vec![u32::MAX; ciphertext_words::<S>()];
    sum.finish_into::<Scalar>(&mut out).unwrap();
    assert_eq!(device.decrypt(&out), expected);
}

fn exponents() -> impl Strategy<Value = Vec<i64>> {
    prop::collection::vec((0_i64..128).prop_map(|k| 2 * k + 1), 1..5)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn a_switched_ciphertext_decrypts_to_the_image(
        number: u64, bits in prop::collection::vec(any::<u32>(), 64), exponents in exponents()
    ) {
        decrypts_to_the_image::<InsecureHybrid64>(number, &bits, &exponents);
        decrypts_to_the_image::<InsecureHybrid8>(number, &bits, &exponents);
    }

    #[test]
    fn hoisted_switches_are_plain_ones_to_the_bit(
        number: u64, bits in prop::collection::vec(any::<u32>(), 64), exponents in exponents()
    ) {
        hoisted_is_plain::<InsecureHybrid64>(number, &bits, &exponents);
        hoisted_is_plain::<InsecureHybrid8>(number, &bits, &exponents);
    }

    #[test]
    fn a_sum_divided_once_decrypts_to_the_sum(
        number: u64, bits in prop::collection::vec(any::<u32>(), 64), exponents in exponents()
    ) {
        lazy_sum_decrypts::<InsecureHybrid64>(number, &bits, &exponents);
        lazy_sum_decrypts::<InsecureHybrid8>(number, &bits, &exponents);
    }
}

#[test]
fn full_size() {
    use crate::params::Hybrid4096;
    decrypts_to_the_image::<Hybrid4096>(1, &[7, 1 << 31, 12_345], &[5, -1, 4097]);
    hoisted_is_plain::<Hybrid4096>(2, &[7, 1 << 31, 12_345], &[3, -5]);
}

/// Each digit is one integer in all limbs, at most half of its own.
#[test]
fn digits_are_centred_residues() {
    struct Integers<'a>(&'a mut [u32], Vec<i32>);
    impl LimbVisitor for Integers<'_> {
        fn limb<P: Prime>(&mut self, _: usize) {
            crate::ntt::inverse::<P>(self.0);
            self.1 = self.0.iter().map(|&word| P::centre(word)).collect();
        }
    }
    type S = InsecureHybrid64;
    let mut ciphertext = Device::<S>::new(3).encrypt(0, &[0; S::N]);
    let mut words = vec![0; Decomposed::<S>::WORDS];
    let digits = Decomposed::<S>::new::<Scalar>(&ciphertext.clone(), &mut words).map(|d| {
        [(0, 0), (0, 1), (0, 2), (1, 0), (1, 1), (1, 2)]
            .map(|(e, l)| d.digit(e, l).unwrap().to_vec())
    });
    let mut digits = digits.unwrap();
    let [first, _, special] = &mut digits[..3] else { unreachable!("six digits") };
    let mut own = Integers(first, vec![]);
    own.limb::<crate::prime::Delta>(0);
    let mut other = Integers(special, vec![]);
    other.limb::<crate::prime::Prime29>(2);
    assert_eq!(own.1, other.1);
    let mut mask = Integers(&mut ciphertext[..S::N], vec![]);
    mask.limb::<crate::prime::Delta>(0);
    assert_eq!(own.1, mask.1);
    assert!(own.1.iter().any(|&d| d < 0) && own.1.iter().any(|&d| d > 0));
}
