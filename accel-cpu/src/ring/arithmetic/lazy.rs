//! Arithmetic modulo a prime of which eight times fit a word. A word's bound is some multiple of p;
//! a settled one is below 4p.
//!
//! Source: Harvey, "Faster arithmetic for number-theoretic transforms" (2014).

use super::{Field, Pair, below};
use crate::arch::lanes::Lanes;
use crate::ring::modulus::Modulus;

#[derive(Clone, Copy)]
pub(in super::super) struct Lazy<L: Lanes> {
    lanes: L,
    p: L::Vector,
    two_p: L::Vector,
    four_p: L::Vector,
    /// `floor(2^32 / p)`.
    quotient: L::Vector,
    word: Pair<L>,
}

impl<L: Lanes> Lazy<L> {
    /// The product with a factor, below 2p; x is any word.
    #[inline(always)]
    fn product(self, x: L::Vector, w: Pair<L>) -> L::Vector {
        // The quotient of x w / p is too small by at most 1.
        let quotient = w.mul_high(self.lanes, x);
        let product = self.lanes.mul_low(x, w.low);
        self.lanes.sub(product, self.lanes.mul_low(quotient, self.p))
    }

    /// Any word, below 2p.
    #[inline(always)]
    fn reduce(self, x: L::Vector) -> L::Vector {
        let quotient = self.lanes.mul_high(x, self.quotient, self.quotient);
        self.lanes.sub(x, self.lanes.mul_low(quotient, self.p))
    }
}

impl<L: Lanes> Field<L> for Lazy<L> {
    type Sums = L::Sums;
    /// And a residue besides. Of settled words and residues: sixteen.
    const TERMS: usize = 63;

    #[inline(always)]
    fn new(lanes: L, modulus: &Modulus) -> Self {
        let p = modulus.value;
        Self {
            lanes,
            p: lanes.splat(p),
            two_p: lanes.splat(2 * p),
            four_p: lanes.splat(4 * p),
            quotient: lanes.splat(modulus.one.high),
            word: Pair::splat(lanes, modulus.word),
        }
    }

    #[inline(always)]
    fn lanes(self) -> L {
        self.lanes
    }

    /// Adds 2p to the bound; `REDUCE` takes a from below 8p to below 4p before it begins.
    #[inline(always)]
    fn split<const REDUCE: bool>(
        self,
        a: L::Vector,
        b: L::Vector,
        w: Pair<L>,
    ) -> (L::Vector, L::Vector) {
        let lanes = self.lanes;
        let a = if REDUCE { below(lanes, self.four_p, a) } else { a };
        let product = self.product(b, w);
        (lanes.add(a, product), lanes.sub(lanes.add(a, self.two_p), product))
    }

    /// From words below 2p, to such.
    #[inline(always)]
    fn join(self, a: L::Vector, b: L::Vector, w: Pair<L>) -> (L::Vector, L::Vector) {
        let lanes = self.lanes;
        let difference = lanes.sub(lanes.add(a, self.two_p), b);
        (below(lanes, self.two_p, lanes.add(a, b)), self.product(difference, w))
    }

    #[inline(always)]
    fn settle(self, x: L::Vector) -> L::Vector {
        below(self.lanes, self.four_p, x)
    }

    #[inline(always)]
    fn residue(self, x: L::Vector) -> L::Vector {
        below(self.lanes, self.p, below(self.lanes, self.two_p, x))
    }

    #[inline(always)]
    fn settle_byte(self, x: L::Vector) -> L::Vector {
        self.lanes.add(x, self.p)
    }

    #[inline(always)]
    fn mul(self, x: L::Vector, w: Pair<L>) -> L::Vector {
        below(self.lanes, self.p, self.product(x, w))
    }

    #[inline(always)]
    fn mul_then_add(self, x: L::Vector, w: Pair<L>, a: L::Vector) -> L::Vector {
        self.lanes.add(self.product(x, w), a)
    }

    #[inline(always)]
    fn add(self, a: L::Vector, b: L::Vector) -> L::Vector {
        below(self.lanes, self.p, self.lanes.add(a, b))
    }

    #[inline(always)]
    fn zero(self) -> Self::Sums {
        self.lanes.zero()
    }

    #[inline(always)]
    fn mul_add(self, sums: Self::Sums, a: L::Vector, b: L::Vector) -> Self::Sums {
        self.lanes.mul_add(sums, a, b)
    }

    #[inline(always)]
    fn residues(self, sums: Self::Sums) -> L::Vector {
        let (low, high) = self.lanes.halves(sums);
        self.residue(self.lanes.add(self.product(high, self.word), self.reduce(low)))
    }
}
