use kernel::accel::AccelError;
use kernel::accel::hooked::{Call, Hooked, Hooks, Output};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// The time that an accelerator's products have taken so far.
#[derive(Clone, Default)]
pub(super) struct Clock(Arc<AtomicU64>);

impl Clock {
    pub(super) fn read(&self) -> Duration {
        Duration::from_nanos(self.0.load(Ordering::Relaxed))
    }

    pub(super) fn on<A: ?Sized>(&self, inner: Arc<A>) -> Hooked<A, Self> {
        Hooked::new(inner, self.clone())
    }
}

impl Hooks for Clock {
    fn around<T>(
        &self,
        call: Call,
        output: Output<'_>,
        run: impl FnOnce(Output<'_>) -> Result<T, AccelError>,
    ) -> Result<T, AccelError> {
        let start = Instant::now();
        let done = run(output);
        if let Call::Product { .. } | Call::ProductSeeded { .. } | Call::TraceProduct(_) = call {
            let nanoseconds = u64::try_from(start.elapsed().as_nanos()).unwrap_or(u64::MAX);
            self.0.fetch_add(nanoseconds, Ordering::Relaxed);
        }
        done
    }
}
