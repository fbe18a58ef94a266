//! Arbitrary shapes, ranges and values, each level against the reference.
#![allow(clippy::unwrap_used, reason = "test code")]

use accel_cpu::{Cpu, Level};
use kernel::accel::{AccelError, Accelerator, MatrixId, Reference, RowSource};
use kernel::conformance::{residues, weights};
use kernel::model::MAX_COLUMNS;
use kernel::prime::PrimeId;
use kernel::stream::PublicSeed;
use proptest::prelude::*;

struct Rows<'a>(core::slice::ChunksExact<'a, i8>);

impl RowSource for Rows<'_> {
    fn next_row(&mut self, row: &mut [i8]) -> Result<(), AccelError> {
        row.copy_from_slice(self.0.next().ok_or(AccelError::Rows)?);
        Ok(())
    }
}

fn load(to: &dyn Accelerator, n: usize, weights: &[i8]) -> MatrixId {
    to.load(weights.len() / n, n, &mut Rows(weights.chunks_exact(n))).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn every_level_equals_the_reference(
        m in 1_usize..80, n in 1_usize..1500, columns in 1_usize..40, first in 0_usize..5000,
        cut in any::<[prop::sample::Index; 2]>(), seed: u64,
    ) {
        let weights = weights(seed, m * n);
        let mut rows = cut.map(|at| at.index(m + 1));
        rows.sort_unstable();
        let rows = rows[0]..rows[1];
        let masks = first..first + columns;
        let public = PublicSeed([seed as u8; 32]);
        let reference = Reference::default();
        let id = load(&reference, n, &weights);
        for p in PrimeId::ALL {
            let x = residues(p, seed, n * columns);
            let mut given = vec![1; rows.len() * columns];
            let mut seeded = given.clone();
            reference.product(id, rows.clone(), p, &x, columns, &mut given).unwrap();
            reference.product_seeded(id, rows.clone(), p, &public, masks.clone(), &mut seeded).unwrap();
            for level in Level::available() {
                for threads in [1, 3] {
                    let cpu = Cpu::builder().level(level).threads(threads).build().unwrap();
                    let id = load(&cpu, n, &weights);
                    let mut out = vec![2; rows.len() * columns];
                    cpu.product(id, rows.clone(), p, &x, columns, &mut out).unwrap();
                    prop_assert!(out == given, "{} product", level);
                    cpu.product_seeded(id, rows.clone(), p, &public, masks.clone(), &mut out).unwrap();
                    prop_assert!(out == seeded, "{} product_seeded", level);
                }
            }
        }
    }
}

/// Rows of one weight times columns of one word, by which every product has one sign and sums grow
/// the most, for words with digits at every end, signed or not.
#[test]
fn largest_sums() {
    let words: [u32; 12] = [
        0x0000_8000,
        0x7fff_8000,
        0x7fff_7fff,
        0x8000_0000,
        0x8000_7fff,
        0x0080_8080,
        0x7f80_8080,
        0x7f7f_7f7f,
        0x8080_8080,
        0xffff_ffff,
        0x00ff_ffff,
        0x0000_ffff,
    ];
    for n in [1, 3, 63, 64, 65, 511, 512, 513, 1025, 4097, MAX_COLUMNS] {
        for weight in [-128, 127] {
            let weights = vec![weight; 4 * n];
            for level in Level::available() {
                let cpu = Cpu::builder().level(level).threads(1).build().unwrap();
                let id = load(&cpu, n, &weights);
                for p in PrimeId::ALL {
                    let words = words.map(|word| word % p.value());
                    for words in [words, words.map(|word| p.value() - 1 - word)] {
                        // Few columns, and many.
                        let x: Vec<u32> = (0..n).flat_map(|_| words).collect();
                        check(&cpu, id, p, i64::from(weight), &words, &x);
                        for word in words.chunks_exact(1) {
                            let x = vec![word[0]; n];
                            check(&cpu, id, p, i64::from(weight), word, &x);
                        }
                    }
                }
            }
        }
    }
}

fn check(cpu: &Cpu, id: MatrixId, p: PrimeId, weight: i64, words: &[u32], x: &[u32]) {
    let n = (x.len() / words.len()) as i64;
    let mut out = vec![0; 4 * words.len()];
    cpu.product(id, 0..4, p, x, words.len(), &mut out).unwrap();
    for row in out.chunks_exact(words.len()) {
        for (&y, &word) in row.iter().zip(words) {
            let expected = (n * weight * i64::from(word)).rem_euclid(i64::from(p.value()));
            assert_eq!(
                i64::from(y),
                expected,
                "{}, n = {n}, {} columns, {weight} times {word:#x} modulo {p:?}",
                cpu.level(),
                words.len()
            );
        }
    }
}

#[test]
fn levels_are_found_and_named() {
    let levels: Vec<_> = Level::available().collect();
    assert_eq!(levels[0], Level::Portable);
    assert_eq!(Cpu::new().level(), levels[levels.len() - 1]);
    for &level in Level::ALL {
        match Cpu::with_level(level) {
            Ok(cpu) => {
                assert!(level.is_available());
                assert_eq!(cpu.level(), level);
                assert_eq!(cpu.capabilities().name, level.name());
                assert!(cpu.capabilities().preferred_columns > 0);
            }
            Err(error) => {
                assert!(!level.is_available());
                assert_eq!(error, accel_cpu::UnsupportedLevel(level));
            }
        }
    }
    assert_eq!(Cpu::builder().threads(1).build().unwrap().threads(), 1);
    assert_eq!(Cpu::builder().threads(3).build().unwrap().threads(), 3);
}
