use super::*;
use crate::params::{
    InsecureMasked16x1, InsecureToy4x1, Limbs, Masked256x16, Masked4096x1, MaskedSet,
};
use crate::prime::{InsecureDelta97, InsecureT17, Prime, T};
use crate::ring::{RingOps, Scalar};
use crate::stream::{NOISE_BOUND, PublicSeed, Seed, centred_binomial, expand_mask_columns};
use crate::wire::RowForm;
use proptest::prelude::*;
use std::vec;
use std::vec::Vec;

/// A unit's keys and one ciphertext for each message, masks expanded, limb-major.
pub(super) struct Unit<S: MaskedSet> {
    pub(super) seed: Seed,
    public: PublicSeed,
    pub(super) key: Vec<u32>,
    set: core::marker::PhantomData<S>,
}

impl<S: MaskedSet> Unit<S> {
    pub(super) fn new(byte: u8) -> Self {
        let seed = Seed::from_bytes([byte; 32]);
        let public = seed.derive_public();
        Self::with_public(seed, public)
    }

    pub(super) fn with_public(seed: Seed, public: PublicSeed) -> Self {
        Self { seed, public, key: vec![0; SecretKey::<S>::WORDS], set: core::marker::PhantomData }
    }

    pub(super) fn encrypt(&mut self, coordinate: usize, message: &[u32]) -> Vec<u32> {
        let key = SecretKey::<S>::generate::<Scalar>(&self.seed, &mut self.key).unwrap();
        let mut body = vec![0; S::Chain::COUNT * S::N];
        let (mut mask, mut noise) = (vec![0; S::N], vec![0; S::N]);
        let mut scratch = EncryptScratch { mask: &mut mask, noise: &mut noise };
        encrypt_seeded_into::<S, Scalar>(
            &key,
            &self.seed,
            &self.public,
            coordinate,
            message,
            &mut body,
            &mut scratch,
        )
        .unwrap();
        let mut out = Vec::new();
        for (p, body) in crate::params::MASKED_LIMBS.into_iter().zip(body.chunks(S::N)) {
            let mut masks = vec![0; S::MASK_WORDS];
            expand_mask_columns(
                p,
                &self.public,
                coordinate..coordinate + 1,
                0..S::MASK_WORDS,
                &mut masks,
            );
            out.extend(masks);
            out.extend(body);
        }
        out
    }

    pub(super) fn decrypt(&mut self, ciphertext: &[u32]) -> (Vec<u32>, Vec<u32>) {
        let key = SecretKey::<S>::generate::<Scalar>(&self.seed, &mut self.key).unwrap();
        let (mut message, mut noise) = (vec![u32::MAX; S::N], vec![0; S::N]);
        decrypt_into::<S, Scalar>(&key, ciphertext, &mut message, &mut noise).unwrap();
        (message, noise)
    }
}

/// The messages and errors of a row, limb by limb its masks, then its bodies.
pub(super) fn decrypt_row<S: MaskedSet>(
    form: RowForm,
    keys: &[SecretKey<'_, S>],
    row: &[u32],
) -> (Vec<u32>, Vec<u32>) {
    let mut sums = vec![u32::MAX; RowDecryptor::<S>::words(keys.len())];
    let mut decryptor = RowDecryptor::<S>::new(form, keys.len(), &mut sums).unwrap();
    for polynomial in row.chunks_exact(S::N) {
        assert!(decryptor.part().is_some() && decryptor.messages().is_none());
        decryptor.absorb::<Scalar>(keys, &mut polynomial.to_vec()).unwrap();
    }
    let out = [decryptor.messages(), decryptor.errors()].map(|words| words.unwrap().to_vec());
    drop(decryptor);
    assert!(sums.iter().all(|&word| word == 0), "secrets stay behind");
    let [messages, errors] = out;
    (messages, errors)
}

/// `sum_j w_j ct_j`, limb by limb: what the host computes for one row.
pub(super) fn combine<S: MaskedSet>(weights: &[i8], ciphertexts: &[Vec<u32>]) -> Vec<u32> {
    fn limb<P: Prime>(w: &[i8], cts: &[Vec<u32>], range: core::ops::Range<usize>) -> Vec<u32> {
        range
            .map(|i| {
                w.iter()
                    .zip(cts)
                    .fold(0, |acc, (&w, ct)| P::add(acc, P::mul(P::from_i32(i32::from(w)), ct[i])))
            })
            .collect()
    }
    let words = S::LIMB_WORDS;
    let mut out = limb::<S::Plain>(weights, ciphertexts, 0..words);
    out.extend(limb::<S::Scale>(weights, ciphertexts, words..2 * words));
    out
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Decrypt(sum_j w_j Enc(m_j)) = sum_j w_j m_j mod t, for any weights and messages.
    #[test]
    fn ciphertexts_are_linear(
        byte: u8,
        weights in prop::collection::vec(any::<i8>(), 1..12),
        words in prop::collection::vec(any::<u32>(), 16 * 12),
    ) {
        type S = InsecureMasked16x1;
        let mut unit = Unit::<S>::new(byte);
        let messages: Vec<Vec<u32>> =
            words.chunks(16).map(|c| c.iter().map(|w| w % T::VALUE).collect()).collect();
        let ciphertexts: Vec<Vec<u32>> = (0..weights.len())
            .map(|j| unit.encrypt(j, &messages[j]))
            .collect();
        let (sum, noise) = unit.decrypt(&combine::<S>(&weights, &ciphertexts));
        let limit = weights.iter().map(|w| i64::from(w.unsigned_abs())).sum::<i64>() * i64::from(NOISE_BOUND);
        for i in 0..16 {
            let expected = weights.iter().zip(&messages).fold(0, |acc, (&w, m)| {
                T::add(acc, T::mul(T::from_i32(i32::from(w)), m[i]))
            });
            prop_assert_eq!(sum[i], expected);
            prop_assert!(i64::from(crate::prime::Delta::centre(noise[i])).abs() <= limit);
        }
    }
}

#[test]
fn every_masked_shape_decrypts_and_its_noise_is_the_one_drawn() {
    fn check<S: MaskedSet>() {
        let mut unit = Unit::<S>::new(S::K as u8);
        let message: Vec<u32> = (0..S::N as u32).map(|i| T::VALUE - 1 - i).collect();
        let ciphertext = unit.encrypt(3, &message);
        let (decrypted, noise) = unit.decrypt(&ciphertext);
        assert_eq!(decrypted, message);
        let mut drawn = vec![0; S::N];
        centred_binomial(&unit.seed, 3, &mut drawn);
        let noise: Vec<i32> = noise.iter().map(|&e| S::Scale::centre(e)).collect();
        assert_eq!(noise, drawn.iter().map(|&e| i32::from(e)).collect::<Vec<_>>());
        // The key is erased from the caller's memory.
        assert!(unit.key.iter().all(|&w| w == 0));
    }
    check::<InsecureMasked16x1>();
    check::<Masked256x16>();
    check::<Masked4096x1>();
}

/// N = 4, t = 17, Delta = 97: for every noise vector with `|e_i| <= 1`, every value at every
/// coefficient; and for single coefficients every (m, e) with `|e| <= 48`.
#[test]
fn toy_set_decodes_exhaustively() {
    type S = InsecureToy4x1;
    let seed = Seed::from_bytes([1; 32]);
    let mut buffer = vec![0; SecretKey::<S>::WORDS];
    let key = SecretKey::<S>::generate::<Scalar>(&seed, &mut buffer).unwrap();
    let mask = [[3, 16, 0, 9], [96, 1, 50, 42]];
    // b = a s + e + Delta m, written out here independently of `encrypt`.
    let build = |message: &[u32; 4], noise: &[i32; 4]| {
        let mut words = Vec::new();
        let mut b: Vec<u32> = (0..4)
            .map(|i| InsecureT17::from_i64(i64::from(noise[i]) + 97 * i64::from(message[i])))
            .collect();
        Scalar::ntt_forward::<InsecureT17>(&mut b);
        Scalar::mul_add_assign::<InsecureT17>(&mut b, &mask[0], key.component(0, 0));
        words.extend(mask[0]);
        words.extend(b);
        let mut b: Vec<u32> =
            noise.iter().map(|&e| InsecureDelta97::from_i64(i64::from(e))).collect();
        Scalar::ntt_forward::<InsecureDelta97>(&mut b);
        Scalar::mul_add_assign::<InsecureDelta97>(&mut b, &mask[1], key.component(1, 0));
        words.extend(mask[1]);
        words.extend(b);
        words
    };
    let mut checked = 0_u32;
    let mut verify = |message: [u32; 4], noise: [i32; 4]| {
        let (mut out, mut scratch) = ([99; 4], [0; 4]);
        decrypt_into::<S, Scalar>(&key, &build(&message, &noise), &mut out, &mut scratch).unwrap();
        assert_eq!(out, message);
        checked += 1;
    };
    for code in 0..17_u32.pow(4) {
        let message = [code % 17, code / 17 % 17, code / 289 % 17, code / 4913];
        for e in 0..3_i32.pow(4) {
            verify(message, [e % 3 - 1, e / 3 % 3 - 1, e / 9 % 3 - 1, e / 27 - 1]);
        }
    }
    for m in 0..17 {
        for e in -48..=48 {
            for at in 0..4 {
                let (mut message, mut noise) = ([5; 4], [1; 4]);
                message[at] = m;
                noise[at] = e;
                verify(message, noise);
            }
        }
    }
    assert_eq!(checked, 17_u32.pow(4) * 81 + 17 * 97 * 4);
}

#[test]
fn wrong_lengths_are_errors() {
    type S = InsecureMasked16x1;
    let seed = Seed::from_bytes([1; 32]);
    assert!(SecretKey::<S>::generate::<Scalar>(&seed, &mut [0; 3]).is_err());
    let mut buffer = vec![0; SecretKey::<S>::WORDS];
    let key = SecretKey::<S>::generate::<Scalar>(&seed, &mut buffer).unwrap();
    assert_eq!(
        decrypt_into::<S, Scalar>(&key, &[0; 63], &mut [0; 16], &mut [0; 16]),
        Err(LengthError)
    );
    assert_eq!(
        decrypt_into::<S, Scalar>(&key, &[0; 64], &mut [0; 15], &mut [0; 16]),
        Err(LengthError)
    );
}
