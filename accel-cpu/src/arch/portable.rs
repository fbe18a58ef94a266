use super::{Column, Kernels, Step, Sums};
use crate::digits::{Bytes, PLANE};

/// Loops in plain Rust, for the compiler to vectorise.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Portable;

impl Kernels for Portable {
    type Digits = Bytes;

    fn dot(&self, rows: &[&[i8]], _: &[i8], column: &[Column<Self>], sums: &mut [[i32; 4]]) {
        for (row, out) in rows.iter().zip(sums) {
            let mut sums = [0; 4];
            for (weights, planes) in row.as_chunks::<PLANE>().0.iter().zip(column) {
                for (sum, plane) in sums.iter_mut().zip(&planes.0) {
                    *sum += dot_plane(weights, plane);
                }
            }
            *out = sums;
        }
    }

    fn dot_bytes(&self, rows: &[&[i8]], _: &[i8], column: &[[u8; PLANE]], sums: &mut [i32]) {
        for (row, sum) in rows.iter().zip(sums) {
            let chunks = row.as_chunks::<PLANE>().0.iter().zip(column);
            *sum = chunks.map(|(weights, bytes)| dot_plane(weights, bytes)).sum();
        }
    }

    fn multiply(&self, rows: &[&[i8]], columns: &[Step<Self>], sums: &mut [Sums]) {
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
}

/// Sums in the shape of multiply-add instructions on pairs of 16-bit lanes, which compilers find.
#[inline(always)]
fn dot_plane(weights: &[i8; PLANE], plane: &[u8; PLANE]) -> i32 {
    let weights = weights.map(i16::from);
    let plane = plane.map(i16::from);
    let mut sums = [0; 4];
    for (w, x) in weights.as_chunks::<8>().0.iter().zip(plane.as_chunks::<8>().0) {
        for i in 0..4 {
            sums[i] += multiply_add([w[2 * i], w[2 * i + 1]], [x[2 * i], x[2 * i + 1]]);
        }
    }
    sums.iter().sum()
}

#[inline(always)]
fn multiply_add(w: [i16; 2], x: [i16; 2]) -> i32 {
    i32::from(w[0]) * i32::from(x[0]) + i32::from(w[1]) * i32::from(x[1])
}

#[inline(always)]
fn dot_quad(weights: [i32; 4], bytes: u32) -> i32 {
    let [a, b, c, d] = weights;
    a * (bytes & 0xff) as i32
        + b * (bytes >> 8 & 0xff) as i32
        + c * (bytes >> 16 & 0xff) as i32
        + d * (bytes >> 24) as i32
}
