//! Arithmetic modulo a prime on vectors: *lazy* where the prime leaves bits of a word free, *full*
//! where it does not.
//!
//! Words stand for residues, and are congruent to them. The words that steps of a transform take
//! and leave have bounds of their own in each arithmetic; *settled* words are those that a transform
//! may begin with, and that products may be summed of.

mod full;
mod lazy;
#[cfg(test)]
mod tests;

pub(super) use full::Full;
pub(super) use lazy::Lazy;

use super::modulus::{Factor, Modulus};
use crate::arch::lanes::Lanes;

/// A modulus in registers, and how to compute with it.
pub(super) trait Field<L: Lanes>: Copy {
    /// Sums of products.
    type Sums: Copy;
    /// Products of residues that sums hold.
    const TERMS: usize;

    fn new(lanes: L, modulus: &Modulus) -> Self;
    fn lanes(self) -> L;

    /// `(a + w b, a - w b)`: a step of a forward transform, from settled words. The first two
    /// steps may go without `REDUCE`, and then every second one.
    fn split<const REDUCE: bool>(
        self,
        a: L::Vector,
        b: L::Vector,
        w: Pair<L>,
    ) -> (L::Vector, L::Vector);
    /// `(a + b, (a - b) w)`: a step of an inverse transform, from residues or what such steps leave.
    fn join(self, a: L::Vector, b: L::Vector, w: Pair<L>) -> (L::Vector, L::Vector);
    /// What steps of a forward transform have left, settled.
    fn settle(self, x: L::Vector) -> L::Vector;
    /// The residue of a settled word.
    fn residue(self, x: L::Vector) -> L::Vector;
    /// A byte with its sign, settled.
    fn settle_byte(self, x: L::Vector) -> L::Vector;

    /// The residue of the product of any word and a factor.
    fn mul(self, x: L::Vector, w: Pair<L>) -> L::Vector;
    /// `x w + a`, settled, of any word and a residue.
    fn mul_then_add(self, x: L::Vector, w: Pair<L>, a: L::Vector) -> L::Vector;
    /// The sum of residues.
    fn add(self, a: L::Vector, b: L::Vector) -> L::Vector;

    /// Sums of nothing.
    fn zero(self) -> Self::Sums;
    /// `sums + a b`.
    fn mul_add(self, sums: Self::Sums, a: L::Vector, b: L::Vector) -> Self::Sums;
    /// The residues of sums.
    fn residues(self, sums: Self::Sums) -> L::Vector;
}

/// Evaluates an expression with the arithmetic of a modulus.
macro_rules! with_field {
    ($lanes:expr, $modulus:expr, $field:ident => $body:expr) => {
        match $modulus.width {
            $crate::ring::modulus::Width::Narrow => {
                let $field: $crate::ring::arithmetic::Lazy<_> =
                    $crate::ring::arithmetic::Field::new($lanes, $modulus);
                $body
            }
            $crate::ring::modulus::Width::Full => {
                let $field: $crate::ring::arithmetic::Full<_> =
                    $crate::ring::arithmetic::Field::new($lanes, $modulus);
                $body
            }
        }
    };
}
pub(super) use with_field;

/// A factor in registers, or a vector of factors.
#[derive(Clone, Copy)]
pub(super) struct Pair<L: Lanes> {
    low: L::Vector,
    high: L::Vector,
    /// The words of `high` at odd places.
    odd: L::Vector,
}

impl<L: Lanes> Pair<L> {
    #[inline(always)]
    pub(super) fn new(lanes: L, low: L::Vector, high: L::Vector) -> Self {
        Self { low, high, odd: lanes.odd(high) }
    }

    #[inline(always)]
    pub(super) fn splat(lanes: L, factor: Factor) -> Self {
        // The same word everywhere needs no shift.
        let high = lanes.splat(factor.high);
        Self { low: lanes.splat(factor.low), high, odd: high }
    }

    /// The high halves of products with `x`.
    #[inline(always)]
    fn mul_high(self, lanes: L, x: L::Vector) -> L::Vector {
        lanes.mul_high(x, self.high, self.odd)
    }
}

/// `x - bound` where that is not below 0, for the same number below `max(bound, 2^32 - bound)`.
#[inline(always)]
fn below<L: Lanes>(lanes: L, bound: L::Vector, x: L::Vector) -> L::Vector {
    lanes.min(x, lanes.sub(x, bound))
}
