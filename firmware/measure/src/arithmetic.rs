//! Transforms, products and samplers.

use crate::meter::{Memory, Meter, N, RUNS, Varies, public, report, secret};
use bytemuck::cast_slice_mut;
use core::hint::black_box;
use kernel::prime::{Delta, Prime, Prime25, Prime26, T};
use kernel::ring::{RingOps, Scalar};
use kernel::stream::{Label, centred_binomial, check_vector, expand_mask, one_time_mask, ternary};

pub(crate) fn measure(meter: Meter, memory: &mut Memory) {
    modulo::<T>("t", meter, memory);
    modulo::<Delta>("delta", meter, memory);
    modulo::<Prime26>("p26", meter, memory);
    modulo::<Prime25>("p25", meter, memory);
    samplers(meter, memory);
}

/// Fills a polynomial with the residues of a run.
fn residues<P: Prime>(run: usize, out: &mut [u32]) {
    for (i, x) in (0_u64..).zip(out) {
        *x = P::reduce((i + 3) * 0x9e37_79b9_7f4a * (run as u64 + 1));
    }
}

fn modulo<P: Prime>(name: &str, meter: Meter, memory: &mut Memory) {
    const OPERATIONS: [&str; 4] = ["forward", "inverse", "multiply_add", "multiply_subtract"];
    for n in [256, 512, 1024, 2048, 4096] {
        let mut counts = [[0; RUNS]; OPERATIONS.len()];
        for run in 0..RUNS {
            let (a, b, c) = (&mut memory.key[..n], &mut memory.row[..n], &mut memory.scratch[..n]);
            residues::<P>(run, a);
            residues::<P>(run + 1, b);
            residues::<P>(run + 2, c);
            counts[0][run] = meter.count(|| Scalar::ntt_forward::<P>(black_box(&mut *a)));
            counts[1][run] = meter.count(|| Scalar::ntt_inverse::<P>(black_box(&mut *a)));
            counts[2][run] = meter.count(|| Scalar::mul_add_assign::<P>(black_box(&mut *a), b, c));
            counts[3][run] = meter.count(|| Scalar::mul_sub_assign::<P>(black_box(&mut *a), b, c));
        }
        for (operation, counts) in OPERATIONS.into_iter().zip(counts) {
            named(operation, name, (n, 0), Varies::Nothing, counts);
        }
    }
    let counts =
        [0; RUNS].map(|_| meter.count(|| expand_mask::<P>(&public(), 5, 0, &mut memory.row[..N])));
    named("uniform", name, (N, 0), Varies::Draws, counts);
}

/// Reports `operation/name`.
fn named(operation: &str, name: &str, shape: (usize, usize), varies: Varies, counts: [u32; RUNS]) {
    board::print!("{}/", operation);
    report(name, shape, varies, counts);
}

fn samplers(meter: Meter, memory: &mut Memory) {
    let mut counts = [[0; RUNS]; 4];
    for run in 0..RUNS {
        let (seed, masks) = (secret(run), secret(run).derive(Label::OneTimeMask));
        let small: &mut [i8] = &mut cast_slice_mut(&mut memory.scratch)[..N];
        counts[0][run] = meter.count(|| ternary(&seed, 0, small));
        counts[1][run] = meter.count(|| centred_binomial(&seed, 0, small));
        counts[2][run] = meter.count(|| one_time_mask(&masks, 0, 0, &mut memory.row[..N]));
        counts[3][run] = meter.count(|| check_vector(&seed, 0, 0, 0, &mut memory.row[..N]));
    }
    let [ternary, noise, mask, check] = counts;
    report("ternary", (N, 0), Varies::Nothing, ternary);
    report("noise", (N, 0), Varies::Nothing, noise);
    report("one_time_mask", (N, 0), Varies::Draws, mask);
    report("check_vector", (N, 0), Varies::Draws, check);
}
