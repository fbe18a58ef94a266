use crate::arch::{self, Kernels, Sums, with_height};
use crate::digits::{PLANE, SignedBytes, TILE};
use core::arch::aarch64::*;
use core::arch::asm;
use std::arch::is_aarch64_feature_detected;

type Column = arch::Column<NeonDot>;
type Step = arch::Step<NeonDot>;

/// Proof that the processor has NEON and its dot products, and the loops that need them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct NeonDot(());

impl NeonDot {
    pub(crate) fn detect() -> Option<Self> {
        let detected = cfg!(target_endian = "little")
            && is_aarch64_feature_detected!("neon")
            && is_aarch64_feature_detected!("dotprod");
        detected.then_some(Self(()))
    }
}

impl Kernels for NeonDot {
    type Digits = SignedBytes;

    fn dot(&self, rows: &[&[i8]], _: &[i8], column: &[Column], sums: &mut [[i32; 4]]) {
        with_height!(rows, rows => {
            // SAFETY: `self` exists only where the features were detected.
            sums.copy_from_slice(&unsafe { dot(rows, column) });
        });
    }

    fn dot_bytes(&self, rows: &[&[i8]], _: &[i8], column: &[[u8; PLANE]], sums: &mut [i32]) {
        with_height!(rows, rows => {
            // SAFETY: `self` exists only where the features were detected.
            sums.copy_from_slice(&unsafe { dot_bytes(rows, column) });
        });
    }

    fn multiply(&self, rows: &[&[i8]], columns: &[Step], sums: &mut [Sums]) {
        with_height!(rows, rows => {
            for four in 0..TILE / 4 {
                // SAFETY: `self` exists only where the features were detected.
                unsafe { multiply(rows, columns, four, sums) }
            }
        });
    }
}

/// The sums of the four planes of `rows[r] . column`.
#[target_feature(enable = "neon,dotprod")]
fn dot<const H: usize>(rows: [&[i8]; H], column: &[Column]) -> [[i32; 4]; H] {
    let mut chunks = [&[][..]; H];
    for (chunks, row) in chunks.iter_mut().zip(rows) {
        *chunks = &row.as_chunks::<PLANE>().0[..column.len()];
    }
    let mut sums = [[vdupq_n_s32(0); 4]; H];
    for (k, planes) in column.iter().enumerate() {
        for i in 0..PLANE / 16 {
            let mut bytes = [vdupq_n_s8(0); 4];
            for (bytes, plane) in bytes.iter_mut().zip(&planes.0) {
                *bytes = load(&plane.as_chunks::<16>().0[i]);
            }
            for (sums, chunks) in sums.iter_mut().zip(chunks) {
                let weights = load(&chunks[k].as_chunks::<16>().0[i]);
                for b in 0..4 {
                    sums[b] = multiply_add(sums[b], bytes[b], weights);
                }
            }
        }
    }
    let mut out = [[0; 4]; H];
    for (out, sums) in out.as_flattened_mut().iter_mut().zip(sums.as_flattened()) {
        *out = vaddvq_s32(*sums);
    }
    out
}

/// The sums of `rows[r] . column`.
#[target_feature(enable = "neon,dotprod")]
fn dot_bytes<const H: usize>(rows: [&[i8]; H], column: &[[u8; PLANE]]) -> [i32; H] {
    let mut chunks = [&[][..]; H];
    for (chunks, row) in chunks.iter_mut().zip(rows) {
        *chunks = &row.as_chunks::<PLANE>().0[..column.len()];
    }
    let mut sums = [[vdupq_n_s32(0); 2]; H];
    for (k, bytes) in column.iter().enumerate() {
        for i in 0..PLANE / 16 {
            let bytes = load(&bytes.as_chunks::<16>().0[i].map(|byte| byte as i8));
            for (sums, chunks) in sums.iter_mut().zip(chunks) {
                let weights = load(&chunks[k].as_chunks::<16>().0[i]);
                sums[i % 2] = multiply_add(sums[i % 2], bytes, weights);
            }
        }
    }
    sums.map(|[a, b]| vaddvq_s32(vaddq_s32(a, b)))
}

/// `sums[r] += rows[r] . columns`, plane by plane, for one of the four times four columns.
#[target_feature(enable = "neon,dotprod")]
fn multiply<const H: usize>(rows: [&[i8]; H], columns: &[Step], four: usize, sums: &mut [Sums]) {
    let mut quads = [&[][..]; H];
    for (quads, row) in quads.iter_mut().zip(rows) {
        *quads = &row.as_chunks::<4>().0[..columns.len()];
    }
    let mut registers = [[vdupq_n_s32(0); 4]; H];
    for (k, step) in columns.iter().enumerate() {
        let mut bytes = [vdupq_n_s8(0); 4];
        for (bytes, plane) in bytes.iter_mut().zip(&step.0) {
            *bytes = load_words(&plane.as_chunks::<4>().0[four]);
        }
        for (registers, quads) in registers.iter_mut().zip(quads) {
            let weights = u32::from_le_bytes(quads[k].map(|w| w as u8));
            let weights = vreinterpretq_s8_u32(vdupq_n_u32(weights));
            for b in 0..4 {
                registers[b] = multiply_add(registers[b], bytes[b], weights);
            }
        }
    }
    for (registers, sums) in registers.iter().zip(sums) {
        for (register, plane) in registers.iter().zip(&mut sums.0) {
            add_to(&mut plane.as_chunks_mut::<4>().0[four], *register);
        }
    }
}

/// Each lane has four of the products added. The standard library does not offer this to every
/// compiler yet.
#[inline]
#[target_feature(enable = "neon,dotprod")]
fn multiply_add(mut sum: int32x4_t, a: int8x16_t, b: int8x16_t) -> int32x4_t {
    // SAFETY: the instruction changes nothing but `sum`, and is enabled here.
    unsafe {
        asm!(
            "sdot {sum:v}.4s, {a:v}.16b, {b:v}.16b",
            sum = inout(vreg) sum,
            a = in(vreg) a,
            b = in(vreg) b,
            options(pure, nomem, nostack, preserves_flags),
        );
    }
    sum
}

#[inline]
#[target_feature(enable = "neon")]
fn load(bytes: &[i8; 16]) -> int8x16_t {
    // SAFETY: `bytes` is 16 bytes long; the load needs no alignment.
    unsafe { vld1q_s8(bytes.as_ptr()) }
}

#[inline]
#[target_feature(enable = "neon")]
fn load_words(words: &[u32; 4]) -> int8x16_t {
    // SAFETY: `words` is 16 bytes long; the load needs no more alignment than it has.
    vreinterpretq_s8_u32(unsafe { vld1q_u32(words.as_ptr()) })
}

#[inline]
#[target_feature(enable = "neon")]
fn add_to(sums: &mut [i32; 4], more: int32x4_t) {
    let sums = sums.as_mut_ptr();
    // SAFETY: `sums` is 16 bytes long; the load and the store need no more alignment than it has.
    unsafe { vst1q_s32(sums, vaddq_s32(vld1q_s32(sums), more)) };
}
