//! Arithmetic modulo a prime above `2^31`. Any word is a settled one, and every sum is corrected by
//! its carry.
//!
//! Source: Montgomery, "Modular multiplication without trial division" (1985), with both products by
//! the factor precomputed.

use super::{Field, Pair, below};
use crate::arch::lanes::Lanes;
use crate::ring::modulus::Modulus;

#[derive(Clone, Copy)]
pub(in super::super) struct Full<L: Lanes> {
    lanes: L,
    p: L::Vector,
    word: Pair<L>,
}

/// Sums of products in 96 bits.
#[derive(Clone, Copy)]
pub(in super::super) struct Sums<L: Lanes> {
    /// Modulo `2^64`.
    products: L::Sums,
    /// Of the high halves of the products alone.
    high: L::Sums,
}

impl<L: Lanes> Field<L> for Full<L> {
    type Sums = Sums<L>;
    /// Of any words.
    const TERMS: usize = 1 << 31;

    #[inline(always)]
    fn new(lanes: L, modulus: &Modulus) -> Self {
        Self { lanes, p: lanes.splat(modulus.value), word: Pair::splat(lanes, modulus.word) }
    }

    #[inline(always)]
    fn lanes(self) -> L {
        self.lanes
    }

    /// From any words, to such.
    #[inline(always)]
    fn split<const REDUCE: bool>(
        self,
        a: L::Vector,
        b: L::Vector,
        w: Pair<L>,
    ) -> (L::Vector, L::Vector) {
        let product = self.mul(b, w);
        (self.lanes.add_mod(a, product, self.p), self.lanes.sub_mod(a, product, self.p))
    }

    /// From residues, to such.
    #[inline(always)]
    fn join(self, a: L::Vector, b: L::Vector, w: Pair<L>) -> (L::Vector, L::Vector) {
        (self.add(a, b), self.mul(self.lanes.sub_mod(a, b, self.p), w))
    }

    #[inline(always)]
    fn settle(self, x: L::Vector) -> L::Vector {
        x
    }

    #[inline(always)]
    fn residue(self, x: L::Vector) -> L::Vector {
        below(self.lanes, self.p, x)
    }

    #[inline(always)]
    fn settle_byte(self, x: L::Vector) -> L::Vector {
        self.lanes.add(x, self.p)
    }

    #[inline(always)]
    fn mul(self, x: L::Vector, w: Pair<L>) -> L::Vector {
        let lanes = self.lanes;
        // The multiple of p whose low half is that of x w; both high halves are below p.
        let multiple = lanes.mul_low(x, w.low);
        lanes.sub_mod(w.mul_high(lanes, x), lanes.mul_high(multiple, self.p, self.p), self.p)
    }

    #[inline(always)]
    fn mul_then_add(self, x: L::Vector, w: Pair<L>, a: L::Vector) -> L::Vector {
        self.lanes.add_mod(self.mul(x, w), a, self.p)
    }

    #[inline(always)]
    fn add(self, a: L::Vector, b: L::Vector) -> L::Vector {
        self.lanes.sub_mod(a, self.lanes.sub(self.p, b), self.p)
    }

    #[inline(always)]
    fn zero(self) -> Self::Sums {
        Sums { products: self.lanes.zero(), high: self.lanes.zero() }
    }

    #[inline(always)]
    fn mul_add(self, Sums { products, high }: Sums<L>, a: L::Vector, b: L::Vector) -> Sums<L> {
        let (products, high) = self.lanes.mul_add_high(products, high, a, b);
        Sums { products, high }
    }

    #[inline(always)]
    fn residues(self, Sums { products, high }: Sums<L>) -> L::Vector {
        let lanes = self.lanes;
        let (low, middle) = lanes.halves(products);
        let (high, top) = lanes.halves(high);
        // The sum is low + 2^32 (carried + high) + 2^64 top; carried is below the number of terms,
        // and so below p.
        let carried = lanes.sub(middle, high);
        let middle = lanes.add_mod(high, carried, self.p);
        let middle = lanes.add_mod(middle, self.mul(top, self.word), self.p);
        self.residue(lanes.add_mod(low, self.mul(middle, self.word), self.p))
    }
}
