use crate::arch::{self, Kernels, Sums, with_height};
use crate::digits::{Halves, PLANE};
use core::arch::aarch64::*;
use std::arch::is_aarch64_feature_detected;

type Column = arch::Column<Neon>;
type Step = arch::Step<Neon>;

/// Proof that the processor has NEON, and the loops that need it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Neon(());

impl Neon {
    pub(crate) fn detect() -> Option<Self> {
        let detected = cfg!(target_endian = "little") && is_aarch64_feature_detected!("neon");
        detected.then_some(Self(()))
    }
}

impl Kernels for Neon {
    type Digits = Halves;

    fn dot(&self, rows: &[&[i8]], _: &[i8], column: &[Column], sums: &mut [[i32; 4]]) {
        with_height!(rows, rows => {
            // SAFETY: `self` exists only where the feature was detected.
            sums.copy_from_slice(&unsafe { dot(rows, column) });
        });
    }

    fn dot_bytes(&self, rows: &[&[i8]], _: &[i8], column: &[[u8; PLANE]], sums: &mut [i32]) {
        with_height!(rows, rows => {
            // SAFETY: `self` exists only where the feature was detected.
            sums.copy_from_slice(&unsafe { dot_bytes(rows, column) });
        });
    }

    fn multiply(&self, rows: &[&[i8]], columns: &[Step], sums: &mut [Sums]) {
        for (rows, sums) in rows.chunks(HEIGHT).zip(sums.chunks_mut(HEIGHT)) {
            with_height!(rows, rows => {
                // SAFETY: `self` exists only where the feature was detected.
                unsafe { multiply(rows, columns, sums) }
            });
        }
    }
}

/// Rows that [`multiply`] takes at once: three times eight sums fill 24 of 32 registers.
const HEIGHT: usize = 3;
/// Columns whose products in each of 4 lanes sum up to 32 bits.
const COLUMNS: usize = 4 * Halves::LIMIT / PLANE;
/// Steps, of four coordinates each, whose products sum up to 32 bits; a third of a block.
const STEPS: usize = 88;
const _: () = assert!(4 * STEPS <= Halves::LIMIT);

/// The sums of the halves of `rows[r] . column`.
#[target_feature(enable = "neon")]
fn dot<const H: usize>(rows: [&[i8]; H], column: &[Column]) -> [[i32; 4]; H] {
    let mut totals = [[vdupq_n_s32(0); 4]; H];
    for (part, column) in column.chunks(COLUMNS).enumerate() {
        let mut chunks = [&[][..]; H];
        for (chunks, row) in chunks.iter_mut().zip(rows) {
            *chunks = &row.as_chunks::<PLANE>().0[part * COLUMNS..][..column.len()];
        }
        let mut sums = [[[vdupq_n_s32(0); 2]; 2]; H];
        for (k, halves) in column.iter().enumerate() {
            for i in 0..PLANE / 16 {
                let low = load(&halves.0[0].as_chunks::<16>().0[i]);
                let high = load(&halves.0[1].as_chunks::<16>().0[i]);
                for (sums, chunks) in sums.iter_mut().zip(chunks) {
                    let weights = widen(&chunks[k].as_chunks::<16>().0[i]);
                    for part in 0..2 {
                        // Alone, a row waits less for a sum of its own every other time.
                        let turn = if H == 1 { part } else { 0 };
                        let [a, b] = sums[turn];
                        sums[turn] = [
                            multiply_add(a, low[part], weights[part]),
                            multiply_add(b, high[part], weights[part]),
                        ];
                    }
                }
            }
        }
        for (totals, sums) in totals.iter_mut().zip(sums) {
            for (i, sums) in sums.as_flattened().iter().enumerate() {
                let totals = &mut totals.as_chunks_mut::<2>().0[i % 2];
                for (total, sum) in totals.iter_mut().zip(split(*sums)) {
                    *total = vaddq_s32(*total, sum);
                }
            }
        }
    }
    let mut out = [[0; 4]; H];
    for (out, totals) in out.as_flattened_mut().iter_mut().zip(totals.as_flattened()) {
        *out = vaddvq_s32(*totals);
    }
    out
}

/// The sums of `rows[r] . column`.
#[target_feature(enable = "neon")]
fn dot_bytes<const H: usize>(rows: [&[i8]; H], column: &[[u8; PLANE]]) -> [i32; H] {
    let mut chunks = [&[][..]; H];
    for (chunks, row) in chunks.iter_mut().zip(rows) {
        *chunks = &row.as_chunks::<PLANE>().0[..column.len()];
    }
    let mut sums = [[vdupq_n_s32(0); 2]; H];
    for (k, bytes) in column.iter().enumerate() {
        for i in 0..PLANE / 16 {
            let bytes = widen(&bytes.as_chunks::<16>().0[i].map(|byte| byte as i8));
            for (sums, chunks) in sums.iter_mut().zip(chunks) {
                let weights = widen(&chunks[k].as_chunks::<16>().0[i]);
                for part in 0..2 {
                    sums[part] = multiply_add(sums[part], bytes[part], weights[part]);
                }
            }
        }
    }
    sums.map(|[a, b]| vaddvq_s32(vaddq_s32(a, b)))
}

/// `sums[r] += rows[r] . columns`.
#[target_feature(enable = "neon")]
fn multiply<const H: usize>(rows: [&[i8]; H], columns: &[Step], sums: &mut [Sums]) {
    for (part, columns) in columns.chunks(STEPS).enumerate() {
        let mut weights = [[[0; 2]; 2 * STEPS]; H];
        for (weights, row) in weights.iter_mut().zip(rows) {
            let pairs = &row[part * 4 * STEPS..].as_chunks::<2>().0[..2 * columns.len()];
            for (wide, pair) in weights.iter_mut().zip(pairs) {
                *wide = pair.map(i16::from);
            }
        }
        for side in 0..2 {
            multiply_side(&weights, columns, side, sums);
        }
    }
}

/// The same for 8 of the 16 columns, and weights that are wide already.
#[inline]
#[target_feature(enable = "neon")]
fn multiply_side<const H: usize>(
    weights: &[[[i16; 2]; 2 * STEPS]; H],
    columns: &[Step],
    side: usize,
    sums: &mut [Sums],
) {
    // By half, by four columns, by two columns of two coordinates each.
    let mut registers = [[[[vdupq_n_s32(0); 2]; 2]; 2]; H];
    for (k, step) in columns.iter().enumerate() {
        for j in 0..2 {
            for h in 0..2 {
                let halves = load(&step.0[j][h].as_flattened().as_chunks::<16>().0[side]);
                for (registers, weights) in registers.iter_mut().zip(weights) {
                    let weights = broadcast(&weights[2 * k + j]);
                    for (registers, halves) in registers[h].iter_mut().zip(halves) {
                        *registers = multiply_add_apart(*registers, halves, weights);
                    }
                }
            }
        }
    }
    for (registers, sums) in registers.iter().zip(sums) {
        for h in 0..2 {
            for (i, [a, b]) in registers[h].into_iter().enumerate() {
                for (part, sum) in split(vpaddq_s32(a, b)).into_iter().enumerate() {
                    let sums = &mut sums.0[2 * h + part].as_chunks_mut::<4>().0[2 * side + i];
                    add_to(sums, sum);
                }
            }
        }
    }
}

/// Each lane has two of the products added.
#[inline]
#[target_feature(enable = "neon")]
fn multiply_add(sum: int32x4_t, a: int16x8_t, b: int16x8_t) -> int32x4_t {
    vmlal_high_s16(vmlal_s16(sum, vget_low_s16(a), vget_low_s16(b)), a, b)
}

/// Each lane has one of the products added.
#[inline]
#[target_feature(enable = "neon")]
fn multiply_add_apart([low, high]: [int32x4_t; 2], a: int16x8_t, b: int16x8_t) -> [int32x4_t; 2] {
    [vmlal_s16(low, vget_low_s16(a), vget_low_s16(b)), vmlal_high_s16(high, a, b)]
}

/// The low 16 bits and the rest of four sums, as [`Halves`] have them go on.
#[inline]
#[target_feature(enable = "neon")]
fn split(sums: int32x4_t) -> [int32x4_t; 2] {
    [vandq_s32(sums, vdupq_n_s32(0xffff)), vshrq_n_s32::<16>(sums)]
}

#[inline]
#[target_feature(enable = "neon")]
fn load(halves: &[i16; 16]) -> [int16x8_t; 2] {
    let [low, high] = [halves.as_ptr(), halves[8..].as_ptr()];
    // SAFETY: `halves` is 32 bytes long, `high` is 16 bytes from its end; the loads need no more
    // alignment than it has.
    unsafe { [vld1q_s16(low), vld1q_s16(high)] }
}

#[inline]
#[target_feature(enable = "neon")]
fn widen(weights: &[i8; 16]) -> [int16x8_t; 2] {
    // SAFETY: `weights` is 16 bytes long; the load needs no alignment.
    let weights = unsafe { vld1q_s8(weights.as_ptr()) };
    [vmovl_s8(vget_low_s8(weights)), vmovl_high_s8(weights)]
}

#[inline]
#[target_feature(enable = "neon")]
fn broadcast(&[a, b]: &[i16; 2]) -> int16x8_t {
    let pair = u32::from(a as u16) | u32::from(b as u16) << 16;
    vreinterpretq_s16_u32(vdupq_n_u32(pair))
}

#[inline]
#[target_feature(enable = "neon")]
fn add_to(sums: &mut [i32; 4], more: int32x4_t) {
    let sums = sums.as_mut_ptr();
    // SAFETY: `sums` is 16 bytes long; the load and the store need no more alignment than it has.
    unsafe { vst1q_s32(sums, vaddq_s32(vld1q_s32(sums), more)) };
}
