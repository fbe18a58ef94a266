//! GPUs for tests.

use crate::{Gpu, Permutation};

/// What the suites' macro can hold.
trait Opened: Send + Sync {
    fn gpu(&self) -> &Gpu;
}

impl Opened for Gpu {
    fn gpu(&self) -> &Gpu {
        self
    }
}

kernel::suite_backend!(Opened, wgpu, Gpu::builder().build(), "SUBROSA_REQUIRE_GPU");

/// The best adapter, all tests' own; where there is none, that is said, or a failure.
pub(crate) fn gpu() -> Option<&'static Gpu> {
    backend().map(|backend| backend.gpu())
}

/// The same adapter, opened again.
pub(crate) fn another() -> Option<Gpu> {
    gpu().map(|_| Gpu::builder().build().unwrap())
}

/// The same adapter with a permutation; none where it cannot run it.
pub(crate) fn gpu_of(permutation: Permutation) -> Option<Gpu> {
    let best = gpu()?.report().best;
    let builder = Gpu::builder().permutation(permutation);
    permutation.is_within(best).then(|| builder.build().unwrap())
}
