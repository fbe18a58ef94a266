//! Vectors of 32-bit words: what direct mode's arithmetic is written in.
//!
//! Code over [`Lanes`] is plain safe Rust, marked `#[inline(always)]` all the way down; it becomes
//! the instructions of a level where it is called within [`Lanes::run`].

/// The vectors of an instruction set. Holding a value is the proof that the processor has it.
pub(crate) trait Lanes: Copy + Send + Sync + 'static {
    /// Words in a vector: a power of two, 4 to 16.
    const COUNT: usize;
    /// Whether sixteen vectors and what a step needs beside them fit into the registers.
    const MANY_REGISTERS: bool;
    /// A vector in registers.
    type Vector: Copy;
    /// A vector in memory.
    type Words: Copy + AsRef<[u32]> + AsMut<[u32]>;
    /// As many 64-bit sums as a vector has words.
    type Sums: Copy;

    /// Calls `f` where the instructions may be used. `f` and what it calls must be inlined.
    fn run<A>(self, f: impl FnOnce() -> A) -> A;

    /// The words as vectors; what remains is left out.
    fn vectors(words: &[u32]) -> &[Self::Words];
    /// The words as vectors; what remains is left out.
    fn vectors_mut(words: &mut [u32]) -> &mut [Self::Words];
    /// A vector that starts anywhere.
    fn at(words: &[u32], start: usize) -> &Self::Words;

    /// From memory.
    fn load(self, words: &Self::Words) -> Self::Vector;
    /// To memory.
    fn store(self, vector: Self::Vector, words: &mut Self::Words);
    /// The same word everywhere.
    fn splat(self, word: u32) -> Self::Vector;
    /// Each of the first words `repeat` times, a power of two up to half a vector.
    fn repeat(self, words: &[u32], repeat: usize) -> Self::Vector;
    /// The bytes with their signs, as words.
    fn extend(self, bytes: &[i8]) -> Self::Vector;

    /// `a + b` modulo 2^32.
    fn add(self, a: Self::Vector, b: Self::Vector) -> Self::Vector;
    /// `a - b` modulo 2^32.
    fn sub(self, a: Self::Vector, b: Self::Vector) -> Self::Vector;
    /// `a + b`, less p where that carries.
    fn add_mod(self, a: Self::Vector, b: Self::Vector, p: Self::Vector) -> Self::Vector;
    /// `a - b`, plus p where that borrows.
    fn sub_mod(self, a: Self::Vector, b: Self::Vector, p: Self::Vector) -> Self::Vector;
    /// The smaller, without signs.
    fn min(self, a: Self::Vector, b: Self::Vector) -> Self::Vector;
    /// The low halves of the products.
    fn mul_low(self, a: Self::Vector, b: Self::Vector) -> Self::Vector;
    /// The high halves of the products; `odd_b` has the words of b at odd places at the even ones
    /// before them, and anything at odd places.
    fn mul_high(self, a: Self::Vector, b: Self::Vector, odd_b: Self::Vector) -> Self::Vector;
    /// The words at odd places, at the even ones before them.
    fn odd(self, a: Self::Vector) -> Self::Vector;

    /// Takes two vectors as matrices of blocks of `block` words, and transposes each pair of pairs:
    /// `[a0 a1 a2 a3 ..], [b0 b1 b2 b3 ..]` become `[a0 b0 a2 b2 ..], [a1 b1 a3 b3 ..]`.
    /// `block` is a power of two, at most half a vector.
    fn exchange(
        self,
        block: usize,
        a: Self::Vector,
        b: Self::Vector,
    ) -> (Self::Vector, Self::Vector);
    /// `[a0 a1 ..], [b0 b1 ..]` become `[a0 b0 a1 b1 ..]`, in two vectors.
    fn interleave(self, a: Self::Vector, b: Self::Vector) -> (Self::Vector, Self::Vector);
    /// The inverse of [`Lanes::interleave`].
    fn deinterleave(self, a: Self::Vector, b: Self::Vector) -> (Self::Vector, Self::Vector);

    /// Sums of nothing.
    fn zero(self) -> Self::Sums;
    /// `sums + a * b`, in 64 bits.
    fn mul_add(self, sums: Self::Sums, a: Self::Vector, b: Self::Vector) -> Self::Sums;
    /// `sums + a * b` modulo 2^64, and `high` plus the high halves of the products alone.
    fn mul_add_high(
        self,
        sums: Self::Sums,
        high: Self::Sums,
        a: Self::Vector,
        b: Self::Vector,
    ) -> (Self::Sums, Self::Sums);
    /// The low and the high halves of the sums.
    fn halves(self, sums: Self::Sums) -> (Self::Vector, Self::Vector);
}

/// Evaluates an expression with every kind of vectors that the processor has.
#[cfg(test)]
macro_rules! with_every_lanes {
    ($lanes:ident => $body:expr) => {{
        use $crate::arch::portable_lanes::PortableLanes;
        {
            let $lanes = PortableLanes::<4>;
            $body;
        }
        {
            let $lanes = PortableLanes::<8>;
            $body;
        }
        #[cfg(target_arch = "x86_64")]
        {
            use $crate::arch::x86_64::{Avx2Lanes, Avx512Lanes};
            if let Some($lanes) = Avx2Lanes::detect() {
                $body;
            }
            if let Some($lanes) = Avx512Lanes::detect() {
                $body;
            }
        }
    }};
}
#[cfg(test)]
pub(crate) use with_every_lanes;
