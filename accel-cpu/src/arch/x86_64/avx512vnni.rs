use crate::arch::{self, Kernels, Sums, with_height};
use crate::digits::{Bytes, PLANE, TILE};
use core::arch::x86_64::*;
use kernel::prime::{Prime, PrimeId};
use kernel::with_prime;

type Column = arch::Column<Avx512Vnni>;
type Step = arch::Step<Avx512Vnni>;

/// Proof that the processor has AVX-512 F, BW and VNNI, and the loops that need them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Avx512Vnni(());

impl Avx512Vnni {
    pub(crate) fn detect() -> Option<Self> {
        let detected = is_x86_feature_detected!("avx512f")
            && is_x86_feature_detected!("avx512bw")
            && is_x86_feature_detected!("avx512vnni");
        detected.then_some(Self(()))
    }
}

impl Kernels for Avx512Vnni {
    type Digits = Bytes;

    fn dot(&self, rows: &[&[i8]], next: &[i8], column: &[Column], sums: &mut [[i32; 4]]) {
        with_height!(rows, rows => {
            // SAFETY: `self` exists only where the features were detected.
            sums.copy_from_slice(&unsafe { dot(rows, next, column) });
        });
    }

    fn dot_bytes(&self, rows: &[&[i8]], next: &[i8], column: &[[u8; PLANE]], sums: &mut [i32]) {
        with_height!(rows, rows => {
            // SAFETY: `self` exists only where the features were detected.
            sums.copy_from_slice(&unsafe { dot_bytes(rows, next, column) });
        });
    }

    fn multiply(&self, rows: &[&[i8]], columns: &[Step], sums: &mut [Sums]) {
        with_height!(rows, rows => {
            // SAFETY: `self` exists only where the features were detected.
            unsafe { multiply(rows, columns, sums) }
        });
    }

    fn reduce(&self, p: PrimeId, sums: &Sums) -> [u32; TILE] {
        // SAFETY: `self` exists only where the features were detected.
        with_prime!(p, P => unsafe { reduce::<P>(sums) })
    }
}

/// The sums of the four planes of `rows[r] . column`.
#[target_feature(enable = "avx512f,avx512bw,avx512vnni")]
fn dot<const H: usize>(rows: [&[i8]; H], next: &[i8], column: &[Column]) -> [[i32; 4]; H] {
    let next = next.as_chunks::<PLANE>().0.as_chunks::<H>().0;
    let mut chunks = [&[][..]; H];
    for (chunks, row) in chunks.iter_mut().zip(rows) {
        *chunks = &row.as_chunks::<PLANE>().0[..column.len()];
    }
    let mut sums = [[_mm512_setzero_si512(); 4]; H];
    for (k, planes) in column.iter().enumerate() {
        let planes = load_planes(planes);
        if let Some(next) = next.get(k) {
            for line in next {
                _mm_prefetch::<_MM_HINT_T0>(line.as_ptr());
            }
        }
        for (sums, chunks) in sums.iter_mut().zip(chunks) {
            let weights = load(&chunks[k]);
            for b in 0..4 {
                sums[b] = _mm512_dpbusd_epi32(sums[b], planes[b], weights);
            }
        }
    }
    let mut totals = [[0; 4]; H];
    for (totals, sums) in totals.iter_mut().zip(sums) {
        *totals = add_lanes(sums);
    }
    totals
}

/// The sums of `rows[r] . column`.
#[target_feature(enable = "avx512f,avx512bw,avx512vnni")]
fn dot_bytes<const H: usize>(rows: [&[i8]; H], next: &[i8], column: &[[u8; PLANE]]) -> [i32; H] {
    let next = next.as_chunks::<PLANE>().0.as_chunks::<H>().0;
    let mut chunks = [&[][..]; H];
    for (chunks, row) in chunks.iter_mut().zip(rows) {
        *chunks = &row.as_chunks::<PLANE>().0[..column.len()];
    }
    let mut sums = [[_mm512_setzero_si512(); 2]; H];
    // Sums of its own every other time: alone, a row waits less for them.
    for (pair, column) in column.chunks(2).enumerate() {
        for (turn, bytes) in column.iter().enumerate() {
            let k = 2 * pair + turn;
            if let Some(next) = next.get(k) {
                for line in next {
                    _mm_prefetch::<_MM_HINT_T0>(line.as_ptr());
                }
            }
            // SAFETY: `bytes` is 64 bytes long; the load needs no alignment.
            let bytes = unsafe { _mm512_loadu_si512(bytes.as_ptr().cast()) };
            for (sums, chunks) in sums.iter_mut().zip(chunks) {
                sums[turn] = _mm512_dpbusd_epi32(sums[turn], bytes, load(&chunks[k]));
            }
        }
    }
    sums.map(|[a, b]| _mm512_reduce_add_epi32(_mm512_add_epi32(a, b)))
}

/// The sums of the 16 lanes of each of four vectors.
#[inline]
#[target_feature(enable = "avx512f")]
fn add_lanes([a, b, c, d]: [__m512i; 4]) -> [i32; 4] {
    let ab = _mm512_add_epi32(_mm512_unpacklo_epi32(a, b), _mm512_unpackhi_epi32(a, b));
    let cd = _mm512_add_epi32(_mm512_unpacklo_epi32(c, d), _mm512_unpackhi_epi32(c, d));
    let all = _mm512_add_epi32(_mm512_unpacklo_epi64(ab, cd), _mm512_unpackhi_epi64(ab, cd));
    let half = _mm256_add_epi32(_mm512_castsi512_si256(all), _mm512_extracti64x4_epi64::<1>(all));
    let quarter = _mm_add_epi32(_mm256_castsi256_si128(half), _mm256_extracti128_si256::<1>(half));
    let mut totals = [0; 4];
    // SAFETY: `totals` is 16 bytes long; the store needs no alignment.
    unsafe { _mm_storeu_si128(totals.as_mut_ptr().cast(), quarter) };
    totals
}

/// `sums[r] += rows[r] . columns`, plane by plane.
#[target_feature(enable = "avx512f,avx512bw,avx512vnni")]
fn multiply<const H: usize>(rows: [&[i8]; H], columns: &[Step], sums: &mut [Sums]) {
    let mut quads = [&[][..]; H];
    for (quads, row) in quads.iter_mut().zip(rows) {
        *quads = &row.as_chunks::<4>().0[..columns.len()];
    }
    let mut registers = [[_mm512_setzero_si512(); 4]; H];
    for (registers, sums) in registers.iter_mut().zip(&*sums) {
        *registers = load_sums(sums);
    }
    for (k, step) in columns.iter().enumerate() {
        let planes = load_step(step);
        for (registers, quads) in registers.iter_mut().zip(quads) {
            let weights = quads[k].map(|w| w as u8);
            let weights = _mm512_set1_epi32(i32::from_le_bytes(weights));
            for b in 0..4 {
                registers[b] = _mm512_dpbusd_epi32(registers[b], planes[b], weights);
            }
        }
    }
    for (registers, sums) in registers.iter().zip(sums) {
        for (register, plane) in registers.iter().zip(&mut sums.0) {
            // SAFETY: `plane` is 64 bytes long; the store needs no alignment.
            unsafe { _mm512_storeu_si512(plane.as_mut_ptr().cast(), *register) };
        }
    }
}

/// [`Digits::recombine`](crate::digits::Digits::recombine) on 16 lanes.
#[target_feature(enable = "avx512f")]
fn reduce<P: Prime>(sums: &Sums) -> [u32; TILE] {
    let sums = load_sums(sums);
    let mut halves = [[_mm256_setzero_si256(); 4]; 2];
    for b in 0..4 {
        halves[0][b] = _mm512_castsi512_si256(sums[b]);
        halves[1][b] = _mm512_extracti64x4_epi64::<1>(sums[b]);
    }
    let mut out = [0; TILE];
    for (out, sums) in out.as_chunks_mut::<8>().0.iter_mut().zip(halves) {
        let words = reduce_half::<P>(sums);
        // SAFETY: `out` is 32 bytes long; the store needs no alignment.
        unsafe { _mm256_storeu_si256(out.as_mut_ptr().cast(), words) };
    }
    out
}

/// A multiple of P that makes every recombined sum positive, and leaves it below 2^58.
const fn bias<P: Prime>() -> u64 {
    (P::VALUE as u64) << (57 - P::BITS)
}

#[inline]
#[target_feature(enable = "avx512f")]
fn reduce_half<P: Prime>(sums: [__m256i; 4]) -> __m256i {
    let bits = _mm512_set1_epi64(i64::from(P::BITS));
    let shift = _mm512_set1_epi64(i64::from(P::SHIFT));
    let low_bits = _mm512_set1_epi64((1 << P::BITS) - 1);
    let p = _mm512_set1_epi64(i64::from(P::VALUE));

    let [s0, s1, s2, s3] = sums;
    // Horner's rule: ((s3 2^8 + s2) 2^8 + s1) 2^8 + s0, below 2^55 in magnitude.
    let mut x = _mm512_cvtepi32_epi64(s3);
    for s in [s2, s1, s0] {
        x = _mm512_add_epi64(_mm512_slli_epi64::<8>(x), _mm512_cvtepi32_epi64(s));
    }
    x = _mm512_add_epi64(x, _mm512_set1_epi64(bias::<P>() as i64));
    // `Prime::fold`; three bring anything below 2^58 under 2p (see the test).
    for _ in 0..FOLDS {
        let high = _mm512_srlv_epi64(x, bits);
        let low = _mm512_and_si512(x, low_bits);
        x = _mm512_add_epi64(_mm512_sub_epi64(_mm512_sllv_epi64(high, shift), high), low);
    }
    // x - p wraps to a huge number where x is below p.
    _mm512_cvtepi64_epi32(_mm512_min_epu64(x, _mm512_sub_epi64(x, p)))
}

/// How often [`reduce_half`] folds.
const FOLDS: u32 = 3;

#[inline]
#[target_feature(enable = "avx512f")]
fn load_planes(planes: &Column) -> [__m512i; 4] {
    let mut vectors = [_mm512_setzero_si512(); 4];
    for (vector, plane) in vectors.iter_mut().zip(&planes.0) {
        // SAFETY: `plane` is 64 bytes long; the load needs no alignment.
        *vector = unsafe { _mm512_loadu_si512(plane.as_ptr().cast()) };
    }
    vectors
}

#[inline]
#[target_feature(enable = "avx512f")]
fn load_step(step: &Step) -> [__m512i; 4] {
    let mut vectors = [_mm512_setzero_si512(); 4];
    for (vector, plane) in vectors.iter_mut().zip(&step.0) {
        // SAFETY: `plane` is 64 bytes long; the load needs no alignment.
        *vector = unsafe { _mm512_loadu_si512(plane.as_ptr().cast()) };
    }
    vectors
}

#[inline]
#[target_feature(enable = "avx512f")]
fn load_sums(sums: &Sums) -> [__m512i; 4] {
    let mut vectors = [_mm512_setzero_si512(); 4];
    for (vector, plane) in vectors.iter_mut().zip(&sums.0) {
        // SAFETY: `plane` is 64 bytes long; the load needs no alignment.
        *vector = unsafe { _mm512_loadu_si512(plane.as_ptr().cast()) };
    }
    vectors
}

#[inline]
#[target_feature(enable = "avx512f")]
fn load(weights: &[i8; PLANE]) -> __m512i {
    // SAFETY: `weights` is 64 bytes long; the load needs no alignment.
    unsafe { _mm512_loadu_si512(weights.as_ptr().cast()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::digits::Digits;
    use kernel::model::MAX_COLUMNS;
    use kernel::prime::{Delta, T};

    /// The bounds that [`reduce_half`] relies on, worked out.
    fn bounds<P: Prime>() {
        let plane = 128 * 255 * MAX_COLUMNS as u64;
        assert!(plane <= i32::MAX as u64);
        let sum = plane * (1 + (1 << 8) + (1 << 16) + (1 << 24));
        assert!(sum < bias::<P>());
        assert_eq!(bias::<P>() % u64::from(P::VALUE), 0);
        let mut bound = bias::<P>() + sum;
        for _ in 0..FOLDS {
            // fold(x) <= (x >> B) * (2^S - 1) + 2^B - 1 for every x <= bound.
            bound = (bound >> P::BITS) * ((1 << P::SHIFT) - 1) + ((1 << P::BITS) - 1);
        }
        assert!(bound < 2 * u64::from(P::VALUE));
    }

    #[test]
    fn reduction_stays_in_bounds() {
        bounds::<T>();
        bounds::<Delta>();
    }

    /// The vector reduction equals the scalar one, on the extremes of every plane.
    #[test]
    fn vector_reduction_equals_scalar() {
        if Avx512Vnni::detect().is_none() {
            return;
        }
        const PLANE_MAX: i32 = 128 * 255 * MAX_COLUMNS as i32;
        let edges = [0, 1, -1, PLANE_MAX, -PLANE_MAX, 255, -256, 1 << 30];
        fn check<P: Prime>(sums: [[i32; TILE]; 4]) {
            // SAFETY: the features were detected.
            let out = unsafe { reduce::<P>(&Sums(sums)) };
            for c in 0..TILE {
                assert_eq!(out[c], Bytes::recombine::<P>(sums.map(|plane| plane[c])));
            }
        }
        for i in 0..edges.len().pow(4) {
            // Each lane another combination.
            let sums = [1, 8, 64, 512]
                .map(|d| core::array::from_fn(|c| edges[(i + c * 37) / d % edges.len()]));
            check::<T>(sums);
            check::<Delta>(sums);
        }
    }
}
