//! An accelerator that works as the test lets it.

use kernel::accel::{AccelError, Accelerator, Capabilities, MatrixId, Reference, RowSource};
use kernel::prime::PrimeId;
use std::ops::Range;
use std::sync::{Arc, Condvar, Mutex};

/// The reference behind a gate, which keeps a list of what has begun.
#[derive(Default)]
pub(crate) struct Gate {
    inner: Reference,
    /// Calls that may still pass, if it is closed.
    left: Mutex<Option<usize>>,
    changed: Condvar,
    begun: Mutex<Vec<(u32, usize)>>,
}

impl Gate {
    pub(crate) fn close(&self) {
        *self.left.lock().unwrap() = Some(0);
    }

    /// Lets one call pass.
    pub(crate) fn pass(&self) {
        if let Some(left) = &mut *self.left.lock().unwrap() {
            *left += 1;
        }
        self.changed.notify_all();
    }

    pub(crate) fn open(&self) {
        *self.left.lock().unwrap() = None;
        self.changed.notify_all();
    }

    /// Group and columns of every product that has begun, in order.
    pub(crate) fn begun(&self) -> Vec<(u32, usize)> {
        self.begun.lock().unwrap().clone()
    }
}

/// Opens a gate when the test ends: one that stays closed would hold up the end of a failed one.
pub(crate) struct Opens(pub(crate) Arc<Gate>);

impl Drop for Opens {
    fn drop(&mut self) {
        self.0.open();
    }
}

impl Accelerator for Gate {
    fn capabilities(&self) -> Capabilities {
        self.inner.capabilities()
    }

    fn load(&self, m: usize, n: usize, rows: &mut dyn RowSource) -> Result<MatrixId, AccelError> {
        self.inner.load(m, n, rows)
    }

    fn unload(&self, matrix: MatrixId) -> Result<(), AccelError> {
        self.inner.unload(matrix)
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
        self.begun.lock().unwrap().push((matrix.0 as u32, columns));
        let closed = |left: &mut Option<usize>| *left == Some(0);
        let mut left = self.changed.wait_while(self.left.lock().unwrap(), closed).unwrap();
        *left = left.map(|left| left - 1);
        drop(left);
        self.inner.product(matrix, rows, p, x, columns, out)
    }

    fn columns(&self, matrix: MatrixId) -> Result<usize, AccelError> {
        self.inner.columns(matrix)
    }
}
