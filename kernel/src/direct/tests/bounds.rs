//! For which matrices exactness is promised.

use super::*;
use crate::direct::noise::{OUTPUTS, ProductNoise, SECRET, is_exact};
use crate::gadget::{digit_bits, digits};
use crate::params::{LimbVisitor, Limbs, ParameterSet};
use crate::quant::GroupBounds;

type Set = Direct4096;

/// Rows of Gaussian weights with root mean square `rms`: their mean is `rms sqrt(2 / pi)`.
fn gaussian(columns: usize, rms: u64) -> GroupBounds {
    let n = columns as u64;
    GroupBounds { norm2_squared: rms * rms * n, norm1: rms * 4 * n / 5 }
}

fn exact(bounds: &GroupBounds, (rows, columns): (usize, usize), tokens: usize) -> bool {
    is_exact::<Set>(bounds, &Layout::for_product(4096, rows, columns, tokens))
}

/// The groups of Llama-2-7B, and smaller ones.
const SHAPES: [(usize, usize); 9] = [
    (12288, 4096),
    (4096, 4096),
    (22016, 4096),
    (4096, 11008),
    (32000, 4096),
    (864, 288),
    (288, 768),
    (64, 160),
    (256, 64),
];

#[test]
fn real_shapes_are_accepted() {
    for (rows, columns) in SHAPES {
        for tokens in [1, 2, 3, 16, 64] {
            let bounds = gaussian(columns, 30);
            assert!(exact(&bounds, (rows, columns), tokens), "{rows} x {columns}, {tokens} tokens");
        }
    }
}

/// The heaviest rows there are, where they are long.
#[test]
fn rows_of_nothing_but_the_largest_weights_are_refused() {
    let mut row = vec![127_i8; 11008];
    row.iter_mut().step_by(2).for_each(|w| *w = -127);
    let mut bounds = GroupBounds::default();
    bounds.include(&row);
    for tokens in [1, 16] {
        assert!(!exact(&bounds, (4096, 11008), tokens));
    }
    // One such row among others is enough.
    let mut mixed = gaussian(11008, 30);
    mixed.include(&row);
    assert!(!exact(&mixed, (4096, 11008), 1));
    let without = gaussian(11008, 30);
    assert!(exact(&without, (4096, 11008), 1));
}

/// Heavier is never better, and there is an end.
#[test]
fn exactness_is_lost_once() {
    for (rows, columns) in SHAPES {
        for tokens in [1, 4] {
            let at = |norm2_squared: u64| {
                exact(&GroupBounds { norm2_squared, norm1: 0 }, (rows, columns), tokens)
            };
            let answers: Vec<bool> = (0..64).map(|bit| at(1 << bit)).collect();
            let changes = answers.windows(2).filter(|pair| pair[0] != pair[1]).count();
            // Narrow layouts have few key switches, and no row of 64 bits is too heavy.
            assert!(answers[0] && changes <= 1, "{rows} x {columns}");
            assert!(!answers[63] || rows * columns < 1 << 20, "{rows} x {columns}");
        }
    }
}

/// The digits of every limb, smallest base first: mean squares of uniform residues, with the slack of a
/// 64th that the proof takes.
fn digit_squares() -> Vec<f64> {
    struct Squares(Vec<f64>);
    impl LimbVisitor for Squares {
        fn limb<P: Prime>(&mut self, _: usize) {
            let count = digits::<P>(Set::DIGIT_BITS);
            let base = f64::from(1_u32 << digit_bits::<P>(count));
            self.0.extend(core::iter::repeat_n((base * base + 2.0) / 12.0, count - 1));
            let top = f64::from(P::VALUE) / base.powi(count as i32 - 1);
            self.0.push((top * top + 1.0) / 12.0);
        }
    }
    let mut squares = Squares(vec![]);
    <Set as ParameterSet>::Chain::visit(&mut squares);
    squares.0.iter().map(|square| square * (1.0 + 1.0 / 64.0)).collect()
}

/// What the squares of digits at a root may exceed their mean by, but for `exp(-nats)`: Chernoff, with
/// `E exp(u d^2) <= 1 / (1 - u E d^2)` for each digit.
fn spread(nats: f64) -> f64 {
    let squares = digit_squares();
    let largest = squares.iter().copied().fold(0.0, f64::max);
    let at = |step: u32| {
        let u = f64::from(step) / 1000.0 / largest;
        (nats - squares.iter().map(|square| (-u * square).ln_1p()).sum::<f64>()) / u
    };
    (1..1000).map(at).fold(f64::INFINITY, f64::min) / squares.iter().sum::<f64>()
}

/// The failure bound, recomputed from the formulas of the noise: at the heaviest rows that are accepted a
/// token of [`OUTPUTS`] outputs is wrong with `2^-128` at most, and heavier ones are refused.
#[test]
fn the_bound_is_the_theorems() {
    let (n, outputs) = (Set::N as f64, OUTPUTS as f64);
    let ln2 = core::f64::consts::LN_2;
    // All outputs, half as many roots as coefficients, 128 keys: 2^-129 together.
    let tau = spread(ln2 * 129.0 + (outputs * n / 2.0 * 128.0).ln());
    let modulus = <Set as ParameterSet>::Chain::MODULUS as f64;
    let room = modulus / (2.0 * f64::from(T::VALUE)) - modulus / 2_f64.powi(BODY_BITS as i32 + 1);
    let mask = modulus / 2_f64.powi(MASK_BITS as i32);
    for (rows, columns) in SHAPES {
        for tokens in [1, 4, 64] {
            let layout = Layout::for_product(4096, rows, columns, tokens);
            let accepted = |norm2_squared: u64| {
                is_exact::<Set>(&GroupBounds { norm2_squared, norm1: 0 }, &layout)
            };
            // The largest that is accepted, by halving; rows of bytes are never heavier than this.
            let (mut low, mut high) = (0, 1 << 40);
            while high - low > 1 {
                let middle = (low + high) / 2;
                if accepted(middle) { low = middle } else { high = middle }
            }
            let noise = ProductNoise::new::<Set>(&layout, layout.rows() as f64 * low as f64);
            let variance = noise.fresh * layout.sum() as f64
                + 6.0 * tau * noise.babies
                + tau * (noise.giants + noise.folds)
                + mask * mask * SECRET * n / 4.0;
            let log2 = (2.0 * outputs).log2() - room * room / (2.0 * variance) / ln2;
            let failure = log2.exp2() + 2_f64.powi(-129);
            assert!(failure <= 2_f64.powi(-128), "{rows} x {columns}, {tokens}: 2^{log2}");
            // The limit is no stricter than the theorem asks for by more than a bit or two.
            assert!(high == 1 << 40 || log2 > -131.0, "{rows} x {columns}, {tokens}: 2^{log2}");
        }
    }
}
