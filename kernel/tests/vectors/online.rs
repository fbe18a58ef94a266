//! Masks and checks.

use crate::cases::*;
use crate::host::product;
use kernel::bundle::CHECK_REPETITIONS;
use kernel::check::{LinearCheck, Poison, UnitCheck};
use kernel::mask::{centre_into, mask_assign, unmask_assign};
use kernel::prime::{Prime, PrimeId, T};
use kernel::stream;
use serde_json::Value;

pub(crate) fn online(case: &Value) {
    let (m, n) = (number::<usize>(&case["rows"]), number(&case["columns"]));
    let label = text(&case["label"]);
    let weights = input_weights(label, m * n);
    let x = input_activations(&format!("{label} x"), n);
    let mut c = vec![u32::MAX; n];
    stream::one_time_mask(&seed(case), number(&case["token"]), 0, &mut c);
    let mut z = product(&weights, n, PrimeId::T, &c, 1);
    assert_words(&wide(&z), &case["z"]);
    mask_assign(&x, &mut c);
    assert_words(&wide(&c), &case["c"]);
    let d = product(&weights, n, PrimeId::T, &c, 1);
    assert_words(&wide(&d), &case["d"]);
    unmask_assign(&d, &mut z);
    let mut y = vec![i32::MAX; m];
    centre_into(&z, &mut y);
    assert_words(&wide(&y), &case["y"]);
}

/// v = u^T W of one repetition.
fn project(u: &[u32], weights: &[i8], n: usize) -> Vec<u32> {
    let term = |i: usize, j: usize| T::mul(u[i], T::from_i32(i32::from(weights[i * n + j])));
    (0..n).map(|j| (0..u.len()).fold(0, |sum, i| T::add(sum, term(i, j)))).collect()
}

fn check_inputs(case: &Value) -> (Vec<i8>, [Vec<u32>; CHECK_REPETITIONS], Vec<Vec<u32>>) {
    let (m, n) = (number::<usize>(&case["rows"]), number(&case["columns"]));
    let weights = input_weights(text(&case["label"]), m * n);
    let u = [0, 1].map(|repetition| {
        let mut u = vec![u32::MAX; m];
        stream::check_vector(&seed(case), repetition, number(&case["group"]), 0, &mut u);
        u
    });
    let v: Vec<_> = u.iter().map(|u| project(u, &weights, n)).collect();
    for (v, expected) in v.iter().zip(list(&case["v"])) {
        assert_words(&wide(v), expected);
    }
    (weights, u, v)
}

pub(crate) fn checks(case: &Value) {
    let (weights, _, v) = check_inputs(case);
    let n = v[0].len();
    let x = input_activations(&format!("{} x", text(&case["label"])), n);
    let x: Vec<u32> = x.into_iter().map(T::from_i32).collect();
    let y = product(&weights, n, PrimeId::T, &x, 1);
    assert_words(&wide(&y), &case["y"]);
    let group = number(&case["group"]);
    for forgery in list(&case["forgeries"]) {
        let mut y = y.clone();
        for (at, error) in numbers::<usize>(&case["at"]).into_iter().zip(list(&forgery["errors"])) {
            y[at] = T::add(y[at], number(error));
        }
        // In one piece, and in uneven ones.
        for piece in [y.len(), 1, 131] {
            let (mut check, mut poison) = (LinearCheck::default(), Poison::default());
            for (i, part) in y.chunks(piece).enumerate() {
                check.add_outputs(&seed(case), group, i * piece, part);
            }
            for (repetition, v) in v.iter().enumerate() {
                check.subtract_inputs(repetition, v, x.iter().copied());
            }
            check.finish(&mut poison);
            assert_eq!(poison.reveal(), forgery["caught"], "{forgery}");
            let mut shown = [1, -1];
            poison.select(&mut shown);
            assert_eq!(shown, if poison.reveal() { [0, 0] } else { [1, -1] });
        }
    }
}

pub(crate) fn unit_checks(case: &Value) {
    let (weights, u, v) = check_inputs(case);
    let (n, tokens) = (v[0].len(), number::<usize>(&case["tokens"]));
    let label = text(&case["label"]);
    let r: Vec<_> =
        (0..n).flat_map(|j| input_residues(&format!("{label} r {j}"), tokens, T::VALUE)).collect();
    let z = product(&weights, n, PrimeId::T, &r, tokens);
    for (z, expected) in z.chunks_exact(tokens).zip(list(&case["z"])) {
        assert_words(&wide(z), expected);
    }
    for forgery in list(&case["forgeries"]) {
        let (mut z, token) = (z.clone(), number::<usize>(&forgery["token"]));
        for (at, error) in numbers::<usize>(&case["at"]).into_iter().zip(list(&forgery["errors"])) {
            z[at * tokens + token] = T::add(z[at * tokens + token], number(error));
        }
        let mut sums = vec![u32::MAX; UnitCheck::words(tokens)];
        let (mut check, mut poison) =
            (UnitCheck::new(tokens, &mut sums).unwrap(), Poison::default());
        for (j, r) in r.chunks_exact(tokens).enumerate() {
            check.subtract_coordinate([v[0][j], v[1][j]], 0, r);
        }
        for (i, z) in z.chunks_exact(tokens).enumerate() {
            check.add_row([u[0][i], u[1][i]], z);
        }
        check.finish(&mut poison);
        assert_eq!(poison.reveal(), forgery["caught"], "{forgery}");
    }
}
