//! Every permutation that the adapter runs, through the suites: all of them through that of products, and
//! those that differ in it through that of direct mode.

use accel_wgpu::{Gpu, OpenError, Permutation};
use kernel::{accelerator_suite, ring_accelerator_suite};

fn gpu(permutation: &str) -> Result<Gpu, OpenError> {
    let permutation: Permutation = permutation.parse().expect("a permutation");
    Gpu::builder().permutation(permutation).build()
}

accelerator_suite!(best, Gpu::builder().build(), required_by "SUBROSA_REQUIRE_GPU");
accelerator_suite!(portable, gpu("portable"), required_by "SUBROSA_REQUIRE_GPU");
accelerator_suite!(int64, gpu("int64"), required_by "SUBROSA_REQUIRE_GPU");
accelerator_suite!(dot, gpu("dot"), required_by "SUBROSA_REQUIRE_GPU");
accelerator_suite!(subgroups, gpu("subgroups"), required_by "SUBROSA_REQUIRE_GPU");
accelerator_suite!(int64_dot, gpu("int64+dot"), required_by "SUBROSA_REQUIRE_GPU");
accelerator_suite!(int64_subgroups, gpu("int64+subgroups"), required_by "SUBROSA_REQUIRE_GPU");
accelerator_suite!(dot_subgroups, gpu("dot+subgroups"), required_by "SUBROSA_REQUIRE_GPU");
// Matrices and columns cut in many pieces.
accelerator_suite!(
    windows,
    Gpu::builder().largest_binding(5000).build(),
    required_by "SUBROSA_REQUIRE_GPU",
);

mod direct {
    use super::*;

    ring_accelerator_suite!(best, Gpu::builder().build(), required_by "SUBROSA_REQUIRE_GPU");
    ring_accelerator_suite!(portable, gpu("portable"), required_by "SUBROSA_REQUIRE_GPU");
    ring_accelerator_suite!(int64, gpu("int64"), required_by "SUBROSA_REQUIRE_GPU");
    // One giant step, one result at a time, and rows of a matrix in many windows.
    ring_accelerator_suite!(
        windows,
        Gpu::builder().largest_binding(50).build(),
        required_by "SUBROSA_REQUIRE_GPU",
    );
}
