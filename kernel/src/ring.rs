//! [`RingOps`]: ring arithmetic that may touch secrets.
//!
//! Encryption and decryption stand on this trait. Implementations are types, chosen at compile
//! time; they are synchronous, infallible and constant-time, and work in the caller's slices.
//!
//! ```
//! use kernel::prime::{Prime, T};
//! use kernel::ring::{RingOps, Scalar};
//!
//! // (1 + X) * X^3 = X^3 + X^4 = -1 + X^3 in F_t[X]/(X^4 + 1).
//! let (mut a, mut b) = ([1, 1, 0, 0], [0, 0, 0, 1]);
//! Scalar::ntt_forward::<T>(&mut a);
//! Scalar::ntt_forward::<T>(&mut b);
//! let mut product = [0; 4];
//! Scalar::mul_add_assign::<T>(&mut product, &a, &b);
//! Scalar::ntt_inverse::<T>(&mut product);
//! assert_eq!(product, [T::VALUE - 1, 0, 0, 1]);
//! ```

mod definition;

pub use definition::Definition;

use crate::ntt;
use crate::prime::Prime;

/// Arithmetic on polynomials of `F_p[X]/(X^N + 1)`, canonical residues, N = slice length.
///
/// *Preconditions*: all slices of a call have one length, and the transforms' is
/// [supported](ntt::supports). They are kept by the callers' types; implementations may panic
/// otherwise. A new implementation proves itself by the suite `conformance::ring_ops` (feature
/// `conformance`).
///
/// A backend needs the two transforms and a multiply-add; the rest has definitions:
///
/// ```
/// use kernel::ntt;
/// use kernel::prime::{Prime, T};
/// use kernel::ring::RingOps;
///
/// enum Mine {}
/// impl RingOps for Mine {
///     fn ntt_forward<P: Prime>(polynomial: &mut [u32]) {
///         ntt::forward::<P>(polynomial);
///     }
///     fn ntt_inverse<P: Prime>(polynomial: &mut [u32]) {
///         ntt::inverse::<P>(polynomial);
///     }
///     fn mul_add_assign<P: Prime>(acc: &mut [u32], a: &[u32], b: &[u32]) {
///         for ((acc, &a), &b) in acc.iter_mut().zip(a).zip(b) {
///             *acc = P::add(*acc, P::mul(a, b));
///         }
///     }
/// }
/// let mut acc = [10, 20, 30, 40];
/// Mine::mul_sub_assign::<T>(&mut acc, &[1, 2, 3, 4], &[10; 4]);
/// assert_eq!(acc, [0; 4]);
/// Mine::add_assign::<T>(&mut acc, &[5; 4]);
/// Mine::scale_assign::<T>(&mut acc, T::neg(1));
/// assert_eq!(acc, [T::VALUE - 5; 4]);
/// ```
pub trait RingOps {
    /// Coefficient domain to NTT domain, in the order of [`ntt`].
    fn ntt_forward<P: Prime>(polynomial: &mut [u32]);

    /// NTT domain to coefficient domain.
    fn ntt_inverse<P: Prime>(polynomial: &mut [u32]);

    /// `acc[i] += a[i] * b[i]`.
    fn mul_add_assign<P: Prime>(acc: &mut [u32], a: &[u32], b: &[u32]);

    /// `acc[i] -= a[i] * b[i]`.
    fn mul_sub_assign<P: Prime>(acc: &mut [u32], a: &[u32], b: &[u32]) {
        Self::neg_assign::<P>(acc);
        Self::mul_add_assign::<P>(acc, a, b);
        Self::neg_assign::<P>(acc);
    }

    /// `acc[i] = -acc[i]`.
    fn neg_assign<P: Prime>(acc: &mut [u32]) {
        acc.iter_mut().for_each(|x| *x = P::neg(*x));
    }

    /// `acc[i] += a[i]`.
    fn add_assign<P: Prime>(acc: &mut [u32], a: &[u32]) {
        acc.iter_mut().zip(a).for_each(|(x, &y)| *x = P::add(*x, y));
    }

    /// `acc[i] -= a[i]`.
    fn sub_assign<P: Prime>(acc: &mut [u32], a: &[u32]) {
        acc.iter_mut().zip(a).for_each(|(x, &y)| *x = P::sub(*x, y));
    }

    /// `acc[i] *= factor`.
    fn scale_assign<P: Prime>(acc: &mut [u32], factor: u32) {
        acc.iter_mut().for_each(|x| *x = P::mul(*x, factor));
    }
}

/// Plain scalar code, for every target.
///
/// ```
/// use kernel::prime::Delta;
/// use kernel::ring::{RingOps, Scalar};
///
/// let mut acc = [1, 2, 3, 4];
/// Scalar::mul_add_assign::<Delta>(&mut acc, &[10; 4], &[100; 4]);
/// assert_eq!(acc, [1001, 1002, 1003, 1004]);
/// ```
#[derive(Clone, Copy, Debug)]
pub enum Scalar {}

impl RingOps for Scalar {
    fn ntt_forward<P: Prime>(polynomial: &mut [u32]) {
        ntt::forward::<P>(polynomial);
    }

    fn ntt_inverse<P: Prime>(polynomial: &mut [u32]) {
        ntt::inverse::<P>(polynomial);
    }

    fn mul_add_assign<P: Prime>(acc: &mut [u32], a: &[u32], b: &[u32]) {
        P::mul_add_assign(acc, a, b);
    }

    fn mul_sub_assign<P: Prime>(acc: &mut [u32], a: &[u32], b: &[u32]) {
        P::mul_sub_assign(acc, a, b);
    }
}
