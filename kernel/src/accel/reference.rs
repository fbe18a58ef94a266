mod ring;

use super::{AccelError, Accelerator, Capabilities, MatrixId, RowSource, check_product, zeros};
use crate::model::MAX_COLUMNS;
use crate::prime::{Prime, PrimeId};
use crate::with_prime;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::ops::Range;

/// The definition of [`Accelerator`]: one field operation at a time, no planes, no tiles.
///
/// ```
/// use kernel::accel::{AccelError, Accelerator, MatrixId, Reference};
///
/// let reference = Reference::default();
/// assert_eq!(reference.capabilities().name, "reference");
/// assert_eq!(reference.unload(MatrixId(0)), Err(AccelError::UnknownMatrix));
/// ```
#[derive(Debug, Default)]
pub struct Reference {
    /// Unloaded matrices leave a hole, so that identifiers are never used again.
    matrices: spin::Mutex<Vec<Option<Arc<Matrix>>>>,
    keys: spin::Mutex<Vec<Option<ring::Keys>>>,
}

#[derive(Debug)]
struct Matrix {
    n: usize,
    weights: Vec<i8>,
}

impl Matrix {
    fn m(&self) -> usize {
        self.weights.len() / self.n
    }
}

impl Reference {
    fn get(&self, id: MatrixId) -> Result<Arc<Matrix>, AccelError> {
        let index = usize::try_from(id.0).map_err(|_| AccelError::UnknownMatrix)?;
        self.matrices.lock().get(index).cloned().flatten().ok_or(AccelError::UnknownMatrix)
    }
}

impl Accelerator for Reference {
    fn capabilities(&self) -> Capabilities {
        Capabilities::new("reference", 64)
    }

    fn load(&self, m: usize, n: usize, rows: &mut dyn RowSource) -> Result<MatrixId, AccelError> {
        if m == 0 || n == 0 || n > MAX_COLUMNS {
            return Err(AccelError::Shape);
        }
        let mut weights = zeros(m.checked_mul(n).ok_or(AccelError::Shape)?)?;
        for row in weights.chunks_exact_mut(n) {
            rows.next_row(row)?;
        }
        let mut matrices = self.matrices.lock();
        matrices.push(Some(Arc::new(Matrix { n, weights })));
        Ok(MatrixId(matrices.len() as u64 - 1))
    }

    fn unload(&self, matrix: MatrixId) -> Result<(), AccelError> {
        self.get(matrix)?;
        self.matrices.lock()[matrix.0 as usize] = None;
        Ok(())
    }

    fn product(
        &self,
        matrix: MatrixId,
        rows: Range<usize>,
        p: PrimeId,
        x: &[u32],
        columns: usize,
        out: &mut [u32],
    ) -> Result<(), AccelError> {
        let matrix = self.get(matrix)?;
        check_product((matrix.m(), matrix.n), &rows, p, x, columns, out)?;
        with_prime!(p, P => {
            for (i, out_row) in rows.zip(out.chunks_exact_mut(columns)) {
                let weights = &matrix.weights[i * matrix.n..][..matrix.n];
                for (c, y) in out_row.iter_mut().enumerate() {
                    *y = weights.iter().zip(x.chunks_exact(columns)).fold(0, |sum, (&w, x_row)| {
                        P::add(sum, P::mul(P::from_i32(i32::from(w)), x_row[c]))
                    });
                }
            }
        });
        Ok(())
    }

    fn columns(&self, matrix: MatrixId) -> Result<usize, AccelError> {
        Ok(self.get(matrix)?.n)
    }
}
