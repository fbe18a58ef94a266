//! The number-theoretic transform, per prime and degree.

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use kernel::prime::{Delta, Prime, T};
use kernel::ring::{RingOps, Scalar};

fn transforms<P: Prime>(criterion: &mut Criterion, name: &str) {
    let mut group = criterion.benchmark_group(format!("ntt/{name}"));
    for n in [256_usize, 1024, 2048, 4096] {
        let mut polynomial: Vec<u32> = (0..n as u64).map(|i| P::reduce(i * i + 7)).collect();
        group.throughput(Throughput::Elements(n as u64));
        group.bench_function(BenchmarkId::new("forward", n), |b| {
            b.iter(|| Scalar::ntt_forward::<P>(&mut polynomial));
        });
        group.bench_function(BenchmarkId::new("inverse", n), |b| {
            b.iter(|| Scalar::ntt_inverse::<P>(&mut polynomial));
        });
    }
    group.finish();
}

fn ntt(criterion: &mut Criterion) {
    transforms::<T>(criterion, "t");
    transforms::<Delta>(criterion, "delta");
}

criterion_group!(benches, ntt);
criterion_main!(benches);
