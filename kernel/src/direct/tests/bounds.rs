//! For which matrices exactness is promised.

use super::*;
use crate::direct::noise::is_exact;
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
