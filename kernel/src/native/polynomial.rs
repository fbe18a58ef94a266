//! Products by a binary polynomial, in constant time.

use core::hint::black_box;

/// All ones if bit `i` of the packed key is 1, else zero. The compiler is not told that it is one of
/// the two, so that it makes no branch of it.
#[inline]
pub(super) fn bit_mask(key: &[u64], i: usize) -> u64 {
    black_box(0_u64.wrapping_sub((key[i / 64] >> (i % 64)) & 1))
}

/// `out += a * s` in `Z_(2^64)[X] / (X^n + 1)`, for n coefficients and a key of n packed bits.
pub(super) fn add_mul_assign(out: &mut [u64], a: &[u64], key: &[u64]) {
    for j in 0..a.len() {
        let mask = bit_mask(key, j);
        // a X^j: what passes X^n comes back at the bottom with the other sign.
        let (stays, wraps) = a.split_at(a.len() - j);
        let (bottom, top) = out.split_at_mut(j);
        for (o, w) in bottom.iter_mut().zip(wraps) {
            *o = o.wrapping_sub(w & mask);
        }
        for (o, w) in top.iter_mut().zip(stays) {
            *o = o.wrapping_add(w & mask);
        }
    }
}

/// `sum_i a_i s_i` modulo 2^64.
pub(super) fn inner_product(a: &[u64], key: &[u64]) -> u64 {
    (0..).zip(a).fold(0, |sum: u64, (i, w)| sum.wrapping_add(w & bit_mask(key, i)))
}
