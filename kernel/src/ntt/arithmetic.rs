//! The arithmetic of butterflies: products with tabulated factors after Montgomery, R = 2^32.
//!
//! A factor w is tabulated as `w R` modulo p, so that a product costs two wide multiplications and a
//! narrow one. Source: Montgomery, "Modular multiplication without trial division" (1985).

use crate::prime::Prime;

/// Which integers stand for a residue between the layers of a transform.
///
/// What goes in is canonical, or has come from the functions here.
pub(super) trait Arithmetic: Copy {
    /// `x w`, for a tabulated w.
    fn mul(self, x: u32, w: u32) -> u32;
    /// `x + y`.
    fn add(self, x: u32, y: u32) -> u32;
    /// `x - y`, for a y of at most `MULTIPLE * p`.
    fn sub<const MULTIPLE: u32>(self, x: u32, y: u32) -> u32;
    /// x, near the range of canonical residues if it was not.
    fn shrink(self, x: u32) -> u32;
    /// The canonical residue of a product or of what has been shrunk.
    fn canonical(self, x: u32) -> u32;
}

/// Whether the transforms modulo a prime of so many bits are [`Lazy`]; else they are [`Canonical`].
pub(super) const fn is_lazy(bits: u32) -> bool {
    16 < bits && bits <= 28
}

/// The residue `x` as a factor.
pub(super) const fn tabulate(p: u32, x: u32) -> u32 {
    (((x as u64) << u32::BITS) % p as u64) as u32
}

/// `1 / p` modulo `2^32`.
const fn inverse_of_odd(p: u32) -> u32 {
    // p is its own inverse modulo 8, and each of Newton's steps doubles the bits that are right.
    let (mut inverse, mut step) = (p, 0);
    while step < 4 {
        inverse = inverse.wrapping_mul(2_u32.wrapping_sub(p.wrapping_mul(inverse)));
        step += 1;
    }
    inverse
}

const fn high(x: u64) -> u32 {
    (x >> u32::BITS) as u32
}

/// `x` or `x + p`, with p where a subtraction has borrowed.
#[inline(always)]
fn add_where(borrow: bool, x: u32, p: u32) -> u32 {
    x.wrapping_add(p & u32::from(borrow).wrapping_neg())
}

/// Canonical residues throughout, modulo any odd p.
#[derive(Clone, Copy)]
pub(super) struct Canonical {
    p: u32,
    /// `1 / p` modulo `2^32`.
    inverse: u32,
}

impl Canonical {
    pub(super) const fn new<P: Prime>() -> Self {
        Self { p: P::VALUE, inverse: inverse_of_odd(P::VALUE) }
    }
}

impl Arithmetic for Canonical {
    #[inline(always)]
    fn mul(self, x: u32, w: u32) -> u32 {
        let product = u64::from(x) * u64::from(w);
        let m = (product as u32).wrapping_mul(self.inverse);
        // The lower halves of the product and of m p are the same.
        self.sub::<1>(high(product), high(u64::from(m) * u64::from(self.p)))
    }

    #[inline(always)]
    fn add(self, x: u32, y: u32) -> u32 {
        // x + y - p, which carries exactly if it is not negative.
        let (sum, carry) = x.wrapping_sub(self.p).overflowing_add(y);
        add_where(!carry, sum, self.p)
    }

    #[inline(always)]
    fn sub<const MULTIPLE: u32>(self, x: u32, y: u32) -> u32 {
        let (difference, borrow) = x.overflowing_sub(y);
        add_where(borrow, difference, self.p)
    }

    #[inline(always)]
    fn shrink(self, x: u32) -> u32 {
        x
    }

    #[inline(always)]
    fn canonical(self, x: u32) -> u32 {
        x
    }
}

/// Words up to 16 p, for primes `2^BITS - 2^SHIFT + 1` of 17 to 28 bits.
///
/// A product is below `p + x p / 2^32`, thus below 2 p, and below 1.75 p where x is below 12 p. A word that has been
/// shrunk is below 1.1 p.
#[derive(Clone, Copy)]
pub(super) struct Lazy {
    p: u32,
    bits: u32,
    /// `-1 / p` modulo `2^32`.
    minus_inverse: u32,
}

impl Lazy {
    pub(super) const fn new<P: Prime>() -> Self {
        let minus_inverse = inverse_of_odd(P::VALUE).wrapping_neg();
        Self { p: P::VALUE, bits: P::BITS, minus_inverse }
    }
}

impl Arithmetic for Lazy {
    #[inline(always)]
    fn mul(self, x: u32, w: u32) -> u32 {
        let product = u64::from(x) * u64::from(w);
        let m = (product as u32).wrapping_mul(self.minus_inverse);
        // The lower half of the sum is zero.
        high(product + u64::from(m) * u64::from(self.p))
    }

    #[inline(always)]
    fn add(self, x: u32, y: u32) -> u32 {
        x.wrapping_add(y)
    }

    #[inline(always)]
    fn sub<const MULTIPLE: u32>(self, x: u32, y: u32) -> u32 {
        x.wrapping_sub(y).wrapping_add(MULTIPLE.wrapping_mul(self.p))
    }

    #[inline(always)]
    fn shrink(self, x: u32) -> u32 {
        // Below 2^bits, and (2^SHIFT - 1) * (x >> bits) more.
        x.wrapping_sub((x >> self.bits).wrapping_mul(self.p))
    }

    #[inline(always)]
    fn canonical(self, x: u32) -> u32 {
        let (difference, borrow) = x.overflowing_sub(self.p);
        add_where(borrow, difference, self.p)
    }
}
