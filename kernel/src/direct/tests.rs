mod bounds;
mod limbs;
mod misuse;
mod switch;

use super::*;
use crate::accel::{AccelError, Accelerator, Reference, RowSource};
use crate::conformance::ring_accelerator::Device;
use crate::glwe::{EncryptScratch, LengthError, SecretKey, encrypt_seeded_into};
use crate::params::{Direct4096, DirectSet, InsecureDirect8, InsecureDirect64};
use crate::prime::{Prime, T};
use crate::ring::Scalar;
use crate::stream::{Label, PublicSeed, Seed};
use crate::trace::Layout;
use std::vec;
use std::vec::Vec;

struct Rows<'a>(core::slice::ChunksExact<'a, i8>);

impl RowSource for Rows<'_> {
    fn next_row(&mut self, row: &mut [i8]) -> Result<(), AccelError> {
        row.copy_from_slice(self.0.next().ok_or(AccelError::Rows)?);
        Ok(())
    }
}

fn clear(weights: &[i8], n: usize, x: &[u32]) -> Vec<u32> {
    let dot = |row: &[i8], x: &[u32]| {
        row.iter().zip(x).fold(0, |sum, (&w, &x)| T::add(sum, T::mul(T::from_i32(w.into()), x)))
    };
    x.chunks(n).flat_map(|x| weights.chunks(n).map(|row| dot(row, x)).collect::<Vec<_>>()).collect()
}

fn check<S: DirectSet>(m: usize, n: usize, tokens: usize, byte: u8) {
    check_in::<S>(m, n, Layout::fitting(S::N, m, n, tokens), byte);
}

fn check_in<S: DirectSet>(m: usize, n: usize, layout: Layout, byte: u8) {
    let (device, host) = (Device::<S>::new(Seed::from_bytes([byte; 32])), Reference::default());
    let keys = device.send_keys(&host, &[layout]);
    let mut noise = crate::conformance::Noise::new(u64::from(byte));
    let weights: Vec<i8> = (0..m * n).map(|_| noise.bits() as i8).collect();
    let x: Vec<u32> = (0..layout.tokens() * n).map(|_| T::reduce(noise.bits())).collect();
    let matrix = host.load(m, n, &mut Rows(weights.chunks_exact(n))).unwrap();
    let y = device.product(&host, (matrix, m, n), keys, &layout, &x).unwrap();
    assert_eq!(y, clear(&weights, n, &x), "{m} x {n}, {layout:?}");
}

/// Any shape, any number of tokens, any residues of F_t.
#[test]
fn products_are_exact() {
    for tokens in [1, 2, 4, 8] {
        for (m, n) in [(1, 1), (1, 8), (8, 1), (3, 5), (8, 8), (17, 9), (2, 30)] {
            check::<InsecureDirect8>(m, n, tokens, 7);
        }
    }
    for tokens in [1, 2, 3, 16] {
        for (m, n) in [(64, 64), (5, 64), (64, 5), (13, 17), (70, 90)] {
            check::<InsecureDirect64>(m, n, tokens, 9);
        }
    }
}

#[test]
fn full_size_products_are_exact() {
    check::<Direct4096>(40, 12, 1, 1);
    check::<Direct4096>(3, 2, 512, 2);
}

/// Plans with coarse baby steps, which the smallest blocks of so small a matrix do not have.
#[test]
fn products_with_coarse_steps_are_exact() {
    for (layout, coarse) in [
        (Layout::new(4096, 512, 4096, 1), 2),
        (Layout::new(4096, 2048, 2048, 1), 4),
        (Layout::new(4096, 2048, 1024, 2), 8),
    ] {
        let layout = layout.unwrap();
        let plan = crate::trace::Plan::new(&layout);
        assert_eq!(plan.babies() / plan.fine(), coarse);
        check_in::<Direct4096>(3, 5, layout, 3);
    }
}
