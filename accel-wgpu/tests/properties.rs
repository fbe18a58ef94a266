//! Arbitrary shapes, ranges, windows and values, against the reference.
#![allow(clippy::unwrap_used, reason = "test code")]

use accel_wgpu::{Gpu, Permutation};
use kernel::accel::{AccelError, Accelerator, Reference, RowSource};
use kernel::conformance::{residues, weights};
use kernel::prime::PrimeId;
use kernel::stream::PublicSeed;
use proptest::prelude::*;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, OnceLock};

trait Opened: Send + Sync {
    fn gpu(&self) -> &Gpu;
}

impl Opened for Gpu {
    fn gpu(&self) -> &Gpu {
        self
    }
}

kernel::suite_backend!(Opened, properties, Gpu::builder().build(), "SUBROSA_REQUIRE_GPU");

/// Opened ones.
type Open = HashMap<(Permutation, u64), Arc<Gpu>>;

/// The adapter with a permutation and a size of windows, opened once.
fn gpu(permutation: Permutation, window: u64) -> Arc<Gpu> {
    static ALL: OnceLock<Mutex<Open>> = OnceLock::new();
    let mut all = ALL.get_or_init(Mutex::default).lock().unwrap();
    let open = || Gpu::builder().permutation(permutation).largest_binding(window).build().unwrap();
    Arc::clone(all.entry((permutation, window)).or_insert_with(|| Arc::new(open())))
}

struct Rows<'a>(core::slice::ChunksExact<'a, i8>);

impl RowSource for Rows<'_> {
    fn next_row(&mut self, row: &mut [i8]) -> Result<(), AccelError> {
        row.copy_from_slice(self.0.next().ok_or(AccelError::Rows)?);
        Ok(())
    }
}

/// A product to compare.
#[derive(Clone, Debug)]
struct Case {
    permutation: usize,
    window: u64,
    m: usize,
    n: usize,
    start: usize,
    len: usize,
    columns: usize,
    first_mask: usize,
    p: PrimeId,
    seed: u64,
}

fn cases() -> impl Strategy<Value = Case> {
    // Small ones of all kinds, and a few of many rows, of long rows, of many columns.
    let shape = prop_oneof![
        3 => (1_usize..70, 1_usize..90, 1_usize..70),
        1 => (100_usize..400, 1_usize..300, 1_usize..6),
        1 => (1_usize..20, 1000_usize..2500, 1_usize..20),
        1 => (1_usize..30, 1_usize..40, 200_usize..700),
    ];
    // Counters of blocks wrap around beyond 2^36.
    let masks = prop_oneof![
        0_usize..70,
        (0_usize..1 << 24),
        (1_usize << 32) - 300..(1 << 32) + 300,
        (1_usize << 35)..(1 << 35) + 99,
    ];
    let windows = prop_oneof![Just(u64::MAX), Just(1000), Just(3000), Just(20_000), Just(100_000)];
    let p = prop_oneof![Just(PrimeId::T), Just(PrimeId::Delta)];
    (shape, any::<[usize; 2]>(), masks, windows, p, any::<usize>(), any::<u64>()).prop_map(
        |((m, n, columns), [start, len], first_mask, window, p, permutation, seed)| {
            let start = start % m;
            // All of the rest one time in three.
            let len = if len % 3 == 0 { m - start } else { len / 3 % (m - start) };
            Case { permutation, window, m, n, start, len, columns, first_mask, p, seed }
        },
    )
}

fn check(case: &Case, best: Permutation) {
    let Case { m, n, columns, p, seed, .. } = *case;
    let rows = case.start..case.start + case.len;
    let able: Vec<_> = Permutation::all().filter(|it| it.is_within(best)).collect();
    let gpu = gpu(able[case.permutation % able.len()], case.window);
    let reference = Reference::default();
    let weights = weights(seed, m * n);
    let source = || Rows(weights.chunks_exact(n));
    let (id, other) =
        (gpu.load(m, n, &mut source()).unwrap(), reference.load(m, n, &mut source()).unwrap());
    let x = residues(p, seed, n * columns);
    let (mut got, mut right) = (vec![1; case.len * columns], vec![2; case.len * columns]);
    gpu.product(id, rows.clone(), p, &x, columns, &mut got).unwrap();
    reference.product(other, rows.clone(), p, &x, columns, &mut right).unwrap();
    assert!(got == right, "the product differs");
    let masks = case.first_mask..case.first_mask + columns;
    let public = PublicSeed([seed as u8; 32]);
    gpu.product_seeded(id, rows.clone(), p, &public, masks.clone(), &mut got).unwrap();
    reference.product_seeded(other, rows, p, &public, masks, &mut right).unwrap();
    assert!(got == right, "the product of masks differs");
    gpu.unload(id).unwrap();
}

#[test]
fn products_are_the_reference_s() {
    let Some(backend) = backend() else { return };
    let best = backend.gpu().report().best;
    let config = ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(40) };
    proptest!(config, |(case in cases())| check(&case, best));
}
