//! Products under encryption, start to end, at the shapes of real models: exact for random and extreme
//! weights and residues, encoded and on the fly.

use accel_wgpu::{AdapterKind, Gpu, adapters};
use kernel::accel::ring::RingAccelerator;
use kernel::conformance::ring_accelerator::is_exact;
use kernel::params::Direct4096;
use kernel::suite_backend;
use std::io::Write;

suite_backend!(RingAccelerator, exact, Gpu::builder().build(), "SUBROSA_REQUIRE_GPU");

fn check(shapes: &[(usize, usize, usize)]) {
    if let Some(gpu) = backend() {
        shapes.iter().for_each(|&(m, n, tokens)| is_exact::<Direct4096>(gpu, m, n, tokens));
    }
}

#[test]
fn small_matrices() {
    check(&[(1, 1, 1), (17, 17, 1), (17, 64, 5)]);
}

#[test]
fn matrices_of_a_small_model() {
    check(&[(288, 288, 5)]);
}

/// Minutes where the processor plays the GPU: `SUBROSA_LARGE=1` has them there too.
#[test]
fn matrices_of_large_models() {
    let software = adapters().iter().all(|adapter| adapter.kind == AdapterKind::Software);
    if software && std::env::var_os("SUBROSA_LARGE").is_none() {
        let _ = std::io::stderr().write_all(
            b"SKIPPED: large matrices: software is too slow, unless SUBROSA_LARGE is set\n",
        );
        return;
    }
    check(&[(768, 288, 16), (288, 768, 1), (2048, 2048, 2), (4096, 4096, 1), (4096, 11008, 1)]);
    check(&[(11008, 4096, 1), (32000, 288, 16)]);
}
