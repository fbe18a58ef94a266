//! Result rows at the smaller modulus.

use crate::cases::*;
use crate::scheme::combined;
use kernel::glwe::{RowDecryptor, SecretKey, switch_row};
use kernel::params::{InsecureMasked16x1, Masked256x16, MaskedSet};
use kernel::prime::{Delta, Prime, T};
use kernel::ring::Scalar;
use kernel::stream::Seed;
use kernel::wire::{RowForm, RowShape};
use serde_json::Value;
use sha2::{Digest, Sha256};

/// Runs a generic function with a set of the real moduli that a name stands for.
macro_rules! with_set {
    ($case:expr, $f:ident) => {
        match text(&$case["set"]) {
            "InsecureMasked16x1" => $f::<InsecureMasked16x1>($case),
            "Masked256x16" => $f::<Masked256x16>($case),
            other => panic!("parameter set {other}"),
        }
    };
}

fn decrypt<S: MaskedSet>(seed: &Seed, row: &[u32]) -> (Vec<u32>, Vec<i32>) {
    let mut buffer = vec![0; SecretKey::<S>::WORDS];
    let key = SecretKey::<S>::generate::<Scalar>(seed, &mut buffer).unwrap();
    let mut sums = vec![u32::MAX; RowDecryptor::<S>::words(1)];
    let mut decryptor = RowDecryptor::<S>::new(RowForm::Switched, 1, &mut sums).unwrap();
    for polynomial in row.chunks_exact(S::N) {
        decryptor.absorb::<Scalar>([&key], &mut polynomial.to_vec()).unwrap();
    }
    let errors = decryptor.errors().unwrap().iter().map(|&e| S::Scale::centre(e)).collect();
    (decryptor.messages().unwrap().to_vec(), errors)
}

pub(crate) fn switched_rows(case: &Value) {
    with_set!(case, switched_row);
}

fn switched_row<S: MaskedSet>(case: &Value) {
    let mut row = match case.get("weights") {
        Some(weights) => {
            let weights = input_weights(text(weights), number(&case["coordinates"]));
            combined::<S>(&seed(case), &weights, text(&case["message_label"]))
        }
        None => {
            let raw = input(text(&case["input"]), 2 * S::LIMB_WORDS);
            let modulus = |i| [T::VALUE, Delta::VALUE][i / S::LIMB_WORDS];
            raw.iter().enumerate().map(|(i, w)| w % modulus(i)).collect()
        }
    };
    let (plain, scale) = row.split_at_mut(S::LIMB_WORDS);
    switch_row::<T, Delta, Scalar>(S::N, 1, plain, scale).unwrap();
    assert_words(&wide(plain), &case["plain"]);
    assert_words(&wide(scale), &case["low"]);
    let shape = RowShape { form: RowForm::Switched, degree: S::N, rank: S::K, keys: 1 };
    let mut packed = vec![0xaa; shape.row_bytes()];
    shape.pack_row([plain, scale], &mut packed).unwrap();
    assert_eq!(packed.len(), number::<usize>(&case["packed"][0]));
    assert_eq!(Sha256::digest(&packed)[..], bytes(&case["packed"][1]));

    let (mut unpacked, mut rest) = (vec![u32::MAX; row.len()], &packed[..]);
    for (number, words) in unpacked.chunks_exact_mut(S::N).enumerate() {
        let part = shape.part(number).unwrap();
        let (bytes, later) = rest.split_at(shape.part_bytes(part));
        shape.unpack_part(part, bytes, words).unwrap();
        rest = later;
    }
    assert_eq!(unpacked, row);
    let (message, error) = decrypt::<S>(&seed(case), &row);
    assert_words(&wide(&message), &case["message"]);
    assert_words(&wide(&error), &case["error"]);
}

pub(crate) fn switched_row_decryptions(case: &Value) {
    with_set!(case, switched_row_decryption);
}

fn switched_row_decryption<S: MaskedSet>(case: &Value) {
    let row = [numbers::<u32>(&case["plain"]), numbers(&case["low"])].concat();
    let (message, error) = decrypt::<S>(&seed(case), &row);
    assert_words(&wide(&message), &case["message"]);
    assert_words(&wide(&error), &case["error"]);
}
