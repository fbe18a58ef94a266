//! Units of one key and of several.

use crate::cases::*;
use crate::scheme::{combined_bodies, combined_masks};
use kernel::bundle::ModelDigest;
use kernel::glwe::{EncryptScratch, RowDecryptor, SecretKey, encrypt_seeded_into, switch_row};
use kernel::params::{InsecureMasked16x1, MASKED_LIMBS, Masked256x16, MaskedSet};
use kernel::prime::{Delta, T};
use kernel::ring::Scalar;
use kernel::stream::{Label, PublicSeed, Seed, one_time_mask_coordinates};
use kernel::wire::{RowForm, RowShape, body_bytes, pack_residues, packed_len};
use serde_json::Value;
use sha2::{Digest, Sha256};

pub(crate) fn units(case: &Value) {
    match text(&case["set"]) {
        "InsecureMasked16x1" => unit::<InsecureMasked16x1>(case),
        "Masked256x16" => unit::<Masked256x16>(case),
        other => panic!("parameter set {other}"),
    }
}

#[track_caller]
fn assert_bytes(got: &[u8], expected: &Value) {
    assert_eq!(got.len(), number::<usize>(&expected[0]));
    assert_eq!(Sha256::digest(got)[..], bytes(&expected[1]));
}

fn unit<S: MaskedSet>(case: &Value) {
    let (seed, count) = (seed(case), number::<usize>(&case["keys"]));
    let (m, n) = (number::<usize>(&case["rows"]), number::<usize>(&case["columns"]));
    let public = match &case["digest"] {
        Value::Null => seed.derive_public(),
        digest => PublicSeed::of_model(ModelDigest(bytes_32(digest)), S::ID),
    };
    let key_seeds: Vec<Seed> = (0..count).map(|key| seed.derive_key(key as u8)).collect();
    for (found, expected) in key_seeds.iter().zip(list(&case["key_seeds"])) {
        assert_eq!(found.expose()[..], bytes(expected));
    }
    let mut buffers = vec![vec![0; SecretKey::<S>::WORDS]; count];
    let keys: Vec<_> = key_seeds
        .iter()
        .zip(&mut buffers)
        .map(|(seed, words)| SecretKey::<S>::generate::<Scalar>(seed, words).unwrap())
        .collect();

    // Bodies as they travel, and for each limb as a host multiplies them: coordinate by coordinate.
    let (masks, mut packed) = (seed.derive(Label::OneTimeMask), Vec::new());
    let mut limbs = [0, 1].map(|_| vec![vec![0; n * S::N]; count]);
    for key in 0..count {
        for j in 0..n {
            let mut four = vec![0; 4 * S::N];
            let tokens = key * S::N..(key + 1) * S::N;
            one_time_mask_coordinates(&masks, (j / 4) as u32, tokens, &mut four);
            let message = &four[j % 4 * S::N..][..S::N];
            let (mut body, mut mask, mut noise) = (vec![0; 2 * S::N], vec![0; S::N], vec![0; S::N]);
            let mut scratch = EncryptScratch { mask: &mut mask, noise: &mut noise };
            let (secret, key_seed) = (&keys[key], &key_seeds[key]);
            encrypt_seeded_into::<S, Scalar>(
                secret,
                key_seed,
                &public,
                j,
                message,
                &mut body,
                &mut scratch,
            )
            .unwrap();
            let before = packed.len();
            for (limb, words) in body.chunks_exact(S::N).enumerate() {
                let mut bytes = vec![0; packed_len(MASKED_LIMBS[limb], S::N)];
                pack_residues(MASKED_LIMBS[limb], words, &mut bytes).unwrap();
                packed.extend(bytes);
                limbs[limb][key][j * S::N..][..S::N].copy_from_slice(words);
            }
            assert_eq!(packed.len() - before, body_bytes(S::N));
        }
    }
    assert_bytes(&packed, &case["bodies"]);

    let weights = input_weights(text(&case["label"]), m * n);
    let masks = [0, 1].map(|limb| combined_masks::<S>(&weights, n, limb, &public));
    let bodies = [0, 1].map(|limb| -> Vec<_> {
        limbs[limb].iter().map(|x| combined_bodies::<S>(&weights, n, limb, x)).collect()
    });
    for (form, name) in [(RowForm::Full, "full"), (RowForm::Switched, "switched")] {
        let shape = RowShape { form, degree: S::N, rank: S::K, keys: count };
        let (mut rows, mut images) = (Vec::new(), Vec::new());
        for i in 0..m {
            let [mut plain, mut scale] = [0, 1].map(|limb| {
                let mut words = masks[limb][i * S::MASK_WORDS..][..S::MASK_WORDS].to_vec();
                bodies[limb].iter().for_each(|body| words.extend(&body[i * S::N..][..S::N]));
                words
            });
            if form == RowForm::Switched {
                switch_row::<T, Delta, Scalar>(S::N, count, &mut plain, &mut scale).unwrap();
            }
            let mut bytes = vec![0xaa; shape.row_bytes()];
            shape.pack_row([&plain, &scale], &mut bytes).unwrap();
            images.extend(decrypt::<S>(&shape, &keys, &bytes));
            rows.extend(bytes);
        }
        assert_bytes(&rows, &case[name]);
        assert_words(&wide(&images), &case["images"]);
    }
}

/// The messages of a packed row, taken in part by part.
fn decrypt<S: MaskedSet>(shape: &RowShape, keys: &[SecretKey<'_, S>], bytes: &[u8]) -> Vec<u32> {
    let mut sums = vec![u32::MAX; RowDecryptor::<S>::words(keys.len())];
    let mut row = RowDecryptor::<S>::new(shape.form, keys.len(), &mut sums).unwrap();
    let mut rest = bytes;
    while let Some(part) = row.part() {
        let (packed, later) = rest.split_at(shape.part_bytes(part));
        let mut polynomial = vec![0; S::N];
        shape.unpack_part(part, packed, &mut polynomial).unwrap();
        row.absorb::<Scalar>(keys, &mut polynomial).unwrap();
        rest = later;
    }
    row.messages().unwrap().to_vec()
}
