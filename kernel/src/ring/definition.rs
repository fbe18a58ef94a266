use super::RingOps;
use crate::prime::Prime;

/// Every operation as its definition, in `O(N^2)`: the oracle of the conformance suite.
///
/// ```
/// use kernel::prime::T;
/// use kernel::ring::{Definition, RingOps, Scalar};
///
/// let (mut fast, mut slow) = ([1, 2, 3, 4], [1, 2, 3, 4]);
/// Scalar::ntt_forward::<T>(&mut fast);
/// Definition::ntt_forward::<T>(&mut slow);
/// assert_eq!(fast, slow);
/// ```
#[derive(Clone, Copy, Debug)]
pub enum Definition {}

/// A primitive 2N-th root of unity.
fn root<P: Prime>(n: usize) -> u32 {
    P::pow_vartime(P::GENERATOR, u64::from(P::VALUE - 1) / (2 * n as u64))
}

fn bit_reversed(i: usize, n: usize) -> u64 {
    (i.reverse_bits() >> (usize::BITS - n.trailing_zeros())) as u64
}

impl RingOps for Definition {
    fn ntt_forward<P: Prime>(polynomial: &mut [u32]) {
        let n = polynomial.len();
        let psi = root::<P>(n);
        let mut values = [0; crate::ntt::MAX_DEGREE];
        for (i, value) in values[..n].iter_mut().enumerate() {
            let point = P::pow_vartime(psi, 2 * bit_reversed(i, n) + 1);
            *value = polynomial.iter().rev().fold(0, |acc, &c| P::add(P::mul(acc, point), c));
        }
        polynomial.copy_from_slice(&values[..n]);
    }

    fn ntt_inverse<P: Prime>(polynomial: &mut [u32]) {
        // Coefficient j = 1/N sum_i value_i * point_i^-j.
        let n = polynomial.len();
        let psi_inverse = P::inv(root::<P>(n));
        let mut coefficients = [0; crate::ntt::MAX_DEGREE];
        for (i, &value) in polynomial.iter().enumerate() {
            let point_inverse = P::pow_vartime(psi_inverse, 2 * bit_reversed(i, n) + 1);
            let mut term = P::mul(value, P::inv(P::reduce(n as u64)));
            for c in &mut coefficients[..n] {
                *c = P::add(*c, term);
                term = P::mul(term, point_inverse);
            }
        }
        polynomial.copy_from_slice(&coefficients[..n]);
    }

    fn mul_add_assign<P: Prime>(acc: &mut [u32], a: &[u32], b: &[u32]) {
        for ((x, &y), &z) in acc.iter_mut().zip(a).zip(b) {
            *x = P::add(*x, P::mul(y, z));
        }
    }
}
