use super::{Pair, Weights, garbage};
use crate::accel::{AccelError, Accelerator, MatrixId, RowSource};
use crate::conformance::{residues, weights};
use crate::model::MAX_COLUMNS;
use crate::prime::PrimeId;
use crate::stream::{PublicSeed, SEED_BYTES};
use core::ops::Range;

const SEED: PublicSeed = PublicSeed([7; SEED_BYTES]);

/// Buffers and ranges that do not fit, and matrices that have no shape.
pub fn bad_shapes(backend: &dyn Accelerator) {
    let (m, n) = (10, 20);
    let pair = Pair::noise(backend, m, n);
    let id = pair.ids.0;
    let shape = Err(AccelError::Shape);

    let product = |rows: Range<usize>, x: usize, columns: usize, out: usize| {
        let mut out = garbage(out);
        backend.product(id, rows, PrimeId::T, &alloc::vec![1; x], columns, &mut out)
    };
    for columns in [1, 2, 16, 17] {
        let (x, out) = (n * columns, m * columns);
        assert_eq!(product(0..m, x, columns, out), Ok(()));
        assert_eq!(product(0..m, x - 1, columns, out), shape);
        assert_eq!(product(0..m, x + 1, columns, out), shape);
        assert_eq!(product(0..m, 0, columns, out), shape);
        assert_eq!(product(0..m, x, columns, out - 1), shape);
        assert_eq!(product(0..m, x, columns, out + 1), shape);
        assert_eq!(product(0..m, x, columns, 0), shape);
        assert_eq!(product(0..m, x, columns + 1, out), shape);
        assert_eq!(product(0..m, x, 0, out), shape);
        assert_eq!(product(0..m + 1, x, columns, out + columns), shape);
        assert_eq!(product(m..m + 1, x, columns, columns), shape);
        assert_eq!(product(Range { start: 5, end: 3 }, x, columns, 0), shape);
        assert_eq!(product(Range { start: 5, end: 3 }, x, columns, 2 * columns), shape);
        assert_eq!(product(usize::MAX - 1..usize::MAX, x, columns, columns), shape);
        assert_eq!(product(0..usize::MAX, x, columns, out), shape);
    }
    assert_eq!(product(0..m, 0, 0, 0), shape);
    // Products of lengths that wrap around to the right value.
    assert_eq!(product(0..m, 0, 1 << (usize::BITS - 2), 0), shape);
    assert_eq!(product(0..4, 20, usize::MAX / 20 + 2, 0), shape);

    let seeded = |rows: Range<usize>, masks: Range<usize>, out: usize| {
        backend.product_seeded(id, rows, PrimeId::T, &SEED, masks, &mut garbage(out))
    };
    assert_eq!(seeded(0..m, 3..20, m * 17), Ok(()));
    assert_eq!(seeded(0..m, 3..20, m * 17 - 1), shape);
    assert_eq!(seeded(0..m, 3..20, m * 17 + 1), shape);
    assert_eq!(seeded(0..m, 3..4, 0), shape);
    assert_eq!(seeded(0..m, 3..3, 0), shape);
    assert_eq!(seeded(0..m, Range { start: 4, end: 3 }, 0), shape);
    assert_eq!(seeded(0..m + 1, 3..5, (m + 1) * 2), shape);
    assert_eq!(seeded(Range { start: 5, end: 3 }, 3..5, 0), shape);

    let mut rows = Weights::new(1, alloc::vec![1; 10]);
    assert_eq!(backend.load(0, 10, &mut rows), Err(AccelError::Shape));
    assert_eq!(backend.load(10, 0, &mut rows), Err(AccelError::Shape));
    assert_eq!(backend.load(0, 0, &mut rows), Err(AccelError::Shape));
    assert_eq!(backend.load(1, MAX_COLUMNS + 1, &mut rows), Err(AccelError::Shape));
    assert_eq!(backend.load(1, usize::MAX, &mut rows), Err(AccelError::Shape));
    let vast = backend.load(usize::MAX, 2, &mut rows);
    assert!(matches!(vast, Err(AccelError::Shape | AccelError::OutOfMemory)), "{vast:?}");

    // Still in order.
    pair.check_noise(0..m, 3);
    pair.unload();
}

/// Words at or above the modulus, wherever they are.
pub fn bad_residues(backend: &dyn Accelerator) {
    let (m, n) = (7, 67);
    let id = Weights::new(n, weights(8, m * n)).load(backend);
    for p in PrimeId::ALL {
        for columns in [1, 2, 16, 19] {
            let len = n * columns;
            let mut x = residues(p, 9, len);
            for position in [0, 1, columns - 1, len / 2, len - columns, len - 1] {
                for word in [p.value(), p.value() + 1, u32::MAX] {
                    let good = core::mem::replace(&mut x[position], word);
                    let mut out = garbage(m * columns);
                    let failed = backend.product(id, 0..m, p, &x, columns, &mut out);
                    assert_eq!(
                        failed,
                        Err(AccelError::Residue),
                        "{word} modulo {p:?} at {position} of {len}"
                    );
                    x[position] = good;
                }
            }
            assert_eq!(
                backend.product(id, 0..m, p, &x, columns, &mut garbage(m * columns)),
                Ok(())
            );
        }
    }
    backend.unload(id).unwrap();
}

struct Broken(usize);

impl RowSource for Broken {
    fn next_row(&mut self, row: &mut [i8]) -> Result<(), AccelError> {
        row.fill(1);
        self.0 = self.0.checked_sub(1).ok_or(AccelError::Rows)?;
        Ok(())
    }
}

/// A source that ends early or fails makes `load` fail, and leaves nothing broken.
pub fn bad_sources(backend: &dyn Accelerator) {
    for rows in [0, 1, 6] {
        assert_eq!(backend.load(7, 5, &mut Broken(rows)), Err(AccelError::Rows));
    }
    // Lends fewer rows than it is asked for, and has no more.
    let short = Weights::new(5, weights(1, 5 * 5));
    assert_eq!(backend.load(7, 5, &mut short.clone()), Err(AccelError::Rows));
    assert_eq!(backend.load(7, 5, &mut short.lending(64)), Err(AccelError::Rows));

    let id = backend.load(7, 5, &mut Broken(7)).unwrap();
    let mut out = garbage(7);
    assert_eq!(backend.product(id, 0..7, PrimeId::T, &[1, 2, 3, 4, 5], 1, &mut out), Ok(()));
    assert_eq!(out, [15; 7]);
    backend.unload(id).unwrap();
}

/// Identifiers that were never given, and those of matrices unloaded.
pub fn unknown_matrices(backend: &dyn Accelerator) {
    let gone = Weights::new(1, alloc::vec![1; 3]).load(backend);
    backend.unload(gone).unwrap();
    for id in [gone, MatrixId(u64::MAX), MatrixId(1 << 32), MatrixId(1 << 63)] {
        let unknown = AccelError::UnknownMatrix;
        let mut out = garbage(3);
        assert_eq!(backend.columns(id), Err(unknown));
        assert_eq!(backend.product(id, 0..3, PrimeId::T, &[1], 1, &mut out), Err(unknown));
        let seeded = backend.product_seeded(id, 0..3, PrimeId::T, &SEED, 0..1, &mut out);
        assert_eq!(seeded, Err(unknown));
        assert_eq!(backend.unload(id), Err(unknown));
    }
}

/// No rows at all is a range like any other.
pub fn empty_ranges(backend: &dyn Accelerator) {
    let pair = Pair::noise(backend, 8, 12);
    for rows in [0..0, 3..3, 8..8] {
        for columns in [1, 20] {
            pair.check_noise(rows.clone(), columns);
            let seeded = backend.product_seeded(
                pair.ids.0,
                rows.clone(),
                PrimeId::Delta,
                &SEED,
                5..5 + columns,
                &mut [],
            );
            assert_eq!(seeded, Ok(()));
        }
    }
    let beyond = backend.product(pair.ids.0, 9..9, PrimeId::T, &[0; 12], 1, &mut []);
    assert_eq!(beyond, Err(AccelError::Shape));
    pair.unload();
}
