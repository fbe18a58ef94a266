//! The device's side of the offline phase: one body encrypted, one row decrypted.

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use kernel::glwe::{EncryptScratch, SecretKey, decrypt_into, encrypt_seeded_into};
use kernel::params::{Limbs, Masked256x16, Masked4096x1, MaskedSet};
use kernel::prime::{Prime, T};
use kernel::ring::Scalar;
use kernel::stream::Seed;
use std::hint::black_box;

fn set<S: MaskedSet>(criterion: &mut Criterion) {
    let seed = Seed::from_bytes([7; 32]);
    let public = seed.derive_public();
    let mut key = vec![0; SecretKey::<S>::WORDS];
    let Ok(key) = SecretKey::<S>::generate::<Scalar>(&seed, &mut key) else { return };
    let message: Vec<u32> = (0..S::N as u64).map(|i| T::reduce(i << 40)).collect();
    let mut body = vec![0; S::Chain::COUNT * S::N];
    let (mut mask, mut noise) = (vec![0; S::N], vec![0; S::N]);
    let mut group = criterion.benchmark_group(format!("glwe/{}x{}", S::N, S::K));
    group.throughput(Throughput::Elements(S::N as u64));
    let mut coordinate = 0;
    group.bench_function("encrypt", |b| {
        b.iter(|| {
            coordinate += 1;
            encrypt_seeded_into::<S, Scalar>(
                &key,
                &seed,
                &public,
                coordinate,
                &message,
                &mut body,
                &mut EncryptScratch { mask: &mut mask, noise: &mut noise },
            )
        });
    });
    let ciphertext = vec![12_345; S::Chain::COUNT * S::LIMB_WORDS];
    let (mut out, mut scratch) = (vec![0; S::N], vec![0; S::N]);
    group.bench_function("decrypt", |b| {
        b.iter(|| decrypt_into::<S, Scalar>(&key, black_box(&ciphertext), &mut out, &mut scratch));
    });
    group.finish();
}

fn scheme(criterion: &mut Criterion) {
    set::<Masked256x16>(criterion);
    set::<Masked4096x1>(criterion);
}

criterion_group!(benches, scheme);
criterion_main!(benches);
