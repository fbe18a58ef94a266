//! What a host computes: matrix products.

use kernel::accel::{AccelError, Accelerator, MatrixId, Reference, RowSource};
use kernel::prime::PrimeId;

struct Rows<'a>(&'a [i8]);

impl RowSource for Rows<'_> {
    fn next_row(&mut self, row: &mut [i8]) -> Result<(), AccelError> {
        let (next, rest) = self.0.split_at_checked(row.len()).ok_or(AccelError::Rows)?;
        row.copy_from_slice(next);
        self.0 = rest;
        Ok(())
    }
}

pub(crate) fn load(accelerator: &Reference, weights: &[i8], columns: usize) -> MatrixId {
    accelerator.load(weights.len() / columns, columns, &mut Rows(weights)).unwrap()
}

/// The matrix times `x`, of `columns` columns, modulo `p`.
pub(crate) fn product(weights: &[i8], n: usize, p: PrimeId, x: &[u32], columns: usize) -> Vec<u32> {
    let accelerator = Reference::default();
    let matrix = load(&accelerator, weights, n);
    let rows = weights.len() / n;
    let mut out = vec![u32::MAX; rows * columns];
    accelerator.product(matrix, 0..rows, p, x, columns, &mut out).unwrap();
    out
}
