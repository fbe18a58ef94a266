//! Seeds, uniform words and samplers.

use crate::cases::*;
use core::ops::Range;
use kernel::bundle::ModelDigest;
use kernel::prime::{Delta, InsecureDelta97, InsecureT17, Prime, Prime25, Prime26, Prime29, T};
use kernel::stream::{self, Label, PublicSeed};
use serde_json::Value;

pub(crate) fn seeds(case: &Value) {
    let seed = seed(case);
    assert_eq!(seed.derive_public().0, bytes_32(&case["public_mask"]));
    assert_eq!(*seed.derive(Label::PublicMask).expose(), bytes_32(&case["public_mask"]));
    assert_eq!(*seed.derive(Label::OneTimeMask).expose(), bytes_32(&case["one_time_mask"]));
    assert_eq!(*seed.derive(Label::EvaluationKey).expose(), bytes_32(&case["evaluation_key"]));
    let unit_keys = [0, 1, 15].map(|index| seed.derive_key(index).expose().to_vec());
    assert_eq!(unit_keys.to_vec(), list(&case["unit_keys"]).iter().map(bytes).collect::<Vec<_>>());
    for pair in list(&case["token_choice"]) {
        assert_eq!(stream::token_choice(&seed, number(&pair[0])), number::<u32>(&pair[1]));
    }
}

pub(crate) fn model_seeds(case: &Value) {
    let digest = ModelDigest(bytes_32(&case["digest"]));
    let seed = PublicSeed::of_model(digest, parameter_id(case));
    assert_eq!(seed.0, bytes_32(&case["seed"]));
}

pub(crate) fn public_masks(case: &Value) {
    let range = |value| match numbers::<usize>(value)[..] {
        [start, end] => start..end,
        _ => panic!(),
    };
    let (coordinates, columns) = (range(&case["coordinates"]), range(&case["columns"]));
    let seed = PublicSeed(bytes_32(&case["seed"]));
    let mut out = vec![u32::MAX; coordinates.len() * columns.len()];
    with_named_prime!(&case["prime"], masks(&seed, &coordinates, &columns, &mut out));
    assert_words(&wide(&out), &case["words"]);
    if let Some(p) = prime_id(&case["prime"]) {
        let mut again = vec![u32::MAX; out.len()];
        stream::expand_mask_columns(p, &seed, coordinates, columns, &mut again);
        assert_eq!(again, out);
    }
}

fn masks<P: Prime>(
    seed: &PublicSeed,
    coordinates: &Range<usize>,
    columns: &Range<usize>,
    out: &mut [u32],
) {
    for (j, row) in coordinates.clone().zip(out.chunks_exact_mut(columns.len())) {
        stream::expand_mask::<P>(seed, j as u64, columns.start, row);
    }
}

pub(crate) fn check_vectors(case: &Value) {
    let (repetition, group) = (number(&case["repetition"]), number(&case["group"]));
    let mut out = vec![u32::MAX; number(&case["count"])];
    stream::check_vector(&seed(case), repetition, group, number(&case["first"]), &mut out);
    assert_words(&wide(&out), &case["words"]);
}

pub(crate) fn one_time_masks(case: &Value) {
    let seed = seed(case);
    if case.get("token").is_some() {
        let mut out = vec![u32::MAX; number(&case["count"])];
        stream::one_time_mask(&seed, number(&case["token"]), number(&case["first"]), &mut out);
        return assert_words(&wide(&out), &case["words"]);
    }
    let tokens: usize = number(&case["tokens"]);
    let mut out = vec![u32::MAX; number::<usize>(&case["coordinates"]) * tokens];
    stream::one_time_mask_coordinates(&seed, number(&case["block"]), 0..tokens, &mut out);
    assert_words(&wide(&out), &case["words"]);
}

pub(crate) fn samplers(case: &Value) {
    let values = &case["values"];
    let count = if values.is_array() { list(values).len() } else { number(&values["len"]) };
    let mut out = vec![i8::MAX; count];
    match text(&case["kind"]) {
        "ternary" => stream::ternary(&seed(case), number(&case["stream"]), &mut out),
        "noise" => stream::centred_binomial(&seed(case), number(&case["stream"]), &mut out),
        other => panic!("sampler {other}"),
    }
    assert_words(&wide(&out), values);
}
