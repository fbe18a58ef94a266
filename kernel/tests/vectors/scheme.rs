//! The lattice scheme.

use crate::cases::*;
use crate::host::{load, product};
use kernel::accel::{Accelerator, Reference};
use kernel::glwe::{EncryptScratch, SecretKey, decrypt_into, encrypt_seeded_into};
use kernel::params::{
    InsecureMasked16x1, InsecureToy4x1, Limbs, MASKED_LIMBS, Masked256x16, Masked512x8,
    Masked1024x4, Masked2048x2, Masked4096x1, MaskedSet,
};
use kernel::prime::Prime;
use kernel::ring::Scalar;
use kernel::stream::{self, PublicSeed, Seed};
use serde_json::Value;

fn limb_value<S: MaskedSet>(limb: usize) -> u32 {
    [S::Plain::VALUE, S::Scale::VALUE][limb]
}

fn encrypt<S: MaskedSet>(seed: &Seed, coordinate: usize, message: &[u32]) -> Vec<u32> {
    let mut buffer = vec![0; SecretKey::<S>::WORDS];
    let key = SecretKey::<S>::generate::<Scalar>(seed, &mut buffer).unwrap();
    let mut body = vec![u32::MAX; S::Chain::COUNT * S::N];
    let (mut mask, mut noise) = (vec![u32::MAX; S::N], vec![i8::MAX; S::N]);
    let mut scratch = EncryptScratch { mask: &mut mask, noise: &mut noise };
    let public = seed.derive_public();
    encrypt_seeded_into::<S, Scalar>(
        &key,
        seed,
        &public,
        coordinate,
        message,
        &mut body,
        &mut scratch,
    )
    .unwrap();
    body
}

/// The message and the centred noise.
fn decrypt<S: MaskedSet>(seed: &Seed, ciphertext: &[u32]) -> (Vec<u32>, Vec<i32>) {
    let mut buffer = vec![0; SecretKey::<S>::WORDS];
    let key = SecretKey::<S>::generate::<Scalar>(seed, &mut buffer).unwrap();
    let (mut message, mut noise) = (vec![u32::MAX; S::N], vec![u32::MAX; S::N]);
    decrypt_into::<S, Scalar>(&key, ciphertext, &mut message, &mut noise).unwrap();
    (message, noise.into_iter().map(S::Scale::centre).collect())
}

/// The masks of limb `limb` for the coordinates below `n`, times the matrix: the host's part.
pub(crate) fn combined_masks<S: MaskedSet>(
    weights: &[i8],
    n: usize,
    limb: usize,
    public: &PublicSeed,
) -> Vec<u32> {
    let (p, rows) = (MASKED_LIMBS[limb], weights.len() / n);
    if p.value() == limb_value::<S>(limb) {
        let accelerator = Reference::default();
        let matrix = load(&accelerator, weights, n);
        let mut out = vec![u32::MAX; rows * S::MASK_WORDS];
        let columns = 0..S::MASK_WORDS;
        accelerator.product_seeded(matrix, 0..rows, p, public, columns, &mut out).unwrap();
        return out;
    }
    let mut x = vec![0; n * S::MASK_WORDS];
    stream::expand_mask_columns(p, public, 0..n, 0..S::MASK_WORDS, &mut x);
    x.iter_mut().for_each(|w| *w %= limb_value::<S>(limb));
    toy_product::<S>(weights, n, limb, &x, S::MASK_WORDS)
}

pub(crate) fn combined_bodies<S: MaskedSet>(
    weights: &[i8],
    n: usize,
    limb: usize,
    x: &[u32],
) -> Vec<u32> {
    let p = MASKED_LIMBS[limb];
    if p.value() == limb_value::<S>(limb) {
        product(weights, n, p, x, S::N)
    } else {
        toy_product::<S>(weights, n, limb, x, S::N)
    }
}

fn toy_product<S: MaskedSet>(
    weights: &[i8],
    n: usize,
    limb: usize,
    x: &[u32],
    columns: usize,
) -> Vec<u32> {
    let p = i64::from(limb_value::<S>(limb));
    let word = |row: &[i8], c: usize| -> i64 {
        row.iter().enumerate().map(|(j, w)| i64::from(*w) * i64::from(x[j * columns + c])).sum()
    };
    weights
        .chunks_exact(n)
        .flat_map(|row| (0..columns).map(move |c| word(row, c).rem_euclid(p) as u32))
        .collect()
}

pub(crate) fn scheme(case: &Value) {
    with_named_set!(case, scheme_of);
}

fn scheme_of<S: MaskedSet>(case: &Value) {
    let (seed, n) = (seed(case), number::<usize>(&case["coordinates"]));
    let rows = number::<usize>(&case["rows"]);
    let mut bodies = vec![Vec::new(); S::Chain::COUNT];
    for (j, expected) in list(&case["bodies"]).iter().enumerate() {
        let label = format!("{} {j}", text(&case["message_label"]));
        let message = input_residues(&label, S::N, S::Plain::VALUE);
        let body = encrypt::<S>(&seed, j, &message);
        assert_words(&wide(&body), expected);
        for (limb, words) in bodies.iter_mut().zip(body.chunks_exact(S::N)) {
            limb.extend_from_slice(words);
        }
    }
    let weights = input_weights(text(&case["weights"]), rows * n);
    for (i, image) in images::<S>(&seed, &weights, n, &bodies).into_iter().enumerate() {
        assert_words(&wide(&image), &case["images"][i]);
        let (message, noise) = decrypt::<S>(&seed, &image);
        assert_words(&wide(&message), &case["messages"][i]);
        assert_words(&wide(&noise), &case["noise"][i]);
    }
}

/// The rows that a host computes from the bodies of `n` coordinates, limb by limb.
fn images<S: MaskedSet>(
    seed: &Seed,
    weights: &[i8],
    n: usize,
    bodies: &[Vec<u32>],
) -> Vec<Vec<u32>> {
    let public = seed.derive_public();
    let masks = [0, 1].map(|limb| combined_masks::<S>(weights, n, limb, &public));
    let bodies = [0, 1].map(|limb| combined_bodies::<S>(weights, n, limb, &bodies[limb]));
    let limb = |i: usize, limb: usize| {
        let masks = &masks[limb][i * S::MASK_WORDS..][..S::MASK_WORDS];
        [masks, &bodies[limb][i * S::N..][..S::N]].concat()
    };
    (0..weights.len() / n).map(|i| [limb(i, 0), limb(i, 1)].concat()).collect()
}

/// The row of `weights` for the messages of a label.
pub(crate) fn combined<S: MaskedSet>(seed: &Seed, weights: &[i8], label: &str) -> Vec<u32> {
    let mut bodies = vec![Vec::new(); S::Chain::COUNT];
    for j in 0..weights.len() {
        let message = input_residues(&format!("{label} {j}"), S::N, S::Plain::VALUE);
        let body = encrypt::<S>(seed, j, &message);
        for (limb, words) in bodies.iter_mut().zip(body.chunks_exact(S::N)) {
            limb.extend_from_slice(words);
        }
    }
    images::<S>(seed, weights, weights.len(), &bodies).remove(0)
}

pub(crate) fn decryptions(case: &Value) {
    with_named_set!(case, decryption);
}

fn decryption<S: MaskedSet>(case: &Value) {
    let ciphertext = match case.get("ciphertext") {
        Some(words) => numbers(words),
        None => {
            let raw = input(text(&case["input"]), S::Chain::COUNT * S::LIMB_WORDS);
            let limb = |i| limb_value::<S>(i / S::LIMB_WORDS);
            raw.iter().enumerate().map(|(i, w)| w % limb(i)).collect()
        }
    };
    let (message, noise) = decrypt::<S>(&seed(case), &ciphertext);
    assert_words(&wide(&message), &case["message"]);
    assert_words(&wide(&noise), &case["noise"]);
}

pub(crate) fn large_bodies(case: &Value) {
    with_named_set!(case, large_body);
}

fn large_body<S: MaskedSet>(case: &Value) {
    let message = input_residues(text(&case["message"]), S::N, S::Plain::VALUE);
    let body = encrypt::<S>(&seed(case), number(&case["coordinate"]), &message);
    for spot in list(&case["spots"]) {
        let [limb, index, word] = numbers::<usize>(spot)[..] else { panic!() };
        assert_eq!(body[limb * S::N + index] as usize, word, "{spot}");
    }
}
