//! Hybrid key switching: keys, digits, inner products, the division by P.

use crate::cases::*;
use kernel::galois::Automorphism;
use kernel::glwe::{EncryptScratch, SecretKey, encrypt_seeded_into};
use kernel::hybrid::*;
use kernel::params::{
    Hybrid4096, HybridSet, InsecureHybrid8, InsecureHybrid64, Limbs, ParameterSet,
};
use kernel::prime::{Prime, T};
use kernel::ring::Scalar;
use kernel::stream::{Label, Seed};
use serde_json::Value;

macro_rules! with_named_hybrid_set {
    ($case:expr, $f:ident) => {
        match text(&$case["set"]) {
            "InsecureHybrid8" => $f::<InsecureHybrid8>($case),
            "InsecureHybrid64" => $f::<InsecureHybrid64>($case),
            "Hybrid4096" => $f::<Hybrid4096>($case),
            other => panic!("parameter set {other}"),
        }
    };
}

fn with_key<S: ParameterSet, A>(seed: &Seed, f: impl FnOnce(&SecretKey<'_, S>) -> A) -> A {
    let mut buffer = vec![0; SecretKey::<S>::WORDS];
    f(&SecretKey::generate::<Scalar>(seed, &mut buffer).unwrap())
}

fn key_bodies<S: HybridSet>(seed: &Seed, sigma: Automorphism) -> Vec<u32> {
    let key_seed = seed.derive(Label::HybridKey);
    let (public, mut words) = (key_seed.derive_public(), vec![0; KeyGenerator::<S>::WORDS]);
    let mut bodies = vec![u32::MAX; EvaluationKey::<S>::BODY_WORDS];
    let (mut mask, mut noise) = (vec![u32::MAX; S::N], vec![i8::MAX; S::N]);
    let mut scratch = EncryptScratch { mask: &mut mask, noise: &mut noise };
    with_key::<S, _>(seed, |key| {
        let generator = KeyGenerator::new::<Scalar>(key, &key_seed, &public, &mut words).unwrap();
        for (block, body) in bodies.chunks_exact_mut(S::N).enumerate() {
            let (element, limb) = (block / S::EXTENDED_LIMBS, block % S::EXTENDED_LIMBS);
            generator.body_into::<Scalar>(sigma, element, limb, body, &mut scratch).unwrap();
        }
    });
    bodies
}

fn key_words<S: HybridSet>(seed: &Seed, sigma: Automorphism) -> Vec<u32> {
    let public = seed.derive(Label::HybridKey).derive_public();
    let mut words = vec![u32::MAX; EvaluationKey::<S>::WORDS];
    let bodies = key_bodies::<S>(seed, sigma);
    EvaluationKey::<S>::expand(sigma, &public, &bodies, &mut words).unwrap();
    words
}

pub(crate) fn hybrid_keys(case: &Value) {
    with_named_hybrid_set!(case, hybrid_key);
}

fn hybrid_key<S: HybridSet>(case: &Value) {
    let sigma = Automorphism::new(S::N, number(&case["exponent"]));
    let bodies = key_bodies::<S>(&seed(case), sigma);
    let Some(spots) = case.get("spots") else {
        return assert_words(&wide(&bodies), &case["bodies"]);
    };
    for spot in list(spots) {
        let [element, limb, index, word] = numbers::<usize>(spot)[..] else { panic!() };
        let at = (element * S::EXTENDED_LIMBS + limb) * S::N + index;
        assert_eq!(bodies[at] as usize, word, "{spot}");
    }
}

fn encrypt<S: HybridSet>(seed: &Seed, coordinate: usize, message: &[u32]) -> Vec<u32> {
    let (public, mut body) = (seed.derive_public(), vec![u32::MAX; S::BODY_WORDS]);
    let (mut mask, mut noise) = (vec![u32::MAX; S::N], vec![i8::MAX; S::N]);
    let mut scratch = EncryptScratch { mask: &mut mask, noise: &mut noise };
    with_key::<S, _>(seed, |key| {
        encrypt_seeded_into::<S, Scalar>(
            key,
            seed,
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

pub(crate) fn hybrid_switches(case: &Value) {
    with_named_hybrid_set!(case, hybrid_switch);
}

fn hybrid_switch<S: HybridSet>(case: &Value) {
    let seed = seed(case);
    let message = input_residues(text(&case["message"]), S::N, T::VALUE);
    let ciphertext = encrypt::<S>(&seed, number(&case["coordinate"]), &message);
    assert_words(&wide(&ciphertext), &case["ciphertext"]);

    let mut words = vec![u32::MAX; Decomposed::<S>::WORDS];
    let decomposed = Decomposed::<S>::new::<Scalar>(&ciphertext, &mut words).unwrap();
    let limbs = S::EXTENDED_LIMBS;
    assert_eq!(list(&case["digits"]).len(), S::Chain::COUNT * limbs);
    for (at, expected) in list(&case["digits"]).iter().enumerate() {
        let digit = decomposed.digit(at / limbs, at % limbs).unwrap();
        assert_words(&wide(digit), expected);
    }

    let mut words = vec![u32::MAX; Accumulator::<S>::WORDS];
    let mut sum = Accumulator::<S>::new(&mut words).unwrap();
    sum.add::<Scalar>(&ciphertext).unwrap();
    let mut out = vec![u32::MAX; ciphertext_words::<S>()];
    let mut scratch = vec![u32::MAX; switch_scratch_words::<S>()];
    let exponents = numbers::<i64>(&case["exponents"]);
    assert_eq!(exponents.len(), list(&case["switched"]).len());
    for (g, expected) in exponents.into_iter().zip(list(&case["switched"])) {
        let sigma = Automorphism::new(S::N, g);
        let words = key_words::<S>(&seed, sigma);
        let key = EvaluationKey::<S>::from_words(sigma, &words).unwrap();
        switch_key_into::<S, Scalar>(&ciphertext, &key, &mut out, &mut scratch).unwrap();
        assert_words(&wide(&out), expected);
        sum.add_switched::<Scalar>(&decomposed, &key);
    }
    sum.finish_into::<Scalar>(&mut out).unwrap();
    assert_words(&wide(&out), &case["sum"]);

    let mut decrypted = vec![u32::MAX; S::N];
    let (mut phase, mut fractions) = (vec![u32::MAX; S::BODY_WORDS], vec![u64::MAX; S::N]);
    let mut scratch = DecryptScratch { phase: &mut phase, fractions: &mut fractions };
    with_key::<S, _>(&seed, |key| {
        decrypt_into::<S, Scalar>(key, &out, &mut decrypted, &mut scratch).unwrap();
    });
    assert_words(&wide(&decrypted), &case["decrypted"]);
}

pub(crate) fn hybrid_mod_downs(case: &Value) {
    with_named_hybrid_set!(case, hybrid_mod_down);
}

fn hybrid_mod_down<S: HybridSet>(case: &Value) {
    let mut out = vec![u32::MAX; ciphertext_words::<S>()];
    mod_down_into::<S, Scalar>(&mut numbers::<u32>(&case["extended"]), &mut out).unwrap();
    assert_words(&wide(&out), &case["divided"]);
}
