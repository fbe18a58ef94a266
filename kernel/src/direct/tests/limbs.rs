//! Work in parts is the work of the whole: encryption limb by limb, decryption number by number.

use super::*;
use crate::params::ParameterSet;
use crate::stream::centred_binomial;
use proptest::prelude::*;

/// A key's limbs in any order, and again, are the body of the one-shot encryption.
fn limbs_are_the_body<S: DirectSet>(byte: u8, coordinate: usize, words: &[u32], order: &[usize]) {
    let seed = Seed::from_bytes([byte; 32]);
    let public = seed.derive_public();
    let message: Vec<u32> = words.iter().cycle().take(S::N).map(|word| word % T::VALUE).collect();
    let mut buffer = vec![0; SecretKey::<S>::WORDS];
    let expanded = SecretKey::<S>::generate::<Scalar>(&seed, &mut buffer).unwrap();
    let mut whole = vec![0; S::BODY_WORDS];
    let (mut mask, mut noise) = (vec![0; S::N], vec![0; S::N]);
    let mut scratch = EncryptScratch { mask: &mut mask, noise: &mut noise };
    encrypt_seeded_into::<S, Scalar>(
        &expanded,
        &seed,
        &public,
        coordinate,
        &message,
        &mut whole,
        &mut scratch,
    )
    .unwrap();

    let mut coefficients = vec![0; S::N];
    let key = TernaryKey::<S>::generate(&seed, &mut coefficients).unwrap();
    centred_binomial(&seed, coordinate as u64, &mut noise);
    for &limb in order {
        let mut body = if limb == 0 { message.clone() } else { vec![u32::MAX; S::N] };
        encrypt_limb_into::<S, Scalar>(
            &key,
            &public,
            coordinate as u64,
            limb,
            &noise,
            &mut body,
            &mut mask,
        )
        .unwrap();
        assert_eq!(body, whole[limb * S::N..][..S::N], "limb {limb}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn limbs_are_those_of_the_whole(
        byte: u8,
        coordinate in 0..1_usize << 20,
        words in prop::collection::vec(any::<u32>(), 1..70),
        order in prop::collection::vec(0..3_usize, 1..7),
    ) {
        limbs_are_the_body::<InsecureDirect8>(byte, coordinate, &words, &order);
        limbs_are_the_body::<InsecureDirect64>(byte, coordinate, &words, &order);
    }

    /// A result number by number, its bodies in any order, is the result at once.
    #[test]
    fn numbers_are_those_of_the_whole(byte: u8, seed: u64, rotate in 0..64_usize) {
        type S = InsecureDirect64;
        let mut noise = crate::conformance::Noise::new(seed);
        let mut numbers = || (0..S::N).map(|_| noise.bits()).collect::<Vec<_>>();
        let (mask, bodies) = (numbers(), numbers());
        let mut coefficients = [0; S::N];
        let key = TernaryKey::<S>::generate(&Seed::from_bytes([byte; 32]), &mut coefficients).unwrap();
        let (mut whole, mut scratch) = ([0; S::N], [u32::MAX; 3 * S::N]);
        decrypt_switched_into::<S, Scalar>(&key, &mask, &bodies, 0..S::N, &mut whole, &mut scratch)
            .unwrap();
        let (words, scratch) = scratch.split_at_mut(2 * S::N);
        // Nothing is remembered but the words.
        for (at, &number) in mask.iter().enumerate() {
            SwitchedResult::<S>::new(words).unwrap().put_mask(at, number);
        }
        SwitchedResult::<S>::new(words).unwrap().multiply::<Scalar>(&key, scratch).unwrap();
        for at in (0..S::N).map(|at| (at + rotate) % S::N) {
            SwitchedResult::<S>::new(words).unwrap().put_body(at, bodies[at]);
        }
        let result = SwitchedResult::<S>::new(words).unwrap();
        prop_assert_eq!(core::array::from_fn(|at| result.message(at)), whole);
    }
}

#[test]
fn limbs_of_full_size_are_those_of_the_whole() {
    limbs_are_the_body::<Direct4096>(5, 77, &[1, T::VALUE - 1, 12_345], &[2, 0, 1]);
}
