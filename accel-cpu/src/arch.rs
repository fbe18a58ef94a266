//! The inner loops, one file for each instruction set.
//!
//! A new level is a file here, a variant of [`Level`](crate::Level) and a line in
//! `tests/conformance.rs`. Its type must be constructible only where the processor has the
//! instructions: holding a value is the proof that its code may be entered.

pub(crate) mod portable;
#[cfg(target_arch = "x86_64")]
pub(crate) mod x86_64;

use crate::planes::{Planes, TILE, Tiles};
use kernel::prime::{Prime, PrimeId};

/// Most rows that one call of a loop takes: six times four planes fill 24 of 32 registers.
pub(crate) const PANEL: usize = 6;

/// The two inner loops of a level.
pub(crate) trait Kernels: Send + Sync {
    /// `out[r] = rows[r] . column mod p`.
    ///
    /// *Shape*: 1 to [`PANEL`] rows, each at least as long as the padded column; `out` as many words.
    fn dot(&self, p: PrimeId, rows: &[&[i8]], column: &[Planes], out: &mut [u32]);

    /// `out[r][c] = rows[r] . (column c of tile number `tile`) mod p`.
    ///
    /// *Shape*: 1 to [`PANEL`] rows, each at least as long as the padded columns; `out` as many rows.
    fn tile(
        &self,
        p: PrimeId,
        rows: &[&[i8]],
        columns: &Tiles,
        tile: usize,
        out: &mut [[u32; TILE]],
    );
}

/// The residue of `s0 + 2^8 s1 + 2^16 s2 + 2^24 s3`: the sums of the four byte planes put together.
#[inline(always)]
fn recombine<P: Prime>(sums: [i32; 4]) -> u32 {
    let [s0, s1, s2, s3] = sums.map(i64::from);
    P::from_i64(s0 + (s1 << 8) + (s2 << 16) + (s3 << 24))
}

/// Runs `$body` with `$array` bound to the `$rows` of a slice as an array of their number.
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
use with_height;
