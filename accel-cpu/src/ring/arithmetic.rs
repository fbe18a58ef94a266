//! Arithmetic modulo a prime on vectors. Words are *lazy*: congruent to the residue, and below the
//! multiple of p that is said; eight times p fits a word.

use super::modulus::{Factor, Modulus};
use crate::arch::lanes::Lanes;

/// A modulus in registers.
#[derive(Clone, Copy)]
pub(super) struct Field<L: Lanes> {
    pub(super) lanes: L,
    pub(super) p: L::Vector,
    pub(super) two_p: L::Vector,
    pub(super) four_p: L::Vector,
    quotient: L::Vector,
    word: Pair<L>,
}

/// A factor in registers, or a vector of factors.
#[derive(Clone, Copy)]
pub(super) struct Pair<L: Lanes> {
    value: L::Vector,
    quotient: L::Vector,
    /// The quotient's words at odd places.
    odd: L::Vector,
}

impl<L: Lanes> Pair<L> {
    #[inline(always)]
    pub(super) fn new(lanes: L, value: L::Vector, quotient: L::Vector) -> Self {
        Self { value, quotient, odd: lanes.odd(quotient) }
    }

    #[inline(always)]
    pub(super) fn splat(lanes: L, factor: Factor) -> Self {
        // The same word everywhere needs no shift.
        let quotient = lanes.splat(factor.quotient);
        Self { value: lanes.splat(factor.value), quotient, odd: quotient }
    }
}

impl<L: Lanes> Field<L> {
    #[inline(always)]
    pub(super) fn new(lanes: L, modulus: &Modulus) -> Self {
        let p = modulus.value;
        Self {
            lanes,
            p: lanes.splat(p),
            two_p: lanes.splat(2 * p),
            four_p: lanes.splat(4 * p),
            quotient: lanes.splat(modulus.quotient),
            word: Pair::splat(lanes, modulus.word),
        }
    }

    /// `x - bound` where that is not below 0, for the same number below `max(bound, 2^32 - bound)`.
    #[inline(always)]
    pub(super) fn below(self, bound: L::Vector, x: L::Vector) -> L::Vector {
        self.lanes.min(x, self.lanes.sub(x, bound))
    }

    /// The residue, of a word below 4p.
    #[inline(always)]
    pub(super) fn canonical(self, x: L::Vector) -> L::Vector {
        self.below(self.p, self.below(self.two_p, x))
    }

    /// The product with a factor, below 2p; x is any word.
    #[inline(always)]
    pub(super) fn mul(self, x: L::Vector, factor: Pair<L>) -> L::Vector {
        // The quotient of x w / p is too small by at most 1.
        let quotient = self.lanes.mul_high(x, factor.quotient, factor.odd);
        let product = self.lanes.mul_low(x, factor.value);
        self.lanes.sub(product, self.lanes.mul_low(quotient, self.p))
    }

    /// Any word, below 2p.
    #[inline(always)]
    pub(super) fn reduce(self, x: L::Vector) -> L::Vector {
        let quotient = self.lanes.mul_high(x, self.quotient, self.quotient);
        self.lanes.sub(x, self.lanes.mul_low(quotient, self.p))
    }

    /// The residues of sums.
    #[inline(always)]
    pub(super) fn residues(self, sums: L::Sums) -> L::Vector {
        let (low, high) = self.lanes.halves(sums);
        self.canonical(self.lanes.add(self.mul(high, self.word), self.reduce(low)))
    }

    /// The sum of residues.
    #[inline(always)]
    pub(super) fn add(self, a: L::Vector, b: L::Vector) -> L::Vector {
        self.below(self.p, self.lanes.add(a, b))
    }
}
