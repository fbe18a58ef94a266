//! The arithmetic of butterflies: products with tabulated factors after Montgomery, R = 2^32.
//!
//! A factor w is tabulated as `w R` modulo p, so that a product costs two wide multiplications and a
//! narrow one. Source: Montgomery, "Modular multiplication without trial division" (1985).

use crate::prime::Prime;
use core::marker::PhantomData;

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

/// Canonical residues throughout, modulo any odd p.
///
/// Of a type, not of a value: where p is no constant, compilers turn masks of borrows into branches.
#[derive(Clone, Copy)]
pub(super) struct Canonical<P>(PhantomData<P>);

impl<P: Prime> Canonical<P> {
    pub(super) const fn new() -> Self {
        Self(PhantomData)
    }
}

impl<P: Prime> Arithmetic for Canonical<P> {
    #[inline(always)]
    fn mul(self, x: u32, w: u32) -> u32 {
        let product = u64::from(x) * u64::from(w);
        let m = (product as u32).wrapping_mul(const { inverse_of_odd(P::VALUE) });
        // The lower halves of the product and of m p are the same.
        P::sub(high(product), high(u64::from(m) * u64::from(P::VALUE)))
    }

    #[inline(always)]
    fn add(self, x: u32, y: u32) -> u32 {
        // x + y - p, which carries exactly if it is not negative.
        let (sum, carry) = x.wrapping_sub(P::VALUE).overflowing_add(y);
        sum.wrapping_add(P::VALUE & u32::from(!carry).wrapping_neg())
    }

    #[inline(always)]
    fn sub<const MULTIPLE: u32>(self, x: u32, y: u32) -> u32 {
        P::sub(x, y)
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
        // Below 2 p, which is far below 2^31.
        let difference = x.wrapping_sub(self.p);
        difference.wrapping_add(self.p & ((difference as i32) >> 31) as u32)
    }
}
