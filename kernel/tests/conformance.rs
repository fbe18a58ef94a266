//! The kernel's own backends through their suites, and the reference against big integers.
//!
//! The suite compares every backend with the reference, so the reference needs another judge.
#![allow(clippy::unwrap_used, reason = "test code")]

use kernel::accel::{AccelError, Accelerator, Reference, RowSource};
use kernel::accelerator_suite;
use kernel::conformance::{EDGE_WEIGHTS, edge_residues, residues, weights};
use kernel::model::MAX_COLUMNS;
use kernel::prime::PrimeId;
use kernel::ring::Scalar;
use kernel::{ring_accelerator_suite, ring_ops_suite};

accelerator_suite!(reference, Some(Reference::default()));
accelerator_suite!(absent, None::<Reference>, required_by "SUBROSA_REQUIRE_NOTHING");
accelerator_suite!(refused, Err::<Reference, _>("no such device"));

ring_accelerator_suite!(ring_reference, Some(Reference::default()));

ring_ops_suite!(scalar, Scalar);

struct Rows<'a>(core::slice::ChunksExact<'a, i8>);

impl RowSource for Rows<'_> {
    fn next_row(&mut self, row: &mut [i8]) -> Result<(), AccelError> {
        row.copy_from_slice(self.0.next().ok_or(AccelError::Rows)?);
        Ok(())
    }
}

/// The definition, in integers that never wrap.
fn check(n: usize, weights: &[i8], p: PrimeId, x: &[u32], columns: usize) {
    let m = weights.len() / n;
    let reference = Reference::default();
    let id = reference.load(m, n, &mut Rows(weights.chunks_exact(n))).unwrap();
    let mut got = vec![u32::MAX; m * columns];
    reference.product(id, 0..m, p, x, columns, &mut got).unwrap();
    for i in 0..m {
        for c in 0..columns {
            let sum: i128 = (0..n)
                .map(|j| i128::from(weights[i * n + j]) * i128::from(x[j * columns + c]))
                .sum();
            let expected = sum.rem_euclid(i128::from(p.value()));
            assert_eq!(i128::from(got[i * columns + c]), expected, "{m} x {n}, ({i}, {c}), {p:?}");
        }
    }
}

#[test]
fn reference_equals_big_integers() {
    for p in PrimeId::ALL {
        for (m, n, columns) in [(1, 1, 1), (3, 5, 2), (17, 64, 3), (10, 257, 19), (64, 33, 1)] {
            check(n, &weights(1, m * n), p, &residues(p, 2, n * columns), columns);
        }
        for weight in EDGE_WEIGHTS {
            for residue in edge_residues(p) {
                check(67, &[weight; 2 * 67], p, &[residue; 67 * 3], 3);
            }
            check(MAX_COLUMNS, &vec![weight; MAX_COLUMNS], p, &vec![p.value() - 1; MAX_COLUMNS], 1);
        }
    }
}
