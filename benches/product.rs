//! The host's products, and beside them a plain read of the same weights.

use accel_cpu::{Cpu, Level};
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use kernel::accel::{AccelError, Accelerator, RowSource};
use kernel::prime::{Prime, PrimeId, T};
use kernel::stream::PublicSeed;
use std::hint::black_box;

/// Columns of an offline tile.
const TILE: usize = 128;

/// Weights that look random, from a counter.
struct Rows(u32);

impl RowSource for Rows {
    fn next_row(&mut self, row: &mut [i8]) -> Result<(), AccelError> {
        for weight in row {
            self.0 = self.0.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            *weight = (self.0 >> 24) as i8;
        }
        Ok(())
    }
}

/// The product of one token in a plain loop, as one writes it down.
fn scalar(weights: &[i8], x: &[u32], out: &mut [u32]) {
    for (row, out) in weights.chunks_exact(x.len()).zip(black_box(out)) {
        let sum = row.iter().zip(x).map(|(&w, &x)| i64::from(w) * i64::from(x)).sum();
        *out = T::from_i64(sum);
    }
}

fn shapes(criterion: &mut Criterion) {
    for level in Level::available() {
        let Ok(cpu) = Cpu::with_level(level) else { continue };
        for (m, n) in [(64, 64), (704, 128), (4096, 4096)] {
            let Ok(matrix) = cpu.load(m, n, &mut Rows(1)) else { continue };
            let mut group = criterion.benchmark_group(format!("product/{level}/{m}x{n}"));
            group.sample_size(20);

            let read: Vec<u64> = vec![3; m * n / 8];
            group.throughput(Throughput::Bytes((m * n) as u64));
            group.bench_function("read", |b| {
                b.iter(|| black_box(&read).iter().fold(0_u64, |sum, word| sum.wrapping_add(*word)));
            });
            if m * n < 1 << 16 {
                let weights: Vec<i8> = (0..m * n).map(|i| (i * 37) as i8).collect();
                let x: Vec<u32> = (0..n as u64).map(|i| T::reduce(i << 33)).collect();
                let mut out = vec![0; m];
                group.bench_function("scalar", |b| b.iter(|| scalar(&weights, &x, &mut out)));
            }
            for tokens in [1, 16] {
                let x: Vec<u32> = (0..(n * tokens) as u64).map(|i| T::reduce(i << 33)).collect();
                let mut out = vec![0; m * tokens];
                group.bench_function(BenchmarkId::new("online", tokens), |b| {
                    b.iter(|| cpu.product(matrix, 0..m, PrimeId::T, &x, tokens, &mut out));
                });
            }
            // One tile of a unit: throughput counts int8 multiply-adds, four for each word.
            group.throughput(Throughput::Elements((4 * m * n * TILE) as u64));
            let mut out = vec![0; m * TILE];
            group.bench_function("offline_masks", |b| {
                let seed = PublicSeed([5; 32]);
                b.iter(|| cpu.product_seeded(matrix, 0..m, PrimeId::T, &seed, 0..TILE, &mut out));
            });
            let x: Vec<u32> = (0..(n * TILE) as u64).map(|i| T::reduce(i << 33)).collect();
            group.bench_function("offline_bodies", |b| {
                b.iter(|| cpu.product(matrix, 0..m, PrimeId::T, &x, TILE, &mut out));
            });
            group.finish();
        }
    }
}

criterion_group!(benches, shapes);
criterion_main!(benches);
