//! The inner loops, one file for each instruction set.
//!
//! A new level is a file here, a variant of [`Level`](crate::Level) and a line in
//! `tests/conformance.rs`. Its type must be constructible only where the processor has the
//! instructions: holding a value is the proof that its code may be entered.

pub(crate) mod portable;
#[cfg(target_arch = "x86_64")]
pub(crate) mod x86_64;

use crate::planes::{Planes, Step, TILE};
use kernel::prime::{Prime, PrimeId};

/// Most rows that one call of a loop takes: six times four planes fill 24 of 32 registers.
pub(crate) const PANEL: usize = 6;

/// The inner loops of a level.
pub(crate) trait Kernels: Send + Sync {
    /// `out[r] = rows[r] . column mod p`; `next`, as long as the
    /// rows together, may be fetched into a cache meanwhile.
    ///
    /// *Shape*: 1 to [`PANEL`] rows, each at least as long as the padded column; `out` as many
    /// words; `next` may be shorter.
    fn dot(&self, p: PrimeId, rows: &[&[i8]], next: &[i8], column: &[Planes], out: &mut [u32]);

    /// `sums[r] += rows[r] . columns`, plane by plane.
    ///
    /// *Shape*: 1 to [`PANEL`] rows, each at least four times as long as `columns`; as many `sums`.
    fn multiply(&self, rows: &[&[i8]], columns: &[Step], sums: &mut [Sums]);

    /// The residues of the sums put together.
    fn reduce(&self, p: PrimeId, sums: &Sums) -> [u32; TILE];
}

/// The sums of one row and the 16 columns of a tile: plane `b` of column `c` at `[b][c]`.
#[derive(Clone, Copy)]
#[repr(align(64))]
pub(crate) struct Sums(pub(crate) [[i32; TILE]; 4]);

impl Sums {
    pub(crate) const ZERO: Self = Self([[0; TILE]; 4]);
}

/// The residue of `s0 + 2^8 s1 + 2^16 s2 + 2^24 s3`: the sums of the four byte planes put together.
#[inline(always)]
fn recombine<P: Prime>(sums: [i32; 4]) -> u32 {
    let [s0, s1, s2, s3] = sums.map(i64::from);
    P::from_i64(s0 + (s1 << 8) + (s2 << 16) + (s3 << 24))
}

/// Runs `$body` with `$array` bound to the `$rows` of a slice as an array of their number.
#[cfg(target_arch = "x86_64")]
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
#[cfg(target_arch = "x86_64")]
use with_height;
