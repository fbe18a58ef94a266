use crate::arch::{self, Kernels, Sums, with_height};
use crate::digits::{Halves, PLANE};
use core::arch::x86_64::*;

pub(super) type Column = arch::Column<Avx2>;
pub(super) type Step = arch::Step<Avx2>;

/// Proof that the processor has AVX2, and the loops that need it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Avx2(());

impl Avx2 {
    pub(crate) fn detect() -> Option<Self> {
        is_x86_feature_detected!("avx2").then_some(Self(()))
    }
}

impl Kernels for Avx2 {
    type Digits = Halves;

    fn dot(&self, rows: &[&[i8]], next: &[i8], column: &[Column], sums: &mut [[i32; 4]]) {
        with_height!(rows, rows => {
            // SAFETY: `self` exists only where the feature was detected.
            sums.copy_from_slice(&unsafe { dot(rows, next, column) });
        });
    }

    fn dot_bytes(&self, rows: &[&[i8]], next: &[i8], column: &[[u8; PLANE]], sums: &mut [i32]) {
        with_height!(rows, rows => {
            // SAFETY: `self` exists only where the feature was detected.
            sums.copy_from_slice(&unsafe { dot_bytes(rows, next, column) });
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

/// Rows that [`multiply`] takes at once: three times four sums leave too few of 16 registers.
pub(super) const HEIGHT: usize = 2;
/// Columns whose products in each of 8 lanes sum up to 32 bits.
pub(super) const COLUMNS: usize = 8 * Halves::LIMIT / PLANE;
/// Steps, of four coordinates each, whose products sum up to 32 bits; a third of a block.
pub(super) const STEPS: usize = 88;
const _: () = assert!(4 * STEPS <= Halves::LIMIT);

/// The loops of a level with this way to multiply pairs of 16-bit numbers and add them to a sum.
macro_rules! loops {
    ($features:literal, $multiply_add:ident) => {
        /// The sums of the halves of `rows[r] . column`.
        #[target_feature(enable = $features)]
        fn dot<const H: usize>(rows: [&[i8]; H], next: &[i8], column: &[Column]) -> [[i32; 4]; H] {
            let next = next.as_chunks::<PLANE>().0.as_chunks::<H>().0;
            let mut chunks = [&[][..]; H];
            for (chunks, row) in chunks.iter_mut().zip(rows) {
                *chunks = &row.as_chunks::<PLANE>().0[..column.len()];
            }
            let mut totals = [[_mm256_setzero_si256(); 4]; H];
            for (part, column) in column.chunks(COLUMNS).enumerate() {
                let mut sums = [[[_mm256_setzero_si256(); 2]; 2]; H];
                for (k, halves) in column.iter().enumerate() {
                    let k = part * COLUMNS + k;
                    if let Some(next) = next.get(k) {
                        for line in next {
                            _mm_prefetch::<_MM_HINT_T0>(line.as_ptr());
                        }
                    }
                    for i in 0..PLANE / 16 {
                        let low = load(&halves.0[0].as_chunks::<16>().0[i]);
                        let high = load(&halves.0[1].as_chunks::<16>().0[i]);
                        for (sums, chunks) in sums.iter_mut().zip(chunks) {
                            let weights = widen(&chunks[k].as_chunks::<16>().0[i]);
                            // Alone, a row waits less for a sum of its own every other time.
                            let turn = if H == 1 { i % 2 } else { 0 };
                            sums[turn][0] = $multiply_add(sums[turn][0], low, weights);
                            sums[turn][1] = $multiply_add(sums[turn][1], high, weights);
                        }
                    }
                }
                for (totals, sums) in totals.iter_mut().zip(sums) {
                    for (i, sums) in sums.as_flattened().iter().enumerate() {
                        let totals = &mut totals.as_chunks_mut::<2>().0[i % 2];
                        for (total, sum) in totals.iter_mut().zip(split(*sums)) {
                            *total = _mm256_add_epi32(*total, sum);
                        }
                    }
                }
            }
            let mut out = [[0; 4]; H];
            for (out, totals) in out.iter_mut().zip(totals) {
                *out = add_lanes(totals);
            }
            out
        }

        /// The sums of `rows[r] . column`.
        #[target_feature(enable = $features)]
        fn dot_bytes<const H: usize>(
            rows: [&[i8]; H],
            next: &[i8],
            column: &[[u8; PLANE]],
        ) -> [i32; H] {
            let next = next.as_chunks::<PLANE>().0.as_chunks::<H>().0;
            let mut chunks = [&[][..]; H];
            for (chunks, row) in chunks.iter_mut().zip(rows) {
                *chunks = &row.as_chunks::<PLANE>().0[..column.len()];
            }
            let mut sums = [[_mm256_setzero_si256(); 2]; H];
            for (k, bytes) in column.iter().enumerate() {
                if let Some(next) = next.get(k) {
                    for line in next {
                        _mm_prefetch::<_MM_HINT_T0>(line.as_ptr());
                    }
                }
                for i in 0..PLANE / 16 {
                    let bytes = bytes.as_chunks::<16>().0[i].map(|byte| byte as i8);
                    let bytes = widen(&bytes);
                    for (sums, chunks) in sums.iter_mut().zip(chunks) {
                        let weights = widen(&chunks[k].as_chunks::<16>().0[i]);
                        let turn = if H == 1 { i % 2 } else { 0 };
                        sums[turn] = $multiply_add(sums[turn], bytes, weights);
                    }
                }
            }
            let zero = _mm256_setzero_si256();
            sums.map(|[a, b]| add_lanes([_mm256_add_epi32(a, b), zero, zero, zero])[0])
        }

        /// `sums[r] += rows[r] . columns`.
        #[target_feature(enable = $features)]
        fn multiply<const H: usize>(rows: [&[i8]; H], columns: &[Step], sums: &mut [Sums]) {
            for (part, columns) in columns.chunks(STEPS).enumerate() {
                let mut weights = [[[0; 2]; 2 * STEPS]; H];
                for (weights, row) in weights.iter_mut().zip(rows) {
                    let row = &row[part * 4 * STEPS..];
                    for (wide, pair) in
                        weights.iter_mut().zip(&row.as_chunks::<2>().0[..2 * columns.len()])
                    {
                        *wide = pair.map(i16::from);
                    }
                }
                let mut registers = [[[_mm256_setzero_si256(); 2]; 2]; H];
                for (k, step) in columns.iter().enumerate() {
                    for j in 0..2 {
                        for h in 0..2 {
                            let pairs = step.0[j][h].as_flattened().as_chunks::<16>().0;
                            let halves = (load(&pairs[0]), load(&pairs[1]));
                            for (registers, weights) in registers.iter_mut().zip(&weights) {
                                let weights = broadcast(&weights[2 * k + j]);
                                let [a, b] = registers[h];
                                registers[h] = [
                                    $multiply_add(a, halves.0, weights),
                                    $multiply_add(b, halves.1, weights),
                                ];
                            }
                        }
                    }
                }
                for (registers, sums) in registers.iter().zip(&mut *sums) {
                    for (i, register) in registers.as_flattened().iter().enumerate() {
                        for (part, sum) in split(*register).into_iter().enumerate() {
                            add_to(
                                &mut sums.0[i / 2 * 2 + part].as_chunks_mut::<8>().0[i % 2],
                                sum,
                            );
                        }
                    }
                }
            }
        }
    };
}
pub(super) use loops;

loops!("avx2", multiply_add);

#[inline]
#[target_feature(enable = "avx2")]
fn multiply_add(sum: __m256i, a: __m256i, b: __m256i) -> __m256i {
    _mm256_add_epi32(sum, _mm256_madd_epi16(a, b))
}

/// The low 16 bits and the rest of 8 sums, as [`Halves`] have them go on.
#[inline]
#[target_feature(enable = "avx2")]
pub(super) fn split(sums: __m256i) -> [__m256i; 2] {
    [_mm256_and_si256(sums, _mm256_set1_epi32(0xffff)), _mm256_srai_epi32::<16>(sums)]
}

/// The sums of the 8 lanes of each of four vectors.
#[inline]
#[target_feature(enable = "avx2")]
pub(super) fn add_lanes([a, b, c, d]: [__m256i; 4]) -> [i32; 4] {
    let all = _mm256_hadd_epi32(_mm256_hadd_epi32(a, b), _mm256_hadd_epi32(c, d));
    let half = _mm_add_epi32(_mm256_castsi256_si128(all), _mm256_extracti128_si256::<1>(all));
    let mut totals = [0; 4];
    // SAFETY: `totals` is 16 bytes long; the store needs no alignment.
    unsafe { _mm_storeu_si128(totals.as_mut_ptr().cast(), half) };
    totals
}

#[inline]
#[target_feature(enable = "avx2")]
pub(super) fn load(halves: &[i16; 16]) -> __m256i {
    // SAFETY: `halves` is 32 bytes long; the load needs no alignment.
    unsafe { _mm256_loadu_si256(halves.as_ptr().cast()) }
}

#[inline]
#[target_feature(enable = "avx2")]
pub(super) fn widen(weights: &[i8; 16]) -> __m256i {
    // SAFETY: `weights` is 16 bytes long; the load needs no alignment.
    _mm256_cvtepi8_epi16(unsafe { _mm_loadu_si128(weights.as_ptr().cast()) })
}

#[inline]
#[target_feature(enable = "avx2")]
pub(super) fn broadcast(pair: &[i16; 2]) -> __m256i {
    // SAFETY: `pair` is 4 bytes long; the load needs no alignment.
    _mm256_broadcastd_epi32(unsafe { _mm_loadu_si32(pair.as_ptr().cast()) })
}

#[inline]
#[target_feature(enable = "avx2")]
pub(super) fn add_to(sums: &mut [i32; 8], more: __m256i) {
    let sums = sums.as_mut_ptr().cast();
    // SAFETY: `sums` is 32 bytes long; the load and the store need no alignment.
    unsafe { _mm256_storeu_si256(sums, _mm256_add_epi32(_mm256_loadu_si256(sums), more)) };
}
