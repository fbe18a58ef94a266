//! Ordinary products in the clear, at every level.
#![allow(clippy::unwrap_used, reason = "test code")]

use accel_cpu::{Clear, Cpu, Level};
use kernel::accel::{AccelError, Accelerator, RowSource};
use kernel::conformance::weights;
use proptest::prelude::*;

struct Rows<'a>(core::slice::ChunksExact<'a, i8>);

impl RowSource for Rows<'_> {
    fn next_row(&mut self, row: &mut [i8]) -> Result<(), AccelError> {
        row.copy_from_slice(self.0.next().ok_or(AccelError::Rows)?);
        Ok(())
    }
}

fn check(weights: &[i8], n: usize, x: &[i8], columns: usize) {
    let m = weights.len() / n;
    let dot = |row: &[i8], c: usize| -> i32 {
        row.iter()
            .zip(x.iter().skip(c).step_by(columns))
            .map(|(&w, &x)| i32::from(w) * i32::from(x))
            .sum()
    };
    let expected: Vec<i32> =
        weights.chunks(n).flat_map(|row| (0..columns).map(move |c| dot(row, c))).collect();
    for level in Level::available() {
        for threads in [1, 3] {
            let cpu = Cpu::builder().level(level).threads(threads).build().unwrap();
            let id = cpu.load(m, n, &mut Rows(weights.chunks_exact(n))).unwrap();
            let clear = Clear::new(&cpu, id).unwrap();
            let mut out = vec![7; m * columns];
            clear.product(&cpu, 0..m, x, columns, &mut out).unwrap();
            assert_eq!(out, expected, "{level}, {m} x {n}, {columns} columns");
            let rows = m / 3..m - m / 4;
            let part = &mut out[..rows.len() * columns];
            part.fill(7);
            clear.product(&cpu, rows.clone(), x, columns, part).unwrap();
            assert_eq!(part, &expected[rows.start * columns..rows.end * columns]);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn every_level_is_exact(m in 1_usize..90, n in 1_usize..1500, columns in 1_usize..140, seed: u64) {
        check(&weights(seed, m * n), n, &weights(!seed, n * columns), columns);
    }
}

#[test]
fn extremes_are_exact() {
    for columns in [1, 9, 300] {
        for (w, x) in [(-128, -128), (-128, 127), (127, -128), (127, 127)] {
            check(&vec![w; 7 * 11008], 11008, &vec![x; 11008 * columns], columns);
        }
    }
}

#[test]
fn wrong_shapes_are_errors() {
    let cpu = Cpu::new();
    let id = cpu.load(2, 3, &mut Rows([1; 6].chunks_exact(3))).unwrap();
    let clear = Clear::new(&cpu, id).unwrap();
    for (x, columns, out) in [(3, 1, 3), (3, 0, 2), (2, 1, 2), (6, 1, 2), (3, 2, 4), (0, 0, 0)] {
        let result = clear.product(&cpu, 0..2, &vec![1; x], columns, &mut vec![0; out]);
        assert_eq!(result, Err(AccelError::Shape), "{x} {columns} {out}");
    }
    assert_eq!(clear.product(&cpu, 1..3, &[1; 3], 1, &mut [0; 2]), Err(AccelError::Shape));
    cpu.unload(id).unwrap();
    assert!(Clear::new(&cpu, id).is_err());
}
