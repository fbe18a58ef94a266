//! Direct mode: what device and host compute beside the product.

use crate::cases::*;
use kernel::direct::{
    TernaryKey, decrypt_switched_into, encrypt_limb_into, evaluation_key_limb_into, key_coordinate,
    switch_into,
};
use kernel::gadget::{digit_bits, digits_into};
use kernel::galois::Automorphism;
use kernel::glwe::{EncryptScratch, SecretKey, encrypt_seeded_into};
use kernel::params::{
    Direct4096, DirectSet, InsecureDirect8, InsecureDirect64, LimbVisitor, Limbs,
};
use kernel::prime::{Delta, InsecureDelta97, InsecureT17, Prime, Prime25, Prime26, Prime29, T};
use kernel::ring::{RingOps, Scalar};
use kernel::stream::{Label, Seed, centred_binomial};
use kernel::wire::pack_body;
use serde_json::Value;

pub(crate) fn automorphisms(case: &Value) {
    with_named_prime!(&case["prime"], automorphism(case));
}

fn automorphism<P: Prime>(case: &Value) {
    let degree = number(&case["degree"]);
    let sigma = Automorphism::new(degree, number(&case["exponent"]));
    let exponents = [sigma.inverse(), sigma.power(3), sigma.negated()].map(Automorphism::exponent);
    let expected = ["inverse", "cube", "negated"].map(|name| number::<u32>(&case[name]));
    assert_eq!(exponents, expected);
    assert_eq!(sigma.compose(sigma).compose(sigma).exponent(), expected[1]);
    let mut input = input_residues(text(&case["input"]), degree, P::VALUE);
    let mut image = vec![u32::MAX; degree];
    sigma.apply_into::<P>(&input, &mut image);
    assert_words(&wide(&image), &case["coefficients"]);
    Scalar::ntt_forward::<P>(&mut input);
    sigma.permute_into(&input, &mut image);
    assert_words(&wide(&image), &case["values"]);
}

pub(crate) fn digits(case: &Value) {
    with_named_prime!(&case["prime"], digits_of(case));
}

fn digits_of<P: Prime>(case: &Value) {
    let count = number(&case["digits"]);
    assert_eq!(digit_bits::<P>(count), number::<u32>(&case["bits"]));
    for cut in list(&case["cut"]) {
        for k in 0..count {
            let mut digit = [i32::MAX];
            digits_into::<P>(count, k, &[number(&cut[0])], &mut digit);
            assert_eq!(digit[0], number::<i32>(&cut[k + 1]), "digit {k} of {cut}");
        }
    }
}

pub(crate) fn encodings(case: &Value) {
    with_named_direct_set!(case, encoding);
}

fn encoding<S: DirectSet>(case: &Value) {
    struct Encode<'a, S>(&'a [u32], Vec<u32>, core::marker::PhantomData<S>);
    impl<S: DirectSet> LimbVisitor for Encode<'_, S> {
        fn limb<P: Prime>(&mut self, _: usize) {
            // Behind what is there already.
            let mut body = vec![P::VALUE - 1; self.0.len()];
            S::encode_assign::<P>(self.0, &mut body);
            self.1.extend(body.into_iter().map(|b| P::add(b, 1)));
        }
    }
    let message = numbers(&case["message"]);
    let mut encode = Encode::<S>(&message, Vec::new(), core::marker::PhantomData);
    S::Chain::visit(&mut encode);
    assert_words(&wide(&encode.1), &case["limbs"]);
}

fn with_key<S: DirectSet, A>(seed: &Seed, f: impl FnOnce(&SecretKey<'_, S>) -> A) -> A {
    let mut buffer = vec![0; SecretKey::<S>::WORDS];
    f(&SecretKey::generate::<Scalar>(seed, &mut buffer).unwrap())
}

pub(crate) fn with_ternary_key<S: DirectSet, A>(
    seed: &Seed,
    f: impl FnOnce(&TernaryKey<'_, S>) -> A,
) -> A {
    f(&TernaryKey::generate(seed, &mut vec![0; S::N]).unwrap())
}

/// The body of a seeded ciphertext.
pub(crate) fn encrypt<S: DirectSet>(seed: &Seed, coordinate: usize, message: &[u32]) -> Vec<u32> {
    let mut body = vec![u32::MAX; S::BODY_WORDS];
    let (mut mask, mut noise) = (vec![u32::MAX; S::N], vec![i8::MAX; S::N]);
    let mut scratch = EncryptScratch { mask: &mut mask, noise: &mut noise };
    let public = seed.derive_public();
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
    body
}

/// The words `[limb, index, word]` of a body.
fn assert_spots<S: DirectSet>(body: &[u32], spots: &Value) {
    for spot in list(spots) {
        let [limb, index, word] = numbers::<usize>(spot)[..] else { panic!() };
        assert_eq!(body[limb * S::N + index] as usize, word, "{spot}");
    }
}

pub(crate) fn direct_bodies(case: &Value) {
    with_named_direct_set!(case, direct_body);
}

fn direct_body<S: DirectSet>(case: &Value) {
    let message = input_residues(text(&case["message"]), S::N, T::VALUE);
    let body = encrypt::<S>(&seed(case), number(&case["coordinate"]), &message);
    assert_eq!(encrypt_by_limbs::<S>(&seed(case), number(&case["coordinate"]), &message), body);
    if case.get("spots").is_some() {
        return assert_spots::<S>(&body, &case["spots"]);
    }
    assert_words(&wide(&body), &case["body"]);
    if !case["packed"].is_null() {
        let expected = bytes(&case["packed"]);
        let mut packed = vec![0xaa; expected.len()];
        pack_body(&kernel::direct::DirectShape::of_set::<S>(), &body, &mut packed).unwrap();
        assert_eq!(packed, expected);
    }
}

/// The same body limb by limb, from the last.
fn encrypt_by_limbs<S: DirectSet>(seed: &Seed, coordinate: u64, message: &[u32]) -> Vec<u32> {
    let (public, mut body) = (seed.derive_public(), vec![u32::MAX; S::BODY_WORDS]);
    let (mut scratch, mut noise) = (vec![u32::MAX; S::N], vec![i8::MAX; S::N]);
    body[..S::N].copy_from_slice(message);
    centred_binomial(seed, coordinate, &mut noise);
    with_ternary_key::<S, _>(seed, |key| {
        for (limb, body) in body.chunks_exact_mut(S::N).enumerate().rev() {
            encrypt_limb_into::<S, Scalar>(
                key,
                &public,
                coordinate,
                limb,
                &noise,
                body,
                &mut scratch,
            )
            .unwrap();
        }
    });
    body
}

/// Element by element the body of a key, limb by limb from the last.
pub(crate) fn evaluation_key<S: DirectSet>(seed: &Seed, sigma: Automorphism) -> Vec<u32> {
    let key_seed = seed.derive(Label::EvaluationKey);
    let public = key_seed.derive_public();
    let mut bodies = vec![u32::MAX; S::GADGET * S::BODY_WORDS];
    let (mut scratch, mut noise) = (vec![u32::MAX; S::N], vec![i8::MAX; S::N]);
    with_ternary_key::<S, _>(seed, |key| {
        for (block, body) in bodies.chunks_exact_mut(S::N).enumerate().rev() {
            let (element, limb) = (block / S::Chain::COUNT, block % S::Chain::COUNT);
            centred_binomial(&key_seed, key_coordinate::<S>(sigma, element), &mut noise);
            evaluation_key_limb_into::<S, Scalar>(
                key,
                &public,
                sigma,
                element,
                limb,
                &noise,
                body,
                &mut scratch,
            )
            .unwrap();
        }
    });
    bodies
}

pub(crate) fn evaluation_keys(case: &Value) {
    with_named_direct_set!(case, evaluation_key_case);
}

fn evaluation_key_case<S: DirectSet>(case: &Value) {
    let sigma = Automorphism::new(S::N, number(&case["exponent"]));
    let bodies = evaluation_key::<S>(&seed(case), sigma);
    let bodies: Vec<_> = bodies.chunks_exact(S::BODY_WORDS).collect();
    if let Some(spots) = case.get("spots") {
        for spot in list(spots) {
            let [element, limb, index, word] = numbers::<usize>(spot)[..] else { panic!() };
            assert_eq!(bodies[element][limb * S::N + index] as usize, word, "{spot}");
        }
        return;
    }
    assert_eq!(bodies.len(), list(&case["elements"]).len());
    for (body, expected) in bodies.iter().zip(list(&case["elements"])) {
        assert_words(&wide(body), expected);
    }
}

pub(crate) fn switches(case: &Value) {
    with_named_direct_set!(case, switch);
}

fn switch<S: DirectSet>(case: &Value) {
    let expected = numbers::<u64>(&case["numbers"]);
    let mut out = vec![u64::MAX; expected.len()];
    switch_into::<S>(number(&case["bits"]), &numbers::<u32>(&case["limbs"]), &mut out);
    assert_eq!(out, expected);
}

pub(crate) fn switched_decryptions(case: &Value) {
    with_named_direct_set!(case, switched_decryption);
}

fn switched_decryption<S: DirectSet>(case: &Value) {
    let seed = seed(case);
    let mut draws = vec![0; S::N];
    kernel::stream::ternary(&seed, 0, &mut draws);
    let mask: Vec<u64> = match &case["mask"] {
        Value::Array(_) => numbers(&case["mask"]),
        Value::String(label) if label == "zeros" => vec![0; S::N],
        Value::String(label) if label == "ends" => {
            draws.iter().map(|&s| (1 << 41) - u64::from(s > 0)).collect()
        }
        Value::String(label) => {
            let cut = label == "cut";
            let label = if cut { format!("result {}", text(&case["set"])) } else { label.clone() };
            let wide = input_numbers(&label, S::N, 42);
            wide.into_iter().map(|a| a + if cut { (a % 3) << 42 } else { 0 }).collect()
        }
        other => panic!("mask {other}"),
    };
    let bodies = numbers::<u64>(&case["bodies"]);
    let exponents = numbers::<usize>(&case["exponents"]);
    let (mut message, mut scratch) = (vec![u32::MAX; bodies.len()], vec![u32::MAX; 3 * S::N]);
    with_ternary_key::<S, _>(&seed, |key| {
        decrypt_switched_into::<S, Scalar>(
            key,
            &mask,
            &bodies,
            exponents.into_iter(),
            &mut message,
            &mut scratch,
        )
        .unwrap();
    });
    assert_words(&wide(&message), &case["message"]);
}
