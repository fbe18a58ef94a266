//! A GPU with the processor behind it, as a host has them.
#![allow(clippy::unwrap_used, reason = "a helper that fails is a failed test")]

use accel_cpu::Cpu;
use accel_wgpu::{Gpu, OpenError};
use host_server::fallback::Fallback;
use kernel::accel::{AccelError, Accelerator, Reference, RowSource};
use kernel::conformance::{residues, weights};
use kernel::prime::PrimeId;
use kernel::{accelerator_suite, ring_accelerator_suite};
use std::sync::Arc;

fn gpu_and_cpu() -> Result<Fallback, OpenError> {
    Ok(Fallback::new(Arc::new(Gpu::builder().build()?), Arc::new(Cpu::new())))
}

accelerator_suite!(gpu, gpu_and_cpu(), required_by "SUBROSA_REQUIRE_GPU");
ring_accelerator_suite!(gpu_ring, gpu_and_cpu(), required_by "SUBROSA_REQUIRE_GPU");

const M: usize = 90;
const N: usize = 200;

struct Rows(std::vec::IntoIter<i8>);

impl RowSource for Rows {
    fn next_row(&mut self, row: &mut [i8]) -> Result<(), AccelError> {
        for weight in row {
            *weight = self.0.next().ok_or(AccelError::Rows)?;
        }
        Ok(())
    }
}

/// A GPU that may hold so many bytes.
fn gpu(memory: u64) -> Option<Arc<Gpu>> {
    match Gpu::builder().memory(memory).build() {
        Ok(gpu) => Some(Arc::new(gpu)),
        Err(why) => {
            let required = std::env::var_os("SUBROSA_REQUIRE_GPU").is_some_and(|v| v == "1");
            assert!(!required, "SUBROSA_REQUIRE_GPU needs a GPU: {why}");
            let line = format!("SKIPPED: gpu: {why}\n");
            let _ = std::io::Write::write_all(&mut std::io::stderr(), line.as_bytes());
            None
        }
    }
}

/// What is above the budget is the processor's, and as right.
#[test]
fn a_budget_is_kept() {
    const SIDE: usize = 5000;
    let Some(gpu) = gpu(64 << 20) else { return };
    let both = Fallback::new(gpu, Arc::new(Cpu::new()));
    // 25 MB each.
    let ids = [1, 2, 3].map(|w| {
        let weights = vec![w; SIDE * SIDE].into_iter();
        both.load(SIDE, SIDE, &mut Rows(weights)).unwrap()
    });
    let placement = both.placement();
    assert_eq!((placement.on_first.matrices, placement.on_second.matrices), (2, 1));
    for (weight, id) in (1..).zip(ids) {
        let mut out = [0; 3];
        both.product(id, 7..10, PrimeId::T, &[1; SIDE], 1, &mut out).unwrap();
        assert_eq!(out, [weight * SIDE as u32; 3]);
    }
    // What is unloaded makes room.
    both.unload(ids[0]).unwrap();
    both.load(SIDE, SIDE, &mut Rows(vec![1; SIDE * SIDE].into_iter())).unwrap();
    assert_eq!(both.placement().on_first.matrices, 2);
}

/// A GPU that is destroyed while products run: each of them is right, before, during and after.
#[test]
fn a_gpu_is_lost_in_the_middle() {
    let Some(gpu) = gpu(1 << 30) else { return };
    let both = Fallback::new(gpu.clone(), Arc::new(Cpu::new()));
    let reference = Reference::default();
    let rows = || Rows(weights(1, M * N).into_iter());
    let (id, expected_id) =
        (both.load(M, N, &mut rows()).unwrap(), reference.load(M, N, &mut rows()).unwrap());
    let product = |seed: u64, columns: usize| {
        let x = residues(PrimeId::T, seed, N * columns);
        let (mut got, mut expected) = (vec![1; M * columns], vec![2; M * columns]);
        both.product(id, 0..M, PrimeId::T, &x, columns, &mut got).unwrap();
        reference.product(expected_id, 0..M, PrimeId::T, &x, columns, &mut expected).unwrap();
        assert!(got == expected, "{columns} columns");
    };
    product(1, 1);
    assert!(!both.is_lost());
    std::thread::scope(|scope| {
        for thread in 0..3 {
            let product = &product;
            scope.spawn(move || (0..12).for_each(|i| product(thread, 1 + 7 * i)));
        }
        std::thread::sleep(std::time::Duration::from_millis(20));
        gpu.destroy();
    });
    product(2, 33);
    assert!(both.is_lost());
    assert_eq!(both.placement().on_first.matrices, 0);
    assert_eq!(gpu.load(M, N, &mut rows()), Err(AccelError::DeviceLost));
}
