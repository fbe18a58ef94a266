use crate::arch::lanes::Lanes;
use core::arch::x86_64::*;

/// Words in a vector.
const COUNT: usize = 8;

/// Proof that the processor has AVX2, and its vectors.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Avx2Lanes(());

impl Avx2Lanes {
    pub(crate) fn detect() -> Option<Self> {
        is_x86_feature_detected!("avx2").then_some(Self(()))
    }
}

#[target_feature(enable = "avx2")]
fn enter<A>(f: impl FnOnce() -> A) -> A {
    f()
}

/// Sums at even and at odd places.
#[derive(Clone, Copy)]
pub(crate) struct Sums {
    even: __m256i,
    odd: __m256i,
}

/// The words at odd places, in place of those at even ones.
macro_rules! odd {
    ($x:expr) => {
        _mm256_srli_epi64::<32>($x)
    };
}

/// An intrinsic on registers.
macro_rules! register {
    ($call:expr) => {
        // SAFETY: `self` exists only where the feature was detected.
        unsafe { $call }
    };
}

impl Lanes for Avx2Lanes {
    const COUNT: usize = COUNT;
    const MANY_REGISTERS: bool = false;
    type Vector = __m256i;
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
        // SAFETY: `words` is 32 bytes long, the load needs no alignment, and `self` exists only where
        // the feature was detected.
        unsafe { _mm256_loadu_si256(words.as_ptr().cast()) }
    }

    #[inline(always)]
    fn store(self, vector: Self::Vector, words: &mut Self::Words) {
        // SAFETY: `words` is 32 bytes long, the store needs no alignment, and `self` exists only where
        // the feature was detected.
        unsafe { _mm256_storeu_si256(words.as_mut_ptr().cast(), vector) }
    }

    #[inline(always)]
    fn splat(self, word: u32) -> Self::Vector {
        register!(_mm256_set1_epi32(word as i32))
    }

    #[inline(always)]
    fn repeat(self, words: &[u32], repeat: usize) -> Self::Vector {
        let words = &words[..COUNT / repeat];
        // SAFETY: as many bytes are loaded as `words` has, no load needs alignment, and `self` exists
        // only where the feature was detected.
        unsafe {
            match repeat {
                1 => _mm256_loadu_si256(words.as_ptr().cast()),
                2 => {
                    let half = _mm256_castsi128_si256(_mm_loadu_si128(words.as_ptr().cast()));
                    let indices = _mm256_setr_epi32(0, 0, 1, 1, 2, 2, 3, 3);
                    _mm256_permutevar8x32_epi32(half, indices)
                }
                4 => {
                    let pair = _mm256_castsi128_si256(_mm_loadl_epi64(words.as_ptr().cast()));
                    let indices = _mm256_setr_epi32(0, 0, 0, 0, 1, 1, 1, 1);
                    _mm256_permutevar8x32_epi32(pair, indices)
                }
                _ => _mm256_set1_epi32(words[0] as i32),
            }
        }
    }

    #[inline(always)]
    fn extend(self, bytes: &[i8]) -> Self::Vector {
        let bytes = &bytes[..COUNT];
        // SAFETY: `bytes` is 8 bytes long, the load needs no alignment, and `self` exists only where
        // the feature was detected.
        unsafe { _mm256_cvtepi8_epi32(_mm_loadl_epi64(bytes.as_ptr().cast())) }
    }

    #[inline(always)]
    fn add(self, a: Self::Vector, b: Self::Vector) -> Self::Vector {
        register!(_mm256_add_epi32(a, b))
    }

    #[inline(always)]
    fn sub(self, a: Self::Vector, b: Self::Vector) -> Self::Vector {
        register!(_mm256_sub_epi32(a, b))
    }

    #[inline(always)]
    fn add_mod(self, a: Self::Vector, b: Self::Vector, p: Self::Vector) -> Self::Vector {
        register!({
            let sum = _mm256_add_epi32(a, b);
            let fits = _mm256_cmpeq_epi32(_mm256_max_epu32(sum, b), sum);
            _mm256_sub_epi32(sum, _mm256_andnot_si256(fits, p))
        })
    }

    #[inline(always)]
    fn sub_mod(self, a: Self::Vector, b: Self::Vector, p: Self::Vector) -> Self::Vector {
        register!({
            let fits = _mm256_cmpeq_epi32(_mm256_max_epu32(a, b), a);
            _mm256_add_epi32(_mm256_sub_epi32(a, b), _mm256_andnot_si256(fits, p))
        })
    }

    #[inline(always)]
    fn min(self, a: Self::Vector, b: Self::Vector) -> Self::Vector {
        register!(_mm256_min_epu32(a, b))
    }

    #[inline(always)]
    fn mul_low(self, a: Self::Vector, b: Self::Vector) -> Self::Vector {
        register!(_mm256_mullo_epi32(a, b))
    }

    #[inline(always)]
    fn odd(self, a: Self::Vector) -> Self::Vector {
        register!(odd!(a))
    }

    #[inline(always)]
    fn mul_high(self, a: Self::Vector, b: Self::Vector, odd_b: Self::Vector) -> Self::Vector {
        // Odd places: the high half is in place. Even places: it is one place to the right.
        register!({
            let even = _mm256_mul_epu32(a, b);
            let odd = _mm256_mul_epu32(odd!(a), odd_b);
            _mm256_blend_epi32::<0xaa>(odd!(even), odd)
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
            4 => {
                (_mm256_permute2x128_si256::<0x20>(a, b), _mm256_permute2x128_si256::<0x31>(a, b))
            }
            2 => (_mm256_unpacklo_epi64(a, b), _mm256_unpackhi_epi64(a, b)),
            _ => (
                _mm256_blend_epi32::<0xaa>(a, _mm256_slli_epi64::<32>(b)),
                _mm256_blend_epi32::<0xaa>(odd!(a), b),
            ),
        })
    }

    #[inline(always)]
    fn interleave(self, a: Self::Vector, b: Self::Vector) -> (Self::Vector, Self::Vector) {
        register!({
            let (low, high) = (_mm256_unpacklo_epi32(a, b), _mm256_unpackhi_epi32(a, b));
            (
                _mm256_permute2x128_si256::<0x20>(low, high),
                _mm256_permute2x128_si256::<0x31>(low, high),
            )
        })
    }

    #[inline(always)]
    fn deinterleave(self, a: Self::Vector, b: Self::Vector) -> (Self::Vector, Self::Vector) {
        register!({
            let indices = _mm256_setr_epi32(0, 2, 4, 6, 1, 3, 5, 7);
            let a = _mm256_permutevar8x32_epi32(a, indices);
            let b = _mm256_permutevar8x32_epi32(b, indices);
            (_mm256_permute2x128_si256::<0x20>(a, b), _mm256_permute2x128_si256::<0x31>(a, b))
        })
    }

    #[inline(always)]
    fn zero(self) -> Self::Sums {
        let zero = register!(_mm256_setzero_si256());
        Sums { even: zero, odd: zero }
    }

    #[inline(always)]
    fn mul_add(self, sums: Self::Sums, a: Self::Vector, b: Self::Vector) -> Self::Sums {
        register!(Sums {
            even: _mm256_add_epi64(sums.even, _mm256_mul_epu32(a, b)),
            odd: _mm256_add_epi64(sums.odd, _mm256_mul_epu32(odd!(a), odd!(b))),
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
            let even = _mm256_mul_epu32(a, b);
            let odd = _mm256_mul_epu32(odd!(a), odd!(b));
            let sums = Sums {
                even: _mm256_add_epi64(sums.even, even),
                odd: _mm256_add_epi64(sums.odd, odd),
            };
            let high = Sums {
                even: _mm256_add_epi64(high.even, odd!(even)),
                odd: _mm256_add_epi64(high.odd, odd!(odd)),
            };
            (sums, high)
        })
    }

    #[inline(always)]
    fn halves(self, Sums { even, odd }: Self::Sums) -> (Self::Vector, Self::Vector) {
        register!((
            _mm256_blend_epi32::<0xaa>(even, _mm256_slli_epi64::<32>(odd)),
            _mm256_blend_epi32::<0xaa>(odd!(even), odd),
        ))
    }
}
