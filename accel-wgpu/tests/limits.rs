//! What a GPU has room for, and what it refuses.
#![allow(clippy::unwrap_used, reason = "test code")]

use accel_wgpu::{Gpu, OpenError, Permutation, Selection};
use kernel::accel::{AccelError, Accelerator, MatrixId, RowSource};
use kernel::conformance::residues;
use kernel::prime::{Prime, PrimeId, T};
use std::sync::OnceLock;

trait Opened: Send + Sync {
    fn gpu(&self) -> &Gpu;
}

impl Opened for Gpu {
    fn gpu(&self) -> &Gpu {
        self
    }
}

kernel::suite_backend!(Opened, limits, Gpu::builder().build(), "SUBROSA_REQUIRE_GPU");

fn gpu_with(memory: u64) -> Option<Gpu> {
    backend().map(|_| Gpu::builder().memory(memory).build().unwrap())
}

/// A weight for each row and column, and a count of the rows that were asked for.
struct Rows {
    next: usize,
    end: usize,
}

impl Rows {
    const fn endless() -> Self {
        Self { next: 0, end: usize::MAX }
    }
}

fn weight(i: usize, j: usize) -> i8 {
    (i * 31 + j * 7 + i / 251) as i8
}

impl RowSource for Rows {
    fn next_row(&mut self, row: &mut [i8]) -> Result<(), AccelError> {
        if self.next == self.end {
            return Err(AccelError::Rows);
        }
        // Few of them differ, so that large matrices are quickly made.
        static PERIOD: OnceLock<Vec<i8>> = OnceLock::new();
        let period = PERIOD.get_or_init(|| (0..256 + 65_793).map(|j| (j * 7) as i8).collect());
        row.copy_from_slice(&period[..row.len()]);
        let shift = (self.next * 31 + self.next / 251) as i8;
        row.iter_mut().for_each(|weight| *weight = weight.wrapping_add(shift));
        self.next += 1;
        Ok(())
    }
}

/// Row `i` of the product with `x`, `n x columns`.
fn expected(i: usize, x: &[u32], columns: usize, column: usize) -> u32 {
    let words = x.iter().skip(column).step_by(columns).enumerate();
    words.fold(0, |sum, (j, &x)| T::add(sum, T::mul(T::from_i32(weight(i, j).into()), x)))
}

#[test]
fn a_matrix_larger_than_a_binding() {
    let Some(backend) = backend() else { return };
    let gpu = backend.gpu();
    let n = 4096;
    // Some rows more than fit, where that is not too much for a test.
    let binding = gpu.report().binding_bytes.min(gpu.report().buffer_bytes).min(1 << 28) as usize;
    let m = binding / n + 8000;
    let id = gpu.load(m, n, &mut Rows::endless()).unwrap();
    for columns in [1, 7] {
        let x = residues(PrimeId::T, columns as u64, n * columns);
        // The last rows of the first window, and the first of the second.
        let rows = binding / n - 300..m;
        let mut out = vec![1; rows.len() * columns];
        gpu.product(id, rows.clone(), PrimeId::T, &x, columns, &mut out).unwrap();
        for i in rows.clone().step_by(97).chain(binding / n - 2..binding / n + 2).chain([m - 1]) {
            for column in 0..columns {
                let got = out[(i - rows.start) * columns + column];
                assert_eq!(got, expected(i, &x, columns, column), "row {i}, column {column}");
            }
        }
    }
    gpu.unload(id).unwrap();
}

#[test]
fn the_memory_is_counted_to_the_byte() {
    // The self-test's keys have room in it. 3 x 17 weights take two vectors of 16 for each row.
    const LARGE: u64 = 64 << 20;
    let Some(gpu) = gpu_with(LARGE + 96) else { return };
    let free = || gpu.capabilities().free_bytes;
    assert_eq!(free(), Some(LARGE + 96), "the self-test has given back what it took");
    let large = gpu.load((LARGE >> 12) as usize, 4096, &mut Rows::endless()).unwrap();
    assert_eq!(free(), Some(96));
    assert_eq!(gpu.load(4, 17, &mut Rows::endless()), Err(AccelError::OutOfMemory));
    assert_eq!(gpu.load(3, 33, &mut Rows::endless()), Err(AccelError::OutOfMemory));
    assert_eq!(free(), Some(96));
    // A source that ends in the middle leaves nothing behind.
    for end in [0, 1, 2] {
        assert_eq!(gpu.load(3, 17, &mut Rows { next: 0, end }), Err(AccelError::Rows));
        assert_eq!(free(), Some(96));
    }
    let small = gpu.load(3, 17, &mut Rows::endless()).unwrap();
    assert_eq!(free(), Some(0));
    let mut one = Rows::endless();
    assert_eq!(gpu.load(1, 1, &mut one), Err(AccelError::OutOfMemory));
    assert_eq!(one.next, 0, "no row is read in vain");
    // Full, and at work.
    let x = residues(PrimeId::T, 1, 17);
    let mut out = [1; 3];
    gpu.product(small, 0..3, PrimeId::T, &x, 1, &mut out).unwrap();
    assert_eq!(out, [0, 1, 2].map(|i| expected(i, &x, 1, 0)));
    gpu.unload(small).unwrap();
    assert_eq!(free(), Some(96));
    gpu.unload(large).unwrap();
    assert_eq!(free(), Some(LARGE + 96));
}

#[test]
fn the_self_test_does_not_count() {
    for memory in [0, 15] {
        let Some(gpu) = gpu_with(memory) else { return };
        assert_eq!(gpu.load(1, 1, &mut Rows::endless()), Err(AccelError::OutOfMemory));
        assert_eq!(gpu.capabilities().free_bytes, Some(memory));
        assert_eq!(gpu.failure(), None);
    }
    let Some(gpu) = gpu_with(16) else { return };
    assert!(gpu.load(1, 1, &mut Rows::endless()).is_ok());
}

#[test]
fn absurd_sizes_are_refused_before_a_row_is_read() {
    let Some(gpu) = backend() else { return };
    let gpu = gpu.gpu();
    for (m, n) in [(1 << 40, 4096), (1 << 36, 65_793), (usize::MAX, 1), (usize::MAX / 16, 16)] {
        let mut rows = Rows::endless();
        assert_eq!(gpu.load(m, n, &mut rows), Err(AccelError::OutOfMemory), "{m} x {n}");
        assert_eq!(rows.next, 0);
    }
    assert_eq!(gpu.capabilities().free_bytes, None, "nobody knows");
    // What was taken is there again, and the device is as it was.
    assert_eq!(gpu.failure(), None);
    assert_eq!(gpu.self_test(), Ok(()));
    let id = gpu.load(5, 5, &mut Rows::endless()).unwrap();
    assert_ne!(id, MatrixId(u64::MAX));
    gpu.unload(id).unwrap();
}

#[test]
fn permutations_that_the_adapter_lacks_are_refused() {
    let Some(gpu) = backend() else { return };
    let best = gpu.gpu().report().best;
    let able: Vec<_> = gpu.gpu().report().permutations().collect();
    for wanted in Permutation::all() {
        match Gpu::builder().permutation(wanted).build() {
            Ok(gpu) => assert!(gpu.permutation() == wanted && able.contains(&wanted)),
            Err(OpenError::Unsupported { wanted: said, best: known, .. }) => {
                assert!((said, known) == (wanted, best) && !wanted.is_within(best));
                assert!(!able.contains(&wanted));
            }
            Err(other) => panic!("{wanted}: {other}"),
        }
    }
}

#[test]
fn adapters_that_are_not_there_are_said() {
    let unknown = Selection::Name("no such GPU".into());
    for selection in [Selection::Index(1000), unknown] {
        let error = Gpu::builder().adapter(selection.clone()).build().unwrap_err();
        assert_eq!(error, OpenError::NoAdapter(selection));
    }
}
