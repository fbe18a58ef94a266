use super::{Pair, Weights, compare, garbage};
use crate::accel::{AccelError, Accelerator, MatrixId};
use crate::conformance::{residues, weights};
use crate::prime::PrimeId;
use crate::with_prime;
use alloc::vec::Vec;

/// Rows lent in place give the same as rows copied, at any stride.
pub fn shared_rows_equal_copied(backend: &dyn Accelerator) {
    for (n, stride) in [(1, 64), (64, 64), (65, 128), (70, 256), (300, 320)] {
        let m = 19;
        let lending = Weights::new(n, weights(n as u64, m * n)).lending(stride);
        let pair = Pair::new(backend, &lending);
        // The backend holds what it needs.
        drop(lending);
        for columns in [1, 3, 16, 33] {
            pair.check_noise(0..m, columns);
            pair.check_noise(4..m, columns);
        }
        pair.unload();
    }
}

/// `W (a x + b y) = a W x + b W y`.
pub fn linear(backend: &dyn Accelerator) {
    let (m, n, columns) = (23, 129, 18);
    let id = Weights::new(n, weights(1, m * n)).load(backend);
    for p in PrimeId::ALL {
        let (x, y) = (residues(p, 2, n * columns), residues(p, 3, n * columns));
        let [a, b] = residues(p, 4, 10)[8..] else { unreachable!() };
        let combine = |x: &[u32], y: &[u32]| -> Vec<u32> {
            with_prime!(p, P => {
                use crate::prime::Prime;
                x.iter().zip(y).map(|(&x, &y)| P::add(P::mul(a, x), P::mul(b, y))).collect()
            })
        };
        let product = |x: &[u32]| {
            let mut out = garbage(m * columns);
            backend.product(id, 0..m, p, x, columns, &mut out).unwrap();
            out
        };
        let expected = combine(&product(&x), &product(&y));
        compare(&product(&combine(&x, &y)), &expected, columns, || {
            alloc::format!("combination of two inputs modulo {p:?}")
        });
    }
    backend.unload(id).unwrap();
}

/// A call leaves nothing behind: not in the weights, not in a scratch buffer.
pub fn calls_are_pure(backend: &dyn Accelerator) {
    let pair = Pair::noise(backend, 30, 100);
    for columns in [40, 1, 17, 40, 3, 16, 1] {
        pair.check_noise(0..30, columns);
        // Longer, and full of the largest values.
        let other = Pair::new(backend, &Weights::new(500, alloc::vec![-128; 20 * 500]));
        let p = PrimeId::T;
        other.check(0..20, p, &alloc::vec![p.value() - 1; 500 * columns], columns);
        other.unload();
        // A call that fails, too.
        let mut bad = residues(p, 5, 100 * columns);
        bad[100 * columns - 1] = p.value();
        let mut out = garbage(30 * columns);
        let failed = backend.product(pair.ids.0, 0..30, p, &bad, columns, &mut out);
        assert_eq!(failed, Err(AccelError::Residue));
    }
    pair.unload();
}

/// Every identifier stays with its matrix, and is not used again.
pub fn identifiers_are_not_confused(backend: &dyn Accelerator) {
    let first = Pair::noise(backend, 9, 20);
    let second = Pair::noise(backend, 20, 9);
    let gone = first.ids.0;
    first.check_noise(0..9, 2);
    first.unload();
    second.check_noise(0..20, 2);
    let third = Pair::noise(backend, 9, 20);
    assert_ne!(third.ids.0, gone);
    assert_eq!(backend.columns(gone), Err(AccelError::UnknownMatrix));
    second.check_noise(0..20, 17);
    third.check_noise(0..9, 17);
    second.unload();
    third.unload();
}

/// A matrix that many threads use at once; each loads and unloads one of its own besides.
pub struct Crowd<'a> {
    backend: &'a dyn Accelerator,
    weights: Weights,
    shared: MatrixId,
}

impl core::fmt::Debug for Crowd<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Crowd")
            .field("backend", &self.backend.capabilities())
            .finish_non_exhaustive()
    }
}

impl<'a> Crowd<'a> {
    /// Loads the matrix.
    #[must_use]
    pub fn new(backend: &'a dyn Accelerator) -> Self {
        let weights = Weights::new(520, weights(77, 211 * 520));
        let shared = weights.load(backend);
        Self { backend, weights, shared }
    }

    /// What thread `k` does.
    pub fn check(&self, k: usize) {
        let own = Pair::noise(self.backend, 31 + k, 65 + k);
        // The reference is this thread's own; the matrix in the backend is everybody's.
        let mut common = Pair::new(self.backend, &self.weights);
        self.backend.unload(core::mem::replace(&mut common.ids.0, self.shared)).unwrap();
        for columns in [1 + k % 3, 24, 17 + k] {
            common.check_noise(k..211, columns);
            own.check_noise(0..31 + k, columns);
        }
        own.unload();
    }

    /// Unloads the matrix.
    pub fn disperse(self) {
        self.backend.unload(self.shared).unwrap();
    }
}
