use super::super::tests::{Unit, combine, decrypt_row};
use super::super::{decrypt_into, switch_row};
use super::*;
use crate::params::{
    InsecureMasked16x1, InsecureToy4x1, Masked256x16, Masked512x8, Masked1024x4, Masked2048x2,
    Masked4096x1,
};
use crate::prime::{Delta, T};
use crate::ring::Scalar;
use crate::stream::Seed;
use std::vec;
use std::vec::Vec;

const FORMS: [RowForm; 2] = [RowForm::Full, RowForm::Switched];

/// What coordinate j holds for token i of key k.
fn message<S: MaskedSet>(key: usize, coordinate: usize) -> Vec<u32> {
    let word = |i: usize| T::VALUE - 1 - (i * (coordinate + 3) + 7919 * key) as u32;
    (0..S::N).map(word).collect()
}

/// The units of one key each that a unit of several is the same as, but for their common masks.
fn parts_of<S: MaskedSet>(keys: usize) -> Vec<Unit<S>> {
    let seed = Seed::from_bytes([S::K as u8; 32]);
    let part = |key| Unit::with_public(seed.derive_key(key as u8), seed.derive_public());
    (0..keys).map(part).collect()
}

/// A row of `weights` as it lies on the wire, from the rows of single keys: masks once, then bodies.
fn together<S: MaskedSet>(singles: &[Vec<u32>]) -> Vec<u32> {
    let mut row = Vec::new();
    for limb in 0..2 {
        let limbs = singles.iter().map(|single| &single[limb * S::LIMB_WORDS..][..S::LIMB_WORDS]);
        for (key, words) in limbs.enumerate() {
            let (masks, body) = words.split_at(S::MASK_WORDS);
            assert_eq!(*masks, singles[0][limb * S::LIMB_WORDS..][..S::MASK_WORDS]);
            row.extend_from_slice(if key == 0 { masks } else { &[] });
            row.extend_from_slice(body);
        }
    }
    row
}

fn every_key_decrypts<S: MaskedSet>(keys: usize) {
    let (mut units, weights) = (parts_of::<S>(keys), [127, -128, 5]);
    let singles: Vec<_> = (0..)
        .zip(&mut units)
        .map(|(key, unit)| {
            let ciphertext = |j| unit.encrypt(j, &message::<S>(key, j));
            combine::<S>(&weights, &(0..weights.len()).map(ciphertext).collect::<Vec<_>>())
        })
        .collect();
    let expected: Vec<u32> = (0..keys)
        .flat_map(|key| {
            let messages = [0, 1, 2].map(|j| message::<S>(key, j));
            (0..S::N).map(move |i| {
                let terms = weights.iter().zip(&messages);
                let sum: i64 = terms.map(|(&w, m)| i64::from(w) * i64::from(m[i])).sum();
                sum.rem_euclid(T::VALUE.into()) as u32
            })
        })
        .collect();
    let full = together::<S>(&singles);
    for form in FORMS {
        let mut row = full.clone();
        if form == RowForm::Switched {
            let (plain, scale) = row.split_at_mut(full.len() / 2);
            switch_row::<T, Delta, Scalar>(S::N, keys, plain, scale).unwrap();
        }
        let keys: Vec<_> = units
            .iter_mut()
            .map(|unit| SecretKey::<S>::generate::<Scalar>(&unit.seed, &mut unit.key).unwrap())
            .collect();
        let (messages, errors) = decrypt_row(form, &keys, &row);
        assert!(messages == expected, "{form:?}, {} keys of {:?}", keys.len(), S::ID);
        // Key by key a full row is what a whole ciphertext is.
        let alone = singles.iter().zip(&keys).zip(errors.chunks_exact(S::N));
        for ((single, key), error) in alone.filter(|_| form == RowForm::Full) {
            let (mut out, mut noise) = (vec![0; S::N], vec![0; S::N]);
            decrypt_into::<S, Scalar>(key, single, &mut out, &mut noise).unwrap();
            assert_eq!(noise, error);
        }
    }
}

#[test]
fn rows_of_every_set_decrypt_under_all_keys() {
    for keys in [1, 2, 3, 16] {
        every_key_decrypts::<InsecureMasked16x1>(keys);
        every_key_decrypts::<Masked256x16>(keys);
        every_key_decrypts::<Masked512x8>(keys);
        every_key_decrypts::<Masked1024x4>(keys);
        every_key_decrypts::<Masked2048x2>(keys);
        every_key_decrypts::<Masked4096x1>(keys);
    }
}

/// One memory serves row after row; what is in it before makes no difference.
#[test]
fn rows_follow_one_another() {
    type S = InsecureMasked16x1;
    let mut units = parts_of::<S>(2);
    let keys: Vec<_> = units
        .iter_mut()
        .map(|unit| SecretKey::<S>::generate::<Scalar>(&unit.seed, &mut unit.key).unwrap())
        .collect();
    let rows = [1_u32, 2, 3].map(|row| (0..96).map(|i| i * i * row).collect::<Vec<u32>>());
    for form in FORMS {
        let mut sums = vec![9; RowDecryptor::<S>::words(2)];
        let mut decryptor = RowDecryptor::<S>::new(form, 2, &mut sums).unwrap();
        for row in &rows {
            for polynomial in row.chunks_exact(16) {
                decryptor.absorb::<Scalar>(&keys, &mut polynomial.to_vec()).unwrap();
            }
            let expected = decrypt_row(form, &keys, row);
            let found = (decryptor.messages().unwrap(), decryptor.errors().unwrap());
            assert_eq!(found, (&expected.0[..], &expected.1[..]));
        }
    }
}

#[test]
fn misuse_is_an_error() {
    type S = InsecureMasked16x1;
    let new = |form, keys, words| RowDecryptor::<S>::new(form, keys, &mut vec![0; words]).err();
    assert_eq!(new(RowForm::Switched, 3, 96), None);
    for (keys, words) in [(0, 0), (1, 31), (1, 33), (2, 32)] {
        assert_eq!(new(RowForm::Full, keys, words), Some(LengthError));
    }
    type Toy = InsecureToy4x1;
    let toy = |form| RowDecryptor::<Toy>::new(form, 1, &mut [0; 8]).err();
    assert_eq!(FORMS.map(toy), [None, Some(LengthError)]);

    let mut units = parts_of::<S>(3);
    let keys: Vec<_> = units
        .iter_mut()
        .map(|unit| SecretKey::<S>::generate::<Scalar>(&unit.seed, &mut unit.key).unwrap())
        .collect();
    let absorb = |count: usize, length: usize| {
        let mut sums = vec![0; RowDecryptor::<S>::words(2)];
        let mut decryptor = RowDecryptor::<S>::new(RowForm::Full, 2, &mut sums).unwrap();
        decryptor.absorb::<Scalar>(&keys[..count], &mut vec![0; length])
    };
    assert_eq!(absorb(2, 16), Ok(()));
    for (count, length) in [(2, 15), (2, 17), (2, 0), (0, 16), (1, 16), (3, 16)] {
        assert_eq!(absorb(count, length), Err(LengthError), "{count} keys, {length} words");
    }
}
