//! Wrong use: other keys decrypt to garbage, and what does not fit is refused.

use super::*;
use crate::galois::Automorphism;
use crate::params::{LimbVisitor, Limbs, ParameterSet};
use crate::ring::RingOps;
use crate::stream::expand_mask;

type Set = InsecureDirect64;
const N: usize = Set::N;

fn seed(byte: u8) -> Seed {
    Seed::from_bytes([byte; 32])
}

fn with_key<A>(byte: u8, f: impl FnOnce(&SecretKey<'_, Set>) -> A) -> A {
    let mut buffer = vec![0; SecretKey::<Set>::WORDS];
    f(&SecretKey::generate::<Scalar>(&seed(byte), &mut buffer).unwrap())
}

fn with_ternary_key<A>(byte: u8, f: impl FnOnce(&TernaryKey<'_, Set>) -> A) -> A {
    f(&TernaryKey::generate(&seed(byte), &mut [0; N]).unwrap())
}

/// Brings a ciphertext's body or mask, limb by limb, to coefficients.
struct ToCoefficients<'a>(&'a mut [u32]);

impl LimbVisitor for ToCoefficients<'_> {
    fn limb<P: Prime>(&mut self, index: usize) {
        Scalar::ntt_inverse::<P>(&mut self.0[index * N..][..N]);
    }
}

struct Masks<'a>(&'a PublicSeed, &'a mut [u32]);

impl LimbVisitor for Masks<'_> {
    fn limb<P: Prime>(&mut self, index: usize) {
        expand_mask::<P>(self.0, 0, 0, &mut self.1[index * N..][..N]);
    }
}

/// A fresh ciphertext as a host that multiplies by one would send it back: mask and bodies.
fn switched(byte: u8, message: &[u32]) -> (Vec<u64>, Vec<u64>) {
    let public = seed(byte).derive_public();
    let [mut body, mut mask] = [(); 2].map(|()| vec![0; Set::BODY_WORDS]);
    let (mut scratch_mask, mut noise) = (vec![0; N], vec![0; N]);
    let mut scratch = EncryptScratch { mask: &mut scratch_mask, noise: &mut noise };
    with_key(byte, |key| {
        encrypt_seeded_into::<Set, Scalar>(
            key,
            &seed(byte),
            &public,
            0,
            message,
            &mut body,
            &mut scratch,
        )
        .unwrap();
    });
    <Set as ParameterSet>::Chain::visit(&mut Masks(&public, &mut mask));
    let switch = |bits, words: &mut [u32]| {
        <Set as ParameterSet>::Chain::visit(&mut ToCoefficients(words));
        let mut out = vec![0; N];
        switch_into::<Set>(bits, words, &mut out);
        out
    };
    (switch(MASK_BITS, &mut mask), switch(BODY_BITS, &mut body))
}

fn decrypt(byte: u8, mask: &[u64], bodies: &[u64]) -> Vec<u32> {
    let (mut message, mut scratch) = (vec![0; bodies.len()], vec![0; 3 * N]);
    with_ternary_key(byte, |key| {
        decrypt_switched_into::<Set, Scalar>(key, mask, bodies, 0..N, &mut message, &mut scratch)
            .unwrap();
    });
    message
}

#[test]
fn another_key_decrypts_to_garbage() {
    let mut noise = crate::conformance::Noise::new(3);
    for byte in 1..20 {
        let mut message: Vec<u32> = (0..N).map(|_| T::reduce(noise.bits())).collect();
        message[..4].copy_from_slice(&[0, 1, T::VALUE - 1, T::VALUE / 2]);
        let (mask, bodies) = switched(byte, &message);
        assert_eq!(decrypt(byte, &mask, &bodies), message);
        let garbage = decrypt(byte + 100, &mask, &bodies);
        assert!(garbage.iter().all(|&m| m < T::VALUE));
        let same = garbage.iter().zip(&message).filter(|(a, b)| a == b).count();
        assert_eq!(same, 0, "nothing of a message without its key");
        // Under half of t, uniformly: nothing of its size either.
        let small = garbage.iter().filter(|&&m| T::centre(m).unsigned_abs() < T::VALUE / 4).count();
        assert!((16..=48).contains(&small), "{small}");
        // A mask of another ciphertext is as good as another key.
        let (other, _) = switched(byte + 50, &message);
        assert_ne!(decrypt(byte, &other, &bodies), message);
    }
}

/// What a host makes up decrypts to residues, above its bits too.
#[test]
fn words_out_of_range_are_cut_to_their_bits() {
    let mut noise = crate::conformance::Noise::new(5);
    let mut words =
        |bits: u32| -> Vec<u64> { (0..N).map(|_| noise.bits() & ((1 << bits) - 1)).collect() };
    let (mask, bodies) = (words(MASK_BITS), words(BODY_BITS));
    let high = |words: &[u64], bits: u32| -> Vec<u64> {
        words.iter().enumerate().map(|(i, word)| word | ((i as u64 + 1) << bits)).collect()
    };
    let expected = decrypt(1, &mask, &bodies);
    assert_eq!(decrypt(1, &high(&mask, MASK_BITS), &high(&bodies, BODY_BITS)), expected);
    for word in [0, 1, u64::MAX, 1 << (MASK_BITS - 1), 1 << (BODY_BITS - 1)] {
        let found = decrypt(1, &[word; N], &[word; N]);
        assert!(found.iter().all(|&m| m < T::VALUE));
    }
}

/// Lengths of mask, bodies, message, scratch, and places.
#[test]
fn results_of_other_lengths_are_refused() {
    let decrypt = |mask: usize, bodies: usize, message: usize, scratch: usize, places: usize| {
        with_ternary_key(1, |key| {
            decrypt_switched_into::<Set, Scalar>(
                key,
                &vec![0; mask],
                &vec![0; bodies],
                0..places,
                &mut vec![0; message],
                &mut vec![0; scratch],
            )
        })
    };
    assert_eq!(decrypt(N, 5, 5, 3 * N, 5), Ok(()));
    assert_eq!(decrypt(N, 0, 0, 3 * N, 0), Ok(()));
    for (mask, bodies, message, scratch, places) in [
        (N - 1, 5, 5, 3 * N, 5),
        (N + 1, 5, 5, 3 * N, 5),
        (0, 5, 5, 3 * N, 5),
        (N, 4, 5, 3 * N, 5),
        (N, 6, 5, 3 * N, 5),
        (N, 5, 4, 3 * N, 5),
        (N, 5, 5, 3 * N - 1, 5),
        (N, 5, 5, 3 * N + 1, 5),
        (N, 5, 5, 0, 5),
        (N, 5, 5, 3 * N, 4),
    ] {
        assert_eq!(decrypt(mask, bodies, message, scratch, places), Err(LengthError));
    }
}

#[test]
fn keys_of_other_lengths_elements_and_limbs_are_refused() {
    let limbs = Set::BODY_WORDS / N;
    let public = seed(1).derive(Label::EvaluationKey).derive_public();
    let sigma = Automorphism::new(N, 5);
    let block = |element: usize, limb: usize, lengths: [usize; 3]| {
        let both = || [lengths[0], lengths[1]].map(|length| vec![7; length]);
        let ([mut body, mut scratch], noise) = (both(), vec![0; lengths[2]]);
        let [mut other, mut other_scratch] = both();
        let outcome = with_ternary_key(1, |key| {
            let encrypted = encrypt_limb_into::<Set, Scalar>(
                key,
                &public,
                3,
                limb,
                &noise,
                &mut other,
                &mut other_scratch,
            );
            let outcome = evaluation_key_limb_into::<Set, Scalar>(
                key,
                &public,
                sigma,
                element,
                limb,
                &noise,
                &mut body,
                &mut scratch,
            );
            // Encryption knows no elements.
            assert_eq!(if element < Set::GADGET { encrypted } else { outcome }, outcome);
            if encrypted.is_err() {
                assert!(other.iter().all(|&word| word == 7), "a refusal writes nothing");
            }
            outcome
        });
        if outcome.is_err() {
            assert!(body.iter().all(|&word| word == 7), "a refusal writes nothing");
        }
        outcome
    };
    for element in 0..Set::GADGET {
        for limb in 0..limbs {
            assert_eq!(block(element, limb, [N; 3]), Ok(()));
        }
    }
    for (element, limb) in
        [(Set::GADGET, 0), (0, limbs), (usize::MAX, 0), (0, usize::MAX), (Set::GADGET, limbs)]
    {
        assert_eq!(block(element, limb, [N; 3]), Err(LengthError), "{element}, {limb}");
    }
    for at in 0..3 {
        for length in [0, N - 1, N + 1, 3 * N] {
            let mut lengths = [N; 3];
            lengths[at] = length;
            assert_eq!(block(0, 0, lengths), Err(LengthError), "{lengths:?}");
        }
    }
}

#[test]
fn messages_of_other_lengths_are_refused() {
    let encrypt = |lengths: [usize; 4]| {
        let (message, mut body) = (vec![0; lengths[0]], vec![0; lengths[1]]);
        let (mut mask, mut noise) = (vec![0; lengths[2]], vec![0; lengths[3]]);
        let mut scratch = EncryptScratch { mask: &mut mask, noise: &mut noise };
        let (seed, public) = (seed(1), seed(1).derive_public());
        with_key(1, |key| {
            encrypt_seeded_into::<Set, Scalar>(
                key,
                &seed,
                &public,
                0,
                &message,
                &mut body,
                &mut scratch,
            )
        })
    };
    let good = [N, Set::BODY_WORDS, N, N];
    assert_eq!(encrypt(good), Ok(()));
    for at in 0..4 {
        for length in [0, good[at] - 1, good[at] + 1] {
            let mut lengths = good;
            lengths[at] = length;
            assert_eq!(encrypt(lengths), Err(LengthError), "{lengths:?}");
        }
    }
}

#[test]
fn a_key_needs_all_its_memory() {
    for words in [0, SecretKey::<Set>::WORDS - 1, SecretKey::<Set>::WORDS + 1] {
        let mut buffer = vec![0; words];
        assert!(SecretKey::<Set>::generate::<Scalar>(&seed(1), &mut buffer).is_err(), "{words}");
    }
    for bytes in [0, N - 1, N + 1] {
        assert!(TernaryKey::<Set>::generate(&seed(1), &mut vec![0; bytes]).is_err(), "{bytes}");
    }
    for words in [0, N, 2 * N - 1, 2 * N + 1] {
        assert!(SwitchedResult::<Set>::new(&mut vec![0; words]).is_err(), "{words}");
    }
    with_ternary_key(1, |key| {
        let mut words = [7; 2 * N];
        for scratch in [0, N - 1, N + 1] {
            let mut result = SwitchedResult::<Set>::new(&mut words).unwrap();
            assert!(result.multiply::<Scalar>(key, &mut vec![0; scratch]).is_err(), "{scratch}");
        }
        assert_eq!(words, [7; 2 * N], "a refusal writes nothing");
    });
}
