//! The inner loops, one file for each instruction set.
//!
//! A new level is a file here, a variant of [`Level`](crate::Level) and a line in
//! `tests/conformance.rs`. Its type must be constructible only where the processor has the
//! instructions: holding a value is the proof that its code may be entered.

#[cfg(target_arch = "aarch64")]
pub(crate) mod aarch64;
pub(crate) mod lanes;
pub(crate) mod portable;
pub(crate) mod portable_lanes;
#[cfg(target_arch = "x86_64")]
pub(crate) mod x86_64;

use crate::digits::{Digits, PLANE, TILE};
use kernel::prime::PrimeId;
use kernel::with_prime;

/// Most rows that one call of a loop takes: six times four sums fill 24 of 32 registers.
pub(crate) const PANEL: usize = 6;

/// The inner loops of a level.
pub(crate) trait Kernels: Send + Sync {
    /// How they want words to be cut.
    type Digits: Digits;

    /// `sums[r] = rows[r] . column`, as [`Digits::recombine`] takes it; `next`, as long as the rows
    /// together, may be fetched into a cache meanwhile.
    ///
    /// *Shape*: 1 to [`PANEL`] rows, each at least as long as the padded column; as many `sums`;
    /// `next` may be shorter.
    fn dot(&self, rows: &[&[i8]], next: &[i8], column: &[Column<Self>], sums: &mut [[i32; 4]]);

    /// `sums[r] = rows[r] . column`, of ordinary bytes with [`Digits::OFFSET`].
    ///
    /// *Shape*: as of [`Kernels::dot`].
    fn dot_bytes(&self, rows: &[&[i8]], next: &[i8], column: &[[u8; PLANE]], sums: &mut [i32]);

    /// `sums[r] += rows[r] . columns`.
    ///
    /// *Shape*: 1 to [`PANEL`] rows, each at least four times as long as `columns`; as many `sums`.
    fn multiply(&self, rows: &[&[i8]], columns: &[Step<Self>], sums: &mut [Sums]);

    /// The residues of the sums put together.
    fn reduce(&self, p: PrimeId, sums: &Sums) -> [u32; TILE] {
        with_prime!(p, P => core::array::from_fn(|c| {
            Self::Digits::recombine::<P>(sums.0.map(|sums| sums[c]))
        }))
    }
}

pub(crate) type Column<K> = <<K as Kernels>::Digits as Digits>::Column;
pub(crate) type Step<K> = <<K as Kernels>::Digits as Digits>::Step;

/// The sums of one row and the 16 columns of a tile: those that [`Digits::recombine`] takes for
/// column `c` are at `[0..4][c]`.
#[derive(Clone, Copy)]
#[repr(align(64))]
pub(crate) struct Sums(pub(crate) [[i32; TILE]; 4]);

impl Sums {
    pub(crate) const ZERO: Self = Self([[0; TILE]; 4]);
}

/// Runs `$body` with `$array` bound to the `$rows` of a slice as an array of their number.
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
macro_rules! with_height {
    ($rows:expr, $array:ident => $body:expr) => {
        match $rows {
            &[a] => {
                let $array = [a];
                $body
            }
            &[a, b] => {
                let $array = [a, b];
                $body
            }
            &[a, b, c] => {
                let $array = [a, b, c];
                $body
            }
            &[a, b, c, d] => {
                let $array = [a, b, c, d];
                $body
            }
            &[a, b, c, d, e] => {
                let $array = [a, b, c, d, e];
                $body
            }
            &[a, b, c, d, e, f] => {
                let $array = [a, b, c, d, e, f];
                $body
            }
            rows => unreachable!("a panel of {} rows", rows.len()),
        }
    };
}
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
use with_height;
