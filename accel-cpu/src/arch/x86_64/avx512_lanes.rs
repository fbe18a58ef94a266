use crate::arch::lanes::Lanes;
use core::arch::x86_64::*;

/// Words in a vector.
const COUNT: usize = 16;

/// Proof that the processor has AVX-512 F, and its vectors.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Avx512Lanes(());

impl Avx512Lanes {
    pub(crate) fn detect() -> Option<Self> {
        is_x86_feature_detected!("avx512f").then_some(Self(()))
    }
}

#[target_feature(enable = "avx512f")]
fn enter<A>(f: impl FnOnce() -> A) -> A {
    f()
}

/// Sums at even and at odd places.
#[derive(Clone, Copy)]
pub(crate) struct Sums {
    even: __m512i,
    odd: __m512i,
}

/// The words at odd places, in place of those at even ones.
macro_rules! odd {
    ($x:expr) => {
        _mm512_srli_epi64::<32>($x)
    };
}

/// An intrinsic on registers.
macro_rules! register {
    ($call:expr) => {
        // SAFETY: `self` exists only where the feature was detected.
        unsafe { $call }
    };
}

/// The indices of `[a0 b0 a1 b1 ..]` among 32 words of two vectors, from `a[start]` on.
const fn interleaved(start: i32) -> [i32; COUNT] {
    let mut indices = [0; COUNT];
    let mut i = 0;
    while i < COUNT {
        indices[i] = start + i as i32 / 2 + COUNT as i32 * (i as i32 % 2);
        i += 1;
    }
    indices
}

/// Every second index from `start` on.
const fn every_second(start: i32) -> [i32; COUNT] {
    let mut indices = [0; COUNT];
    let mut i = 0;
    while i < COUNT {
        indices[i] = start + 2 * i as i32;
        i += 1;
    }
    indices
}

/// `i / repeat`.
const fn repeated(repeat: i32) -> [i32; COUNT] {
    let mut indices = [0; COUNT];
    let mut i = 0;
    while i < COUNT {
        indices[i] = i as i32 / repeat;
        i += 1;
    }
    indices
}

#[inline]
#[target_feature(enable = "avx512f")]
fn indices(of: &[i32; COUNT]) -> __m512i {
    // SAFETY: `of` is 64 bytes long; the load needs no alignment.
    unsafe { _mm512_loadu_si512(of.as_ptr().cast()) }
}

#[inline]
#[target_feature(enable = "avx512f")]
fn select(a: __m512i, which: &[i32; COUNT], b: __m512i) -> __m512i {
    _mm512_permutex2var_epi32(a, indices(which), b)
}

impl Lanes for Avx512Lanes {
    const COUNT: usize = COUNT;
    const MANY_REGISTERS: bool = true;
    type Vector = __m512i;
    type Words = [u32; COUNT];
    type Sums = Sums;

    #[inline(always)]
    fn run<A>(self, f: impl FnOnce() -> A) -> A {
        // SAFETY: `self` exists only where the feature was detected.
        unsafe { enter(f) }
    }

    #[inline(always)]
    fn vectors(words: &[u32]) -> &[Self::Words] {
        words.as_chunks().0
    }

    #[inline(always)]
    fn vectors_mut(words: &mut [u32]) -> &mut [Self::Words] {
        words.as_chunks_mut().0
    }

    #[inline(always)]
    fn at(words: &[u32], start: usize) -> &Self::Words {
        &words[start..start + COUNT].as_chunks().0[0]
    }

    #[inline(always)]
    fn load(self, words: &Self::Words) -> Self::Vector {
        // SAFETY: `words` is 64 bytes long, the load needs no alignment, and `self` exists only where
        // the feature was detected.
        unsafe { _mm512_loadu_si512(words.as_ptr().cast()) }
    }

    #[inline(always)]
    fn store(self, vector: Self::Vector, words: &mut Self::Words) {
        // SAFETY: `words` is 64 bytes long, the store needs no alignment, and `self` exists only where
        // the feature was detected.
        unsafe { _mm512_storeu_si512(words.as_mut_ptr().cast(), vector) }
    }

    #[inline(always)]
    fn splat(self, word: u32) -> Self::Vector {
        register!(_mm512_set1_epi32(word as i32))
    }

    #[inline(always)]
    fn repeat(self, words: &[u32], repeat: usize) -> Self::Vector {
        const TWO: &[i32; COUNT] = &repeated(2);
        const FOUR: &[i32; COUNT] = &repeated(4);
        const EIGHT: &[i32; COUNT] = &repeated(8);
        let words = &words[..COUNT / repeat];
        // SAFETY: as many bytes are loaded as `words` has, no load needs alignment, and `self` exists
        // only where the feature was detected.
        unsafe {
            match repeat {
                1 => _mm512_loadu_si512(words.as_ptr().cast()),
                2 => {
                    let half = _mm256_loadu_si256(words.as_ptr().cast());
                    _mm512_permutexvar_epi32(indices(TWO), _mm512_castsi256_si512(half))
                }
                4 => {
                    let quarter = _mm_loadu_si128(words.as_ptr().cast());
                    _mm512_permutexvar_epi32(indices(FOUR), _mm512_castsi128_si512(quarter))
                }
                8 => {
                    let pair = _mm_loadl_epi64(words.as_ptr().cast());
                    _mm512_permutexvar_epi32(indices(EIGHT), _mm512_castsi128_si512(pair))
                }
                _ => _mm512_set1_epi32(words[0] as i32),
            }
        }
    }

    #[inline(always)]
    fn extend(self, bytes: &[i8]) -> Self::Vector {
        let bytes = &bytes[..COUNT];
        // SAFETY: `bytes` is 16 bytes long, the load needs no alignment, and `self` exists only where
        // the feature was detected.
        unsafe { _mm512_cvtepi8_epi32(_mm_loadu_si128(bytes.as_ptr().cast())) }
    }

    #[inline(always)]
    fn add(self, a: Self::Vector, b: Self::Vector) -> Self::Vector {
        register!(_mm512_add_epi32(a, b))
    }

    #[inline(always)]
    fn sub(self, a: Self::Vector, b: Self::Vector) -> Self::Vector {
        register!(_mm512_sub_epi32(a, b))
    }

    #[inline(always)]
    fn add_mod(self, a: Self::Vector, b: Self::Vector, p: Self::Vector) -> Self::Vector {
        register!({
            let sum = _mm512_add_epi32(a, b);
            _mm512_mask_sub_epi32(sum, _mm512_cmplt_epu32_mask(sum, b), sum, p)
        })
    }

    #[inline(always)]
    fn sub_mod(self, a: Self::Vector, b: Self::Vector, p: Self::Vector) -> Self::Vector {
        register!({
            let difference = _mm512_sub_epi32(a, b);
            let borrows = _mm512_cmplt_epu32_mask(a, b);
            _mm512_mask_add_epi32(difference, borrows, difference, p)
        })
    }

    #[inline(always)]
    fn min(self, a: Self::Vector, b: Self::Vector) -> Self::Vector {
        register!(_mm512_min_epu32(a, b))
    }

    #[inline(always)]
    fn mul_low(self, a: Self::Vector, b: Self::Vector) -> Self::Vector {
        register!(_mm512_mullo_epi32(a, b))
    }

    #[inline(always)]
    fn odd(self, a: Self::Vector) -> Self::Vector {
        register!(odd!(a))
    }

    #[inline(always)]
    fn mul_high(self, a: Self::Vector, b: Self::Vector, odd_b: Self::Vector) -> Self::Vector {
        // Odd places: the high half is in place. Even places: it is one place to the right.
        register!({
            let even = _mm512_mul_epu32(a, b);
            let odd = _mm512_mul_epu32(odd!(a), odd_b);
            _mm512_mask_shuffle_epi32::<0xf5>(odd, 0x5555, even)
        })
    }

    #[inline(always)]
    fn exchange(
        self,
        block: usize,
        a: Self::Vector,
        b: Self::Vector,
    ) -> (Self::Vector, Self::Vector) {
        register!(match block {
            8 => {
                (_mm512_shuffle_i64x2::<0x44>(a, b), _mm512_shuffle_i64x2::<0xee>(a, b))
            }
            4 => {
                const LOW: &[i32; COUNT] =
                    &[0, 1, 2, 3, 16, 17, 18, 19, 8, 9, 10, 11, 24, 25, 26, 27];
                const HIGH: &[i32; COUNT] =
                    &[4, 5, 6, 7, 20, 21, 22, 23, 12, 13, 14, 15, 28, 29, 30, 31];
                (select(a, LOW, b), select(a, HIGH, b))
            }
            2 => (_mm512_unpacklo_epi64(a, b), _mm512_unpackhi_epi64(a, b)),
            _ => (
                _mm512_mask_shuffle_epi32::<0xa0>(a, 0xaaaa, b),
                _mm512_mask_shuffle_epi32::<0xf5>(b, 0x5555, a),
            ),
        })
    }

    #[inline(always)]
    fn interleave(self, a: Self::Vector, b: Self::Vector) -> (Self::Vector, Self::Vector) {
        const LOW: &[i32; COUNT] = &interleaved(0);
        const HIGH: &[i32; COUNT] = &interleaved(8);
        register!((select(a, LOW, b), select(a, HIGH, b)))
    }

    #[inline(always)]
    fn deinterleave(self, a: Self::Vector, b: Self::Vector) -> (Self::Vector, Self::Vector) {
        const EVEN: &[i32; COUNT] = &every_second(0);
        const ODD: &[i32; COUNT] = &every_second(1);
        register!((select(a, EVEN, b), select(a, ODD, b)))
    }

    #[inline(always)]
    fn zero(self) -> Self::Sums {
        let zero = register!(_mm512_setzero_si512());
        Sums { even: zero, odd: zero }
    }

    #[inline(always)]
    fn mul_add(self, sums: Self::Sums, a: Self::Vector, b: Self::Vector) -> Self::Sums {
        register!(Sums {
            even: _mm512_add_epi64(sums.even, _mm512_mul_epu32(a, b)),
            odd: _mm512_add_epi64(sums.odd, _mm512_mul_epu32(odd!(a), odd!(b))),
        })
    }

    #[inline(always)]
    fn mul_add_high(
        self,
        sums: Self::Sums,
        high: Self::Sums,
        a: Self::Vector,
        b: Self::Vector,
    ) -> (Self::Sums, Self::Sums) {
        register!({
            let even = _mm512_mul_epu32(a, b);
            let odd = _mm512_mul_epu32(odd!(a), odd!(b));
            let sums = Sums {
                even: _mm512_add_epi64(sums.even, even),
                odd: _mm512_add_epi64(sums.odd, odd),
            };
            let high = Sums {
                even: _mm512_add_epi64(high.even, odd!(even)),
                odd: _mm512_add_epi64(high.odd, odd!(odd)),
            };
            (sums, high)
        })
    }

    #[inline(always)]
    fn halves(self, Sums { even, odd }: Self::Sums) -> (Self::Vector, Self::Vector) {
        register!((
            _mm512_mask_shuffle_epi32::<0xa0>(even, 0xaaaa, odd),
            _mm512_mask_shuffle_epi32::<0xf5>(odd, 0x5555, even),
        ))
    }
}
