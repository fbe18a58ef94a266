use super::{Kernels, Sums, recombine};
use crate::planes::{PLANE, Planes, Step, TILE};
use kernel::prime::PrimeId;
use kernel::with_prime;

/// Loops in plain Rust, for the compiler to vectorise.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Portable;

impl Kernels for Portable {
    fn dot(&self, p: PrimeId, rows: &[&[i8]], _: &[i8], column: &[Planes], out: &mut [u32]) {
        for (row, y) in rows.iter().zip(out) {
            let mut sums = [0; 4];
            for (weights, planes) in row.as_chunks::<PLANE>().0.iter().zip(column) {
                for (sum, plane) in sums.iter_mut().zip(&planes.0) {
                    *sum += dot_plane(weights, plane);
                }
            }
            *y = with_prime!(p, P => recombine::<P>(sums));
        }
    }

    fn multiply(&self, rows: &[&[i8]], columns: &[Step], sums: &mut [Sums]) {
        for (row, sums) in rows.iter().zip(sums) {
            for (quad, step) in row.as_chunks::<4>().0.iter().zip(columns) {
                let weights = quad.map(i32::from);
                for (sums, plane) in sums.0.iter_mut().zip(&step.0) {
                    for (sum, &bytes) in sums.iter_mut().zip(plane) {
                        *sum += dot_quad(weights, bytes);
                    }
                }
            }
        }
    }

    fn reduce(&self, p: PrimeId, sums: &Sums) -> [u32; TILE] {
        let column = |c: usize| sums.0.map(|plane| plane[c]);
        with_prime!(p, P => core::array::from_fn(|c| recombine::<P>(column(c))))
    }
}

#[inline(always)]
fn dot_plane(weights: &[i8; PLANE], plane: &[u8; PLANE]) -> i32 {
    // Through i16, which compilers turn into multiply-add instructions of pairs.
    weights
        .iter()
        .zip(plane)
        .map(|(&w, &x)| i32::from(i16::from(w)) * i32::from(i16::from(x)))
        .sum()
}

#[inline(always)]
fn dot_quad(weights: [i32; 4], bytes: u32) -> i32 {
    let [a, b, c, d] = weights;
    a * (bytes & 0xff) as i32
        + b * (bytes >> 8 & 0xff) as i32
        + c * (bytes >> 16 & 0xff) as i32
        + d * (bytes >> 24) as i32
}
