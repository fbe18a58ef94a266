//! The negacyclic number-theoretic transform over `F_p[X]/(X^N + 1)`, in place.
//!
//! With `psi = g^((p - 1) / 2N)`, a primitive `2N`-th root of unity, the forward transform leaves
//! `a(psi^(2 brv(i) + 1))` at index `i`, where `brv` reverses the `log2 N` bits. The root and the
//! bit-reversed order are part of the wire format: ciphertexts travel in the NTT domain. The
//! generator g is [`Prime::GENERATOR`]:
//!
//! | prime | g | largest N |
//! |---|---|---|
//! | t | 19 | 4096 |
//! | Delta | 23 | 4096 |
//! | 2^29 - 2^18 + 1 | 3 | 4096 |
//! | 2^26 - 2^16 + 1 | 7 | 4096 |
//! | 2^25 - 2^14 + 1 | 3 | 4096 |
//! | 17 (`hazmat`) | 3 | 8 |
//! | 97 (`hazmat`) | 5 | 16 |
//!
//! One table for each prime, of bit-reversed powers of the root for its largest N, serves every N:
//! the table of a smaller N is its prefix. The inverse twiddle of `psi^brv(i)`, for
//! `2^k <= i < 2^(k+1)`, is `-psi^brv(3 * 2^k - 1 - i)`, so no second table is needed.
//!
//! ```
//! use kernel::ntt;
//! use kernel::prime::{Prime, T};
//!
//! // X^3 * X = -1 in F_t[X]/(X^4 + 1): point by point between the transforms.
//! let (mut a, mut b) = ([0, 0, 0, 1], [0, 1, 0, 0]);
//! ntt::forward::<T>(&mut a);
//! ntt::forward::<T>(&mut b);
//! let mut product: Vec<u32> = a.iter().zip(&b).map(|(&a, &b)| T::mul(a, b)).collect();
//! ntt::inverse::<T>(&mut product);
//! assert_eq!(product, [T::neg(1), 0, 0, 0]);
//! ```
//!
//! Source: Longa and Naehrig, "Speeding up the NTT" (2016), algorithms 1 and 2.

mod arithmetic;
mod layers;
#[cfg(test)]
mod tests;

use crate::prime::{Prime, pow_const};
use arithmetic::{Canonical, Lazy, is_lazy};

/// Largest ring degree.
pub const MAX_DEGREE: usize = 4096;
/// Smallest ring degree.
pub const MIN_DEGREE: usize = 4;

/// Whether `N = degree` has a transform modulo `P`: powers of two from 4 to the prime's largest.
///
/// ```
/// use kernel::ntt::supports;
/// use kernel::prime::Delta;
///
/// assert!(supports::<Delta>(4096) && !supports::<Delta>(8192) && !supports::<Delta>(48));
/// ```
#[must_use]
pub const fn supports<P: Prime>(degree: usize) -> bool {
    degree.is_power_of_two() && degree >= MIN_DEGREE && degree <= P::TWIDDLES.len()
}

/// `psi^brv(i)` for `i < L`, with `psi = generator^((p - 1) / 2L)`.
pub(crate) const fn twiddles<const L: usize>(p: u32, generator: u32) -> [u32; L] {
    let psi = pow_const(p, generator, (p as u64 - 1) / (2 * L as u64)) as u64;
    let shift = usize::BITS - L.trailing_zeros();
    let mut table = [0; L];
    let mut power = 1_u64;
    let mut e = 0_usize;
    while e < L {
        table[e.reverse_bits() >> shift] = power as u32;
        power = power * psi % p as u64;
        e += 1;
    }
    table
}

/// [`twiddles`] as factors of the butterflies.
pub(crate) const fn factors<const L: usize>(p: u32, generator: u32) -> [u32; L] {
    let mut table = twiddles(p, generator);
    let mut i = 0;
    while i < L {
        table[i] = arithmetic::tabulate(p, table[i]);
        i += 1;
    }
    table
}

/// Coefficient domain to NTT domain, canonical residues in and out.
///
/// `polynomial` has a [supported](supports) length. For another the result is unspecified, or the
/// call panics.
///
/// ```
/// use kernel::prime::Delta;
///
/// // A constant has the same value at every point.
/// let mut constant = [7, 0, 0, 0, 0, 0, 0, 0];
/// kernel::ntt::forward::<Delta>(&mut constant);
/// assert_eq!(constant, [7; 8]);
/// ```
pub fn forward<P: Prime>(polynomial: &mut [u32]) {
    debug_assert!(supports::<P>(polynomial.len()));
    P::ntt_forward(polynomial);
}

/// [`forward`] of one prime.
pub(crate) fn transform_forward<P: Prime>(polynomial: &mut [u32]) {
    if is_lazy(P::BITS) {
        layers::forward(const { Lazy::new::<P>() }, P::FACTORS, polynomial);
    } else {
        layers::forward(Canonical::<P>::new(), P::FACTORS, polynomial);
    }
}

/// NTT domain to coefficient domain, scaling by `1 / N` included: the exact inverse of [`forward`],
/// for the same lengths.
///
/// ```
/// use kernel::prime::T;
///
/// let mut polynomial = [3, 1, 4, 1, 5, 9, 2, 6];
/// kernel::ntt::forward::<T>(&mut polynomial);
/// kernel::ntt::inverse::<T>(&mut polynomial);
/// assert_eq!(polynomial, [3, 1, 4, 1, 5, 9, 2, 6]);
/// ```
pub fn inverse<P: Prime>(polynomial: &mut [u32]) {
    debug_assert!(supports::<P>(polynomial.len()));
    P::ntt_inverse(polynomial);
}

/// [`inverse`] of one prime.
pub(crate) fn transform_inverse<P: Prime>(polynomial: &mut [u32]) {
    // N divides p - 1, so N * -(p - 1) / N = 1.
    let degree_inverse = P::VALUE - (P::VALUE - 1) / polynomial.len() as u32;
    let scale = P::mul(degree_inverse, const { arithmetic::tabulate(P::VALUE, 1) });
    if is_lazy(P::BITS) {
        layers::inverse(const { Lazy::new::<P>() }, P::FACTORS, scale, polynomial);
    } else {
        layers::inverse(Canonical::<P>::new(), P::FACTORS, scale, polynomial);
    }
}
