//! Arithmetic modulo primes of the special form `2^BITS - 2^SHIFT + 1`.
//!
//! Residues are canonical `u32` in `[0, p)` and use the full word where `p > 2^31`: sums carry
//! into a 33rd bit, so nothing here is lazy. Modulo [`T`] and [`Delta`] every function runs in time
//! that depends on its types alone, except those ending in `_vartime`. The toy primes of the feature
//! `hazmat` divide: nothing modulo them is constant-time. (The multiplier has to play its part: that
//! of a Cortex-M3 takes less time for small factors.)
//!
//! ```
//! use kernel::prime::{Prime, T};
//!
//! let minus_two = T::from_i32(-2);
//! assert_eq!(minus_two, T::VALUE - 2);
//! assert_eq!(T::centre(T::mul(minus_two, 21)), -42);
//! assert_eq!(T::mul(T::inv(minus_two), minus_two), 1);
//! ```

mod id;
#[cfg(test)]
mod tests;

pub use id::PrimeId;

mod sealed {
    pub trait Sealed {}
}

/// A prime modulus `p = 2^BITS - 2^SHIFT + 1`, as a type.
///
/// Residues in and out are canonical; unless a function says otherwise, what it returns for others
/// is unspecified.
///
/// `2^BITS = 2^SHIFT - 1 (mod p)`, so a wide value is reduced by folding its high part down with
/// two shifts and a subtraction; no multiplication and no division is needed.
///
/// Code that serves every prime is generic over it:
///
/// ```
/// use kernel::prime::{Delta, Prime, T};
///
/// /// The value at `x` of the polynomial with these coefficients, the constant first.
/// fn evaluate<P: Prime>(coefficients: &[i64], x: u32) -> u32 {
///     coefficients.iter().rev().fold(0, |acc, &c| P::add(P::mul(acc, x), P::from_i64(c)))
/// }
/// assert_eq!(evaluate::<T>(&[-1, 0, 3], 10), 299);
/// assert_eq!(Delta::centre(evaluate::<Delta>(&[-300, 0, 3], 1)), -297);
/// ```
pub trait Prime: sealed::Sealed + Copy + core::fmt::Debug + Send + Sync + 'static {
    /// Bits of a residue.
    const BITS: u32;
    /// The exponent of the middle term; `p - 1` is a multiple of `2^SHIFT`.
    const SHIFT: u32;
    /// A generator of the multiplicative group.
    const GENERATOR: u32;
    /// Powers of a primitive `2L`-th root of unity in bit-reversed order, `L` of them: the
    /// twiddle factors of every transform up to `N = L`.
    const TWIDDLES: &'static [u32];
    /// [`Self::TWIDDLES`] as [`ntt`](crate::ntt) multiplies with them.
    #[doc(hidden)]
    const FACTORS: &'static [u32];
    /// The lane of the public masks modulo this prime, see [`stream`](crate::stream).
    const MASK_LANE: u8;
    /// The modulus `p`.
    const VALUE: u32 = ((1_u64 << Self::BITS) - (1_u64 << Self::SHIFT) + 1) as u32;

    /// [`ntt::forward`](crate::ntt::forward). Here and below, because what a type implements is compiled
    /// with this crate, for speed, also into a program that is compiled for size.
    #[doc(hidden)]
    fn ntt_forward(polynomial: &mut [u32]);

    /// [`ntt::inverse`](crate::ntt::inverse).
    #[doc(hidden)]
    fn ntt_inverse(polynomial: &mut [u32]);

    /// `acc[i] += a[i] * b[i]`.
    #[doc(hidden)]
    fn mul_add_assign(acc: &mut [u32], a: &[u32], b: &[u32]);

    /// `acc[i] -= a[i] * b[i]`.
    #[doc(hidden)]
    fn mul_sub_assign(acc: &mut [u32], a: &[u32], b: &[u32]);

    /// One folding step: congruent to `x` modulo `p`, and smaller where `x` is wide.
    #[inline(always)]
    #[must_use]
    fn fold(x: u64) -> u64 {
        let high = x >> Self::BITS;
        let low = x & ((1_u64 << Self::BITS) - 1);
        (high << Self::SHIFT) - high + low
    }

    /// `x mod p` for any 64-bit `x`.
    #[inline(always)]
    #[must_use]
    fn reduce(x: u64) -> u32 {
        // Four folds bring any u64 below 2p for every prime of this module (see the tests).
        subtract_once::<Self>(Self::fold(Self::fold(Self::fold(Self::fold(x)))))
    }

    /// `a + b mod p`.
    #[inline(always)]
    #[must_use]
    fn add(a: u32, b: u32) -> u32 {
        // p - b is at most p and fits; a + b may not.
        Self::sub_from(a, Self::VALUE - b)
    }

    /// `a - b mod p`.
    #[inline(always)]
    #[must_use]
    fn sub(a: u32, b: u32) -> u32 {
        Self::sub_from(a, b)
    }

    /// `-a mod p`; 0 for 0.
    #[inline(always)]
    #[must_use]
    fn neg(a: u32) -> u32 {
        Self::sub_from(0, a)
    }

    /// `a - b mod p` for `a < p` and `b <= p`.
    #[doc(hidden)]
    #[inline(always)]
    fn sub_from(a: u32, b: u32) -> u32 {
        let (difference, borrow) = a.overflowing_sub(b);
        difference.wrapping_add(Self::VALUE & u32::from(borrow).wrapping_neg())
    }

    /// `a * b mod p`.
    #[inline(always)]
    #[must_use]
    fn mul(a: u32, b: u32) -> u32 {
        Self::reduce_product(u64::from(a) * u64::from(b))
    }

    /// `x mod p` for `x` at most `(p - 1)^2 + p`, a product and a residue. For a larger `x` the result
    /// is unspecified.
    #[inline(always)]
    #[must_use]
    fn reduce_product(x: u64) -> u32 {
        if Self::BITS <= 29 {
            return reduce_below_square::<Self>(x);
        }
        subtract_once::<Self>(Self::fold(Self::fold(Self::fold(x))))
    }

    /// `2^bits a + b mod p`.
    #[doc(hidden)]
    #[inline(always)]
    fn shift_add(a: u32, bits: u32, b: u32) -> u32 {
        let sum = (u64::from(a) << bits) + u64::from(b);
        if bits + Self::SHIFT + 2 <= Self::BITS {
            // The high part is at most 2^bits, so one fold gives less than 2^BITS + 2^(BITS - 2).
            subtract_once::<Self>(Self::fold(sum))
        } else {
            Self::reduce(sum)
        }
    }

    /// `a / 2^bits mod p`.
    #[doc(hidden)]
    #[inline(always)]
    fn shift_down(a: u32, bits: u32) -> u32 {
        if bits > Self::SHIFT {
            return Self::mul(a, Self::inv(Self::reduce(1 << bits)));
        }
        // p is 1 modulo 2^bits, and so a + k p is a multiple of it, and its quotient is below p.
        let k = a.wrapping_neg() & ((1 << bits) - 1);
        ((a + k) >> bits)
            .wrapping_add(k << (Self::BITS - bits))
            .wrapping_sub(k << (Self::SHIFT - bits))
    }

    /// The residue of `x`, for `|x| < p`.
    #[inline(always)]
    #[must_use]
    fn from_i32(x: i32) -> u32 {
        debug_assert!(i64::from(x).unsigned_abs() < u64::from(Self::VALUE));
        (x as u32).wrapping_add(Self::VALUE & (x >> 31) as u32)
    }

    /// The residue of any `x`, at once where the prime is above all of them.
    #[inline(always)]
    #[must_use]
    fn from_i8(x: i8) -> u32 {
        if Self::VALUE > 1 << 7 { Self::from_i32(x.into()) } else { Self::from_i64(x.into()) }
    }

    /// The residue of any `x`.
    #[inline(always)]
    #[must_use]
    fn from_i64(x: i64) -> u32 {
        let magnitude = Self::reduce(x.unsigned_abs());
        let negative = ((x >> 63) as u32) & u32::from(magnitude != 0).wrapping_neg();
        // Where negative: p - magnitude; else magnitude.
        (magnitude ^ negative).wrapping_sub(negative).wrapping_add(Self::VALUE & negative)
    }

    /// The representative of `a` in `[-(p-1)/2, (p-1)/2]`.
    #[inline(always)]
    #[must_use]
    fn centre(a: u32) -> i32 {
        let (_, above) = ((Self::VALUE - 1) / 2).overflowing_sub(a);
        a.wrapping_sub(Self::VALUE & u32::from(above).wrapping_neg()) as i32
    }

    /// `base^exponent mod p`, in time that depends on `exponent`, which is public, and not on `base`.
    #[must_use]
    fn pow_vartime(base: u32, mut exponent: u64) -> u32 {
        let (mut acc, mut square) = (1, base);
        while exponent != 0 {
            if exponent & 1 == 1 {
                acc = Self::mul(acc, square);
            }
            square = Self::mul(square, square);
            exponent >>= 1;
        }
        acc
    }

    /// `a^-1 mod p`, or 0 for 0: the power `p - 2`, which is the same products for every `a`.
    #[must_use]
    fn inv(a: u32) -> u32 {
        Self::pow_vartime(a, u64::from(Self::VALUE) - 2)
    }
}

/// `x` or `x - p`, for `x < 2p`.
#[inline(always)]
fn subtract_once<P: Prime>(x: u64) -> u32 {
    debug_assert!(x < 2 * u64::from(P::VALUE));
    let (difference, borrow) = x.overflowing_sub(u64::from(P::VALUE));
    (difference as u32).wrapping_add(P::VALUE & u32::from(borrow).wrapping_neg())
}

/// `x mod p` for `x < 2^(2 BITS)`, for a prime of at most 29 bits.
///
/// With `2^(BITS - 1) h <= x` and `m = floor(2^(BITS + 31) / p)`, the estimate `q = floor(h m / 2^32)` of
/// the quotient is at most it, and less by at most 1: of `x / p`, cutting off x has taken less than
/// `2^(BITS - 1) / p < 0.51`, and cutting off m less than `h / 2^32 <= 2^(BITS - 31) <= 0.25`.
///
/// Source: Barrett, "Implementing the Rivest Shamir and Adleman public key encryption algorithm on a
/// standard digital signal processor" (1986).
#[inline(always)]
fn reduce_below_square<P: Prime>(x: u64) -> u32 {
    let multiplier = const { (1 << (P::BITS + 31)) / P::VALUE as u64 };
    let h = (x >> (P::BITS - 1)) as u32;
    let q = ((u64::from(h) * multiplier) >> 32) as u32;
    let rest = (x as u32).wrapping_sub(q.wrapping_mul(P::VALUE));
    let (difference, borrow) = rest.overflowing_sub(P::VALUE);
    difference.wrapping_add(P::VALUE & u32::from(borrow).wrapping_neg())
}

/// `base^exponent mod p` by division: for constants and tables, never for a secret.
pub(crate) const fn pow_const(p: u32, base: u32, mut exponent: u64) -> u32 {
    let p = p as u64;
    let (mut acc, mut square) = (1 % p, base as u64 % p);
    while exponent != 0 {
        if exponent & 1 == 1 {
            acc = acc * square % p;
        }
        square = square * square % p;
        exponent >>= 1;
    }
    acc as u32
}

macro_rules! primes {
    ($($(#[$doc:meta])* $name:ident = 2^$bits:literal - 2^$shift:literal + 1, generator $generator:literal, N <= $degree:literal, masks $lane:literal $(, $reduce:item)*;)+) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug)]
        pub enum $name {}
        impl sealed::Sealed for $name {}
        impl Prime for $name {
            const BITS: u32 = $bits;
            const SHIFT: u32 = $shift;
            const GENERATOR: u32 = $generator;
            const MASK_LANE: u8 = $lane;
            const TWIDDLES: &'static [u32] = &crate::ntt::twiddles::<$degree>(Self::VALUE, $generator);
            const FACTORS: &'static [u32] = &crate::ntt::factors::<$degree>(Self::VALUE, $generator);
            fn ntt_forward(polynomial: &mut [u32]) {
                crate::ntt::transform_forward::<Self>(polynomial);
            }
            fn ntt_inverse(polynomial: &mut [u32]) {
                crate::ntt::transform_inverse::<Self>(polynomial);
            }
            fn mul_add_assign(acc: &mut [u32], a: &[u32], b: &[u32]) {
                for ((x, &y), &z) in acc.iter_mut().zip(a).zip(b) {
                    *x = Self::reduce_product(u64::from(y) * u64::from(z) + u64::from(*x));
                }
            }
            fn mul_sub_assign(acc: &mut [u32], a: &[u32], b: &[u32]) {
                for ((x, &y), &z) in acc.iter_mut().zip(a).zip(b) {
                    *x = Self::sub(*x, Self::mul(y, z));
                }
            }
            $($reduce)*
        }
    )+};
}

primes! {
    /// The plaintext modulus and field of masks and checks: t = 2^32 - 2^20 + 1 = 4293918721.
    T = 2^32 - 2^20 + 1, generator 19, N <= 4096, masks 0;
    /// The second limb: Delta = 2^28 - 2^16 + 1 = 268369921. `q = t * Delta`.
    Delta = 2^28 - 2^16 + 1, generator 23, N <= 4096, masks 1;
    /// 2^29 - 2^18 + 1 = 536608769.
    Prime29 = 2^29 - 2^18 + 1, generator 3, N <= 4096, masks 2;
    /// The second limb of direct mode: 2^26 - 2^16 + 1 = 67043329.
    Prime26 = 2^26 - 2^16 + 1, generator 7, N <= 4096, masks 3;
    /// The third limb of direct mode: 2^25 - 2^14 + 1 = 33538049.
    Prime25 = 2^25 - 2^14 + 1, generator 3, N <= 4096, masks 4;
}

// Toy primes are too small for the folds to converge; they divide, in variable time.
#[cfg(feature = "hazmat")]
primes! {
    /// Toy plaintext modulus 17, for exhaustive tests.
    InsecureT17 = 2^5 - 2^4 + 1, generator 3, N <= 8, masks 0,
        fn reduce(x: u64) -> u32 { (x % 17) as u32 },
        fn reduce_product(x: u64) -> u32 { (x % 17) as u32 };
    /// Toy second limb 97, for exhaustive tests.
    InsecureDelta97 = 2^7 - 2^5 + 1, generator 5, N <= 16, masks 1,
        fn reduce(x: u64) -> u32 { (x % 97) as u32 },
        fn reduce_product(x: u64) -> u32 { (x % 97) as u32 };
}
