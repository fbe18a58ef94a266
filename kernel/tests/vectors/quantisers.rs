//! Bounds and quantisers.

use crate::cases::*;
use kernel::quant::{ActivationQuantiser, BoundError, GroupBounds, WeightError, quantise_row};
use serde_json::Value;

pub(crate) fn bounds(case: &Value) {
    let expected = GroupBounds {
        norm2_squared: number(&case["norm2_squared"]),
        norm1: number(&case["norm1"]),
    };
    if let Some(label) = case.get("label") {
        let (rows, columns) = (number::<usize>(&case["rows"]), number::<usize>(&case["columns"]));
        let mut bounds = GroupBounds::default();
        for row in input_weights(text(label), rows * columns).chunks_exact(columns) {
            bounds.include(row);
        }
        assert_eq!(bounds, expected);
    }
    assert_eq!(expected.check_noise().is_ok(), case["noise_fits"]);
    assert_eq!(expected.largest_sum_of_squares(), number::<u64>(&case["sum_of_squares"]));
}

pub(crate) fn weights(case: &Value) {
    let row = floats(case);
    let mut out = vec![i8::MAX; row.len()];
    let scale = quantise_row(&row, &mut out);
    if let Some(index) = case.get("not_finite") {
        return assert_eq!(scale, Err(WeightError::NotFinite(number(index))));
    }
    assert_eq!(scale.unwrap().to_bits(), number::<u32>(&case["scale"]));
    assert_words(&wide(&out), &case["integers"]);
}

pub(crate) fn activations(case: &Value) {
    let x = floats(case);
    let bounds = GroupBounds { norm2_squared: number(&case["norm2_squared"]), norm1: 0 };
    let mut out = vec![i32::MAX; x.len()];
    let factor = ActivationQuantiser::new(&bounds, x.len()).unwrap().quantise(&x, &mut out);
    assert_eq!(factor.to_bits(), number::<u32>(&case["factor"]));
    assert_words(&wide(&out), &case["integers"]);
}

pub(crate) fn headroom(case: &Value) {
    let (columns, heaviest) = (number(&case["columns"]), number(&case["heaviest"]));
    let new = |norm2_squared| {
        ActivationQuantiser::new(&GroupBounds { norm2_squared, norm1: 0 }, columns).map(|_| ())
    };
    assert_eq!(new(heaviest), Ok(()));
    let norm2_squared = heaviest + 1;
    assert_eq!(new(norm2_squared), Err(BoundError::Headroom { norm2_squared }));
}
