use super::lanes::Lanes;

/// Vectors in plain Rust: the compiler finds the instructions of what it builds for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PortableLanes<const COUNT: usize = 8>;

#[inline(always)]
fn map<const COUNT: usize>(
    a: [u32; COUNT],
    b: [u32; COUNT],
    f: impl Fn(u32, u32) -> u32,
) -> [u32; COUNT] {
    core::array::from_fn(
        #[inline(always)]
        |i| f(a[i], b[i]),
    )
}

/// Words whose sign bits say where `a - b` borrows. Logic instead of a comparison: compilers make no
/// condition of it, and vectors where these have no comparison without signs.
#[inline(always)]
fn borrows<const COUNT: usize>(a: [u32; COUNT], b: [u32; COUNT]) -> [u32; COUNT] {
    map(
        a,
        b,
        #[inline(always)]
        |a, b| (!a & b) | ((!a | b) & a.wrapping_sub(b)),
    )
}

/// The words whose sign bits are set in `signs`, 0 for others.
#[inline(always)]
fn masked<const COUNT: usize>(words: [u32; COUNT], signs: [u32; COUNT]) -> [u32; COUNT] {
    map(
        words,
        signs,
        #[inline(always)]
        |word, sign| word & (sign as i32 >> 31) as u32,
    )
}

impl<const COUNT: usize> Lanes for PortableLanes<COUNT> {
    const COUNT: usize = COUNT;
    const MANY_REGISTERS: bool = false;
    type Vector = [u32; COUNT];
    type Words = [u32; COUNT];
    type Sums = [u64; COUNT];

    #[inline(always)]
    fn run<A>(self, f: impl FnOnce() -> A) -> A {
        f()
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
        *words
    }

    #[inline(always)]
    fn store(self, vector: Self::Vector, words: &mut Self::Words) {
        *words = vector;
    }

    #[inline(always)]
    fn splat(self, word: u32) -> Self::Vector {
        [word; COUNT]
    }

    #[inline(always)]
    fn repeat(self, words: &[u32], repeat: usize) -> Self::Vector {
        core::array::from_fn(
            #[inline(always)]
            |i| words[i / repeat],
        )
    }

    #[inline(always)]
    fn extend(self, bytes: &[i8]) -> Self::Vector {
        let bytes = &bytes.as_chunks::<COUNT>().0[0];
        bytes.map(
            #[inline(always)]
            |byte| i32::from(byte) as u32,
        )
    }

    #[inline(always)]
    fn add(self, a: Self::Vector, b: Self::Vector) -> Self::Vector {
        map(a, b, u32::wrapping_add)
    }

    #[inline(always)]
    fn sub(self, a: Self::Vector, b: Self::Vector) -> Self::Vector {
        map(a, b, u32::wrapping_sub)
    }

    #[inline(always)]
    fn add_mod(self, a: Self::Vector, b: Self::Vector, p: Self::Vector) -> Self::Vector {
        let sum = self.add(a, b);
        self.sub(sum, masked(p, borrows(sum, b)))
    }

    #[inline(always)]
    fn sub_mod(self, a: Self::Vector, b: Self::Vector, p: Self::Vector) -> Self::Vector {
        self.add(self.sub(a, b), masked(p, borrows(a, b)))
    }

    #[inline(always)]
    fn min(self, a: Self::Vector, b: Self::Vector) -> Self::Vector {
        map(a, b, u32::min)
    }

    #[inline(always)]
    fn mul_low(self, a: Self::Vector, b: Self::Vector) -> Self::Vector {
        map(a, b, u32::wrapping_mul)
    }

    #[inline(always)]
    fn odd(self, a: Self::Vector) -> Self::Vector {
        a
    }

    #[inline(always)]
    fn mul_high(self, a: Self::Vector, b: Self::Vector, _: Self::Vector) -> Self::Vector {
        map(
            a,
            b,
            #[inline(always)]
            |a, b| ((u64::from(a) * u64::from(b)) >> 32) as u32,
        )
    }

    #[inline(always)]
    fn exchange(
        self,
        block: usize,
        a: Self::Vector,
        b: Self::Vector,
    ) -> (Self::Vector, Self::Vector) {
        let (mut low, mut high) = (a, b);
        for i in 0..COUNT {
            if i & block == 0 {
                high[i] = a[i + block];
            } else {
                low[i] = b[i - block];
            }
        }
        (low, high)
    }

    #[inline(always)]
    fn interleave(self, a: Self::Vector, b: Self::Vector) -> (Self::Vector, Self::Vector) {
        let (mut low, mut high) = (a, b);
        for i in 0..COUNT / 2 {
            (low[2 * i], low[2 * i + 1]) = (a[i], b[i]);
            (high[2 * i], high[2 * i + 1]) = (a[i + COUNT / 2], b[i + COUNT / 2]);
        }
        (low, high)
    }

    #[inline(always)]
    fn deinterleave(self, a: Self::Vector, b: Self::Vector) -> (Self::Vector, Self::Vector) {
        let (mut even, mut odd) = (a, b);
        for i in 0..COUNT / 2 {
            (even[i], odd[i]) = (a[2 * i], a[2 * i + 1]);
            (even[i + COUNT / 2], odd[i + COUNT / 2]) = (b[2 * i], b[2 * i + 1]);
        }
        (even, odd)
    }

    #[inline(always)]
    fn zero(self) -> Self::Sums {
        [0; COUNT]
    }

    #[inline(always)]
    fn mul_add(self, mut sums: Self::Sums, a: Self::Vector, b: Self::Vector) -> Self::Sums {
        for i in 0..COUNT {
            sums[i] += u64::from(a[i]) * u64::from(b[i]);
        }
        sums
    }

    #[inline(always)]
    fn mul_add_high(
        self,
        sums: Self::Sums,
        high: Self::Sums,
        a: Self::Vector,
        b: Self::Vector,
    ) -> (Self::Sums, Self::Sums) {
        let (mut sums, mut high) = (sums, high);
        for i in 0..COUNT {
            let product = u64::from(a[i]) * u64::from(b[i]);
            sums[i] = sums[i].wrapping_add(product);
            high[i] += product >> 32;
        }
        (sums, high)
    }

    #[inline(always)]
    fn halves(self, sums: Self::Sums) -> (Self::Vector, Self::Vector) {
        (
            sums.map(
                #[inline(always)]
                |sum| sum as u32,
            ),
            sums.map(
                #[inline(always)]
                |sum| (sum >> 32) as u32,
            ),
        )
    }
}
