use kernel::accel::{AccelError, Accelerator, Capabilities, MatrixId, RowSource};
use kernel::prime::PrimeId;
use kernel::stream::PublicSeed;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// An accelerator that counts the time of its products.
pub(super) struct Timed<A> {
    inner: A,
    nanoseconds: Arc<AtomicU64>,
}

/// The time that products have taken so far.
#[derive(Clone, Default)]
pub(super) struct Clock(Arc<AtomicU64>);

impl Clock {
    pub(super) fn read(&self) -> Duration {
        Duration::from_nanos(self.0.load(Ordering::Relaxed))
    }

    pub(super) fn on<A>(&self, inner: A) -> Timed<A> {
        Timed { inner, nanoseconds: Arc::clone(&self.0) }
    }
}

impl<A> Timed<A> {
    fn time<T>(&self, work: impl FnOnce(&A) -> T) -> T {
        let start = Instant::now();
        let done = work(&self.inner);
        let nanoseconds = u64::try_from(start.elapsed().as_nanos()).unwrap_or(u64::MAX);
        self.nanoseconds.fetch_add(nanoseconds, Ordering::Relaxed);
        done
    }
}

impl<A: Accelerator> Accelerator for Timed<A> {
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
        self.time(|inner| inner.product(matrix, rows, p, x, columns, out))
    }

    fn product_seeded(
        &self,
        matrix: MatrixId,
        rows: Range<usize>,
        p: PrimeId,
        seed: &PublicSeed,
        mask_columns: Range<usize>,
        out: &mut [u32],
    ) -> Result<(), AccelError> {
        self.time(|inner| inner.product_seeded(matrix, rows, p, seed, mask_columns, out))
    }

    fn columns(&self, matrix: MatrixId) -> Result<usize, AccelError> {
        self.inner.columns(matrix)
    }
}
