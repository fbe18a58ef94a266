//! Result rows at the smaller modulus.

use crate::cases::*;
use crate::scheme::combined;
use kernel::glwe::{SecretKey, decrypt_switched_row_into, switch_row};
use kernel::params::{InsecureMasked16x1, Masked256x16, MaskedSet};
use kernel::prime::{Delta, Prime, T};
use kernel::ring::Scalar;
use kernel::stream::Seed;
use kernel::wire::RowForm;
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
    let (mut message, mut error) = (vec![u32::MAX; S::N], vec![u32::MAX; S::N]);
    let mut row = row.to_vec();
    decrypt_switched_row_into::<S, Scalar>(&key, &mut row, &mut message, &mut error).unwrap();
    (message, error.into_iter().map(S::Scale::centre).collect())
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
    switch_row::<T, Delta, Scalar>(S::N, plain, scale).unwrap();
    assert_words(&wide(plain), &case["plain"]);
    assert_words(&wide(scale), &case["low"]);
    let mut packed = vec![0xaa; RowForm::Switched.row_bytes(S::N, S::K)];
    RowForm::Switched.pack_row(S::N, [plain, scale], &mut packed).unwrap();
    assert_eq!(packed.len(), number::<usize>(&case["packed"][0]));
    assert_eq!(Sha256::digest(&packed)[..], bytes(&case["packed"][1]));

    let mut unpacked = vec![u32::MAX; row.len()];
    let (plain, scale) = unpacked.split_at_mut(S::LIMB_WORDS);
    RowForm::Switched.unpack_row(S::N, &packed, [plain, scale]).unwrap();
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
