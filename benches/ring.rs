//! The number-theoretic transform, per prime and degree: ours, scalar and on vectors, and with the feature `concrete-ntt`
//! that crate's, in one run (`cargo bench --bench ring --features concrete-ntt`).

#[cfg(feature = "concrete-ntt")]
use accel_cpu::Concrete;
use accel_cpu::Simd;
use criterion::measurement::WallTime;
use criterion::{
    BenchmarkGroup, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main,
};
use kernel::prime::{Delta, Prime, Prime25, Prime26, T};
use kernel::ring::{RingOps, Scalar};

fn transforms<P: Prime>(criterion: &mut Criterion, name: &str) {
    let mut group = criterion.benchmark_group(format!("ntt/{name}"));
    for n in [256, 512, 1024, 2048, 4096] {
        group.throughput(Throughput::Elements(n as u64));
        operations::<Scalar, P>(&mut group, "scalar", n);
        operations::<Simd, P>(&mut group, "simd", n);
        #[cfg(feature = "concrete-ntt")]
        operations::<Concrete, P>(&mut group, "concrete", n);
    }
    group.finish();
}

fn operations<R: RingOps, P: Prime>(group: &mut BenchmarkGroup<'_, WallTime>, by: &str, n: usize) {
    let mut polynomial: Vec<u32> = (0..n as u64).map(|i| P::reduce(i * i + 7)).collect();
    let (a, b) = (polynomial.clone(), polynomial.clone());
    group.bench_function(BenchmarkId::new(format!("forward/{by}"), n), |bencher| {
        bencher.iter(|| R::ntt_forward::<P>(&mut polynomial));
    });
    group.bench_function(BenchmarkId::new(format!("inverse/{by}"), n), |bencher| {
        bencher.iter(|| R::ntt_inverse::<P>(&mut polynomial));
    });
    group.bench_function(BenchmarkId::new(format!("mul_add/{by}"), n), |bencher| {
        bencher.iter(|| R::mul_add_assign::<P>(&mut polynomial, &a, &b));
    });
}

fn ntt(criterion: &mut Criterion) {
    transforms::<T>(criterion, "t");
    transforms::<Delta>(criterion, "delta");
    transforms::<Prime26>(criterion, "prime26");
    transforms::<Prime25>(criterion, "prime25");
}

criterion_group!(benches, ntt);
criterion_main!(benches);
