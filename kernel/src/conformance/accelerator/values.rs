use super::{Pair, Weights, compare, garbage};
use crate::accel::Accelerator;
use crate::conformance::{EDGE_WEIGHTS, edge_residues};
use crate::model::MAX_COLUMNS;
use crate::prime::PrimeId;
use crate::stream::{PublicSeed, SEED_BYTES, expand_mask_columns};

/// One weight everywhere against one residue everywhere, all combinations of edge values.
pub fn extreme_values(backend: &dyn Accelerator) {
    for n in [1, 64, 67] {
        for weight in EDGE_WEIGHTS {
            let pair = Pair::new(backend, &Weights::new(n, alloc::vec![weight; 7 * n]));
            for p in PrimeId::ALL {
                for residue in edge_residues(p) {
                    for columns in [1, 17] {
                        pair.check(0..7, p, &alloc::vec![residue; n * columns], columns);
                    }
                }
            }
            pair.unload();
        }
    }
}

/// Sizes around every width that registers and tiles have.
pub fn odd_shapes(backend: &dyn Accelerator) {
    const SIZES: [usize; 8] = [1, 3, 16, 17, 63, 64, 65, 100];
    for m in SIZES {
        for n in SIZES {
            let pair = Pair::noise(backend, m, n);
            for columns in SIZES {
                pair.check_noise(0..m, columns);
            }
            pair.unload();
        }
    }
}

/// The longest rows allowed: the extremes of every sum, then noise.
pub fn longest_rows(backend: &dyn Accelerator) {
    let n = MAX_COLUMNS;
    for weight in [-128, 127] {
        let pair = Pair::new(backend, &Weights::new(n, alloc::vec![weight; 2 * n]));
        for p in PrimeId::ALL {
            // The largest bytes in every plane: p - 1 ends in 00 00, p - 2 in ff ff.
            for residue in [p.value() - 1, p.value() - 2, 0x00ff_ffff] {
                for columns in [1, 17] {
                    pair.check(0..2, p, &alloc::vec![residue; n * columns], columns);
                }
            }
        }
        pair.unload();
    }
    let pair = Pair::noise(backend, 2, n);
    pair.check_noise(0..2, 1);
    pair.check_noise(0..2, 17);
    pair.unload();
}

/// Some rows of a matrix only.
pub fn row_ranges(backend: &dyn Accelerator) {
    let pair = Pair::noise(backend, 40, 70);
    for rows in [0..1, 0..40, 1..40, 5..11, 7..8, 12..36, 34..40, 39..40] {
        for columns in [1, 2, 5, 16, 33] {
            pair.check_noise(rows.clone(), columns);
        }
    }
    pair.unload();
}

/// More columns than any tile holds.
pub fn many_columns(backend: &dyn Accelerator) {
    for (m, n) in [(1, 1), (5, 260), (20, 70)] {
        let pair = Pair::noise(backend, m, n);
        for columns in [127, 256, 257, 300, 1000] {
            pair.check_noise(0..m, columns);
        }
        pair.unload();
    }
}

/// More rows than any block holds, few columns.
pub fn many_rows(backend: &dyn Accelerator) {
    for (m, n) in [(1025, 33), (1500, 1), (700, 257)] {
        let pair = Pair::noise(backend, m, n);
        for columns in 1..=10 {
            pair.check_noise(0..m, columns);
        }
        pair.unload();
    }
    // As large as one token's work, for backends that split it.
    let pair = Pair::noise(backend, 1300, 2050);
    pair.check_noise(0..1300, 1);
    pair.check_noise(7..1299, 2);
    pair.unload();
}

/// Enough work for threads to share, and rows longer than any block.
pub fn tall_and_wide(backend: &dyn Accelerator) {
    for (m, n) in [(300, 255), (301, 256), (299, 1030), (30, 4099)] {
        let pair = Pair::noise(backend, m, n);
        for columns in [1, 8, 9, 48] {
            pair.check_noise(0..m, columns);
        }
        pair.check_noise(m / 3..m - 5, 40);
        pair.unload();
    }
}

/// `product_seeded` is `product` of the mask words, in windows that start and end anywhere.
pub fn seeded_equals_expanded(backend: &dyn Accelerator) {
    for (m, n) in [(1, 1), (7, 70), (60, 300)] {
        let pair = Pair::noise(backend, m, n);
        for (p, fill) in PrimeId::ALL.into_iter().zip([0x5a, 0x00]) {
            let seed = PublicSeed([fill; SEED_BYTES]);
            let windows = [
                0..1,
                0..16,
                1..17,
                3..20,
                15..17,
                31..40,
                16..64,
                100..700,
                255..257,
                4090..4100,
                65_530..65_600,
            ];
            for window in windows {
                let columns = window.len();
                let mut x = alloc::vec![0; n * columns];
                expand_mask_columns(p, &seed, 0..n, window.clone(), &mut x);
                for rows in [0..m, m / 2..m] {
                    let mut got = garbage(rows.len() * columns);
                    let mut expected = garbage(rows.len() * columns);
                    let (ours, theirs) = pair.ids;
                    backend
                        .product_seeded(ours, rows.clone(), p, &seed, window.clone(), &mut got)
                        .unwrap();
                    pair.reference
                        .product(theirs, rows.clone(), p, &x, columns, &mut expected)
                        .unwrap();
                    compare(&got, &expected, columns, || {
                        alloc::format!(
                            "{m} x {n} matrix, rows {rows:?}, masks {window:?} modulo {p:?}"
                        )
                    });
                }
            }
        }
        pair.unload();
    }
}
