//! The suite of [`Accelerator`]: see [`accelerator_suite!`](crate::accelerator_suite).
//!
//! Every case may run at the same time as the others, on one backend.
#![allow(clippy::missing_panics_doc, clippy::unwrap_used, reason = "test code")]

mod behaviour;
mod errors;
mod values;

pub use behaviour::{
    Crowd, calls_are_pure, identifiers_are_not_confused, linear, shared_rows_equal_copied,
};
pub use errors::{bad_residues, bad_shapes, bad_sources, empty_ranges, unknown_matrices};
pub use values::{
    extreme_values, longest_rows, many_columns, many_rows, odd_shapes, row_ranges,
    seeded_equals_expanded, tall_and_wide,
};

use super::{garbage, residues, weights};
use crate::accel::{AccelError, Accelerator, MatrixId, Reference, RowSource, SharedRows};
use crate::prime::PrimeId;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::ops::Range;

/// Makes a test of every case for one backend, in a module `$name`.
///
/// `$make` is an `Option` of a backend, or a `Result` with an error that can be displayed; it is
/// run once, and all tests share the backend. Where there is none the tests pass and say
/// `SKIPPED: <name>: <why>` on standard error; with `required_by "VARIABLE"`, they fail if that
/// environment variable is `1`.
///
/// ```
/// # use kernel::accel::Reference;
/// # fn open_gpu() -> Result<Reference, &'static str> { Err("no adapter") }
/// kernel::accelerator_suite!(reference, Some(Reference::default()));
/// kernel::accelerator_suite!(gpu, open_gpu(), required_by "SUBROSA_REQUIRE_GPU");
/// # fn main() {}
/// ```
#[macro_export]
macro_rules! accelerator_suite {
    ($name:ident, $make:expr $(, required_by $variable:literal)? $(,)?) => {
        mod $name {
            #[allow(unused_imports, reason = "the backend may need none of them")]
            use super::*;
            use $crate::accel::Accelerator;
            use $crate::conformance::accelerator;

            $crate::suite_backend!(Accelerator, $name, $make $(, $variable)?);

            $crate::accelerator_suite! { @
                extreme_values odd_shapes longest_rows row_ranges many_columns many_rows
                tall_and_wide seeded_equals_expanded shared_rows_equal_copied linear
                calls_are_pure identifiers_are_not_confused
                bad_shapes bad_residues bad_sources unknown_matrices empty_ranges
            }

            #[test]
            fn calls_may_run_at_the_same_time() {
                if let Some(backend) = backend() {
                    let crowd = accelerator::Crowd::new(backend);
                    std::thread::scope(|scope| {
                        for k in 0..8 {
                            let crowd = &crowd;
                            scope.spawn(move || crowd.check(k));
                        }
                    });
                    crowd.disperse();
                }
            }
        }
    };
    (@ $($case:ident)+) => {
        $(
            #[test]
            fn $case() {
                if let Some(backend) = backend() {
                    accelerator::$case(backend);
                }
            }
        )+
    };
}

/// Row-major weights; lends its rows too, if it is told to.
#[derive(Clone, Debug)]
pub(super) struct Weights {
    n: usize,
    all: Vec<i8>,
    next: usize,
    lent: Option<Arc<Padded>>,
}

impl Weights {
    pub(super) fn new(n: usize, all: Vec<i8>) -> Self {
        Self { n, all, next: 0, lent: None }
    }

    /// The same, lending rows padded to `stride`.
    fn lending(mut self, stride: usize) -> Self {
        let mut bytes = Vec::new();
        for row in self.all.chunks_exact(self.n) {
            bytes.extend_from_slice(row);
            bytes.resize(bytes.len().next_multiple_of(stride), 0);
        }
        self.lent = Some(Arc::new(Padded { bytes, stride }));
        self
    }

    fn m(&self) -> usize {
        self.all.len() / self.n
    }

    pub(super) fn words(&self) -> &[i8] {
        &self.all
    }

    /// Loads it, from its first row.
    pub(super) fn load(&self, backend: &dyn Accelerator) -> MatrixId {
        let mut rows = Self { next: 0, ..self.clone() };
        let id = backend.load(self.m(), self.n, &mut rows).unwrap();
        assert_eq!(backend.columns(id), Ok(self.n));
        id
    }
}

impl RowSource for Weights {
    fn next_row(&mut self, row: &mut [i8]) -> Result<(), AccelError> {
        let from = self.all.get(self.next * self.n..(self.next + 1) * self.n);
        row.copy_from_slice(from.ok_or(AccelError::Rows)?);
        self.next += 1;
        Ok(())
    }

    fn shared(&self) -> Option<Arc<dyn SharedRows>> {
        self.lent.clone().map(|lent| lent as _)
    }
}

#[derive(Debug)]
struct Padded {
    bytes: Vec<i8>,
    stride: usize,
}

impl SharedRows for Padded {
    fn bytes(&self) -> &[i8] {
        &self.bytes
    }

    fn stride(&self) -> usize {
        self.stride
    }
}

/// The matrix in the backend and in the reference.
struct Pair<'a> {
    backend: &'a dyn Accelerator,
    reference: Reference,
    /// In both.
    ids: (MatrixId, MatrixId),
    n: usize,
    m: usize,
}

impl<'a> Pair<'a> {
    fn new(backend: &'a dyn Accelerator, weights: &Weights) -> Self {
        let reference = Reference::default();
        let ids = (weights.load(backend), weights.load(&reference));
        Self { backend, reference, ids, n: weights.n, m: weights.m() }
    }

    /// A matrix of edge values and noise.
    fn noise(backend: &'a dyn Accelerator, m: usize, n: usize) -> Self {
        Self::new(backend, &Weights::new(n, weights((m * 1000 + n) as u64, m * n)))
    }

    /// The backend's product is the reference's.
    fn check(&self, rows: Range<usize>, p: PrimeId, x: &[u32], columns: usize) {
        let mut got = garbage(rows.len() * columns);
        let mut expected = garbage(rows.len() * columns);
        self.backend.product(self.ids.0, rows.clone(), p, x, columns, &mut got).unwrap();
        self.reference.product(self.ids.1, rows.clone(), p, x, columns, &mut expected).unwrap();
        let (m, n) = (self.m, self.n);
        compare(&got, &expected, columns, || {
            alloc::format!("{m} x {n} matrix, rows {rows:?}, {columns} columns, modulo {p:?}")
        });
    }

    /// The same for edge values and noise modulo both primes.
    fn check_noise(&self, rows: Range<usize>, columns: usize) {
        for p in PrimeId::ALL {
            self.check(rows.clone(), p, &residues(p, columns as u64, self.n * columns), columns);
        }
    }

    fn unload(self) {
        self.backend.unload(self.ids.0).unwrap();
    }
}

/// Equality, with the first difference instead of all words in the message.
fn compare(
    got: &[u32],
    expected: &[u32],
    columns: usize,
    what: impl Fn() -> alloc::string::String,
) {
    assert_eq!(got.len(), expected.len());
    let differs = got.iter().zip(expected).position(|(a, b)| a != b);
    if let Some(i) = differs {
        panic!(
            "{}: row {} of the output, column {}: got {}, expected {}",
            what(),
            i / columns,
            i % columns,
            got[i],
            expected[i]
        );
    }
}
