//! The output switch: a result row modulo `q = t Delta` becomes one modulo `t 2^13`, in fewer bits.
//!
//! *The host* replaces each coefficient v of a mask by `v' = round(2^13 v / Delta)` modulo
//! `t 2^13`, and each of the body by `round(2^3 v / Delta)` modulo `t 2^3`. With w the centred residue
//! of `2^j v` modulo Delta, `v' = (2^j v - w) / Delta` is an integer, and the nearest, since
//! `|w| < Delta / 2`; another representative of v changes it by a multiple of `t 2^j`. Hence, as
//! `Delta = 1` modulo `2^j`,
//!
//! ```text
//! v' = (2^j v - w) Delta^-1  modulo t
//! v' = -w                    modulo 2^j
//! ```
//!
//! and a number travels as these two residues.
//!
//! *The device* computes `phi' = 2^10 b' - sum_k a'_k s_k` modulo `t 2^13`. From
//! `b - sum_k a_k s_k = Delta m + e` modulo q and the definition of the primed numbers,
//!
//! ```text
//! phi' = 2^13 m + e'  modulo t 2^13,    Delta e' = 2^13 e - 2^10 w_b + sum_k w_k s_k,
//! ```
//!
//! so that decryption is as before with `2^13` in Delta's place: e' is phi' modulo `2^13`, centred,
//! and `m = (phi' - e') 2^-13` modulo t, exactly, while `|e'| < 2^12`.
//!
//! *It never fails* for a row of weights with a sum of magnitudes L that is small enough. There
//! `|e| <= 21 L`, `|w| <= (Delta - 1) / 2`, and a ternary key of dimension at most 4096 has a norm1 of
//! at most that, so
//!
//! ```text
//! Delta |e'| <= 2^13 21 L + (2^10 + 4096) (Delta - 1) / 2,
//! ```
//!
//! which is below `2^12 Delta` exactly if `L <= 2_396_160`:
//! [`GroupBounds::allows_switched_rows`](crate::quant::GroupBounds::allows_switched_rows).
//!
//! Modulo `2^13` the products are integers: 4096 numbers below `2^13` times ternary ones have a sum of
//! magnitude below `2^25 < Delta / 2`, which transforms modulo Delta give exactly.
//! [`RowDecryptor`](super::RowDecryptor) works so.
//!
//! In a row of several keys the masks are switched once, for all; above, s, b and e are one key's, and
//! nothing else changes.

#[cfg(test)]
mod tests;

use super::{LengthError, expect_length};
use crate::ntt;
use crate::prime::Prime;
use crate::ring::RingOps;

/// The coefficients of a switched row's masks are numbers modulo `t 2^SWITCHED_MASK_BITS`.
pub const SWITCHED_MASK_BITS: u32 = 13;
/// Those of its body are numbers modulo `t 2^SWITCHED_BODY_BITS`.
pub const SWITCHED_BODY_BITS: u32 = 3;

/// What a body is scaled up by to the modulus of the masks.
pub(super) const BODY_SHIFT: u32 = SWITCHED_MASK_BITS - SWITCHED_BODY_BITS;

/// Switches a result row in place, to `t 2^13` for its masks and `t 2^3` for its bodies: the host's part.
///
/// *Shape and domain*: `plain` and `scale` are the row's two limbs, modulo t and Delta, each K mask
/// polynomials of `degree` words, then the bodies of `keys` keys, in the NTT domain. Afterwards, in the coefficient
/// domain, `plain` holds the numbers modulo t and `scale` those modulo `2^13` and `2^3`.
///
/// ```
/// use kernel::glwe::switch_row;
/// use kernel::prime::{Delta, Prime, T};
/// use kernel::ring::{RingOps, Scalar};
///
/// // A mask of Delta + 1 and zeros, and a body of 5 Delta and zeros.
/// let mut plain = [T::reduce(u64::from(Delta::VALUE) + 1), 0, 0, 0, 0, 0, 0, 0];
/// let mut scale = [1, 0, 0, 0, 0, 0, 0, 0];
/// plain[4] = T::mul(5, Delta::VALUE);
/// for polynomial in 0..2 {
///     Scalar::ntt_forward::<T>(&mut plain[4 * polynomial..][..4]);
///     Scalar::ntt_forward::<Delta>(&mut scale[4 * polynomial..][..4]);
/// }
/// switch_row::<T, Delta, Scalar>(4, 1, &mut plain, &mut scale)?;
/// // 2^13 (1 + 1 / Delta), rounded, and 2^3 times 5.
/// assert_eq!((plain, scale), ([8192, 0, 0, 0, 40, 0, 0, 0], [0; 8]));
/// # Ok::<(), kernel::glwe::LengthError>(())
/// ```
///
/// # Errors
/// [`LengthError`] for a degree without a transform, no key, or unless the limbs are equally many
/// polynomials, more than bodies; nothing is written then.
pub fn switch_row<P: Prime, D: Prime, R: RingOps>(
    degree: usize,
    keys: usize,
    plain: &mut [u32],
    scale: &mut [u32],
) -> Result<(), LengthError> {
    const { assert!(D::SHIFT >= SWITCHED_MASK_BITS, "Delta is 1 modulo 2^13") };
    expect_length(plain.len(), scale.len())?;
    let fits = ntt::supports::<P>(degree) && ntt::supports::<D>(degree);
    let mask_words = keys.checked_mul(degree).and_then(|bodies| plain.len().checked_sub(bodies));
    let mask_words = mask_words.filter(|&words| words > 0).ok_or(LengthError)?;
    if !fits || keys == 0 || !plain.len().is_multiple_of(degree) {
        return Err(LengthError);
    }
    let inverse = P::inv(P::reduce(D::VALUE.into()));
    let polynomials = plain.chunks_exact_mut(degree).zip(scale.chunks_exact_mut(degree));
    for (number, (plain, scale)) in polynomials.enumerate() {
        R::ntt_inverse::<P>(plain);
        R::ntt_inverse::<D>(scale);
        let is_mask = number * degree < mask_words;
        let bits = if is_mask { SWITCHED_MASK_BITS } else { SWITCHED_BODY_BITS };
        switch_polynomial::<P, D>(bits, inverse, plain, scale);
    }
    Ok(())
}

/// `round(2^bits v / Delta)` for each v, which is given modulo t and Delta: modulo t and `2^bits`.
///
/// `inverse` is Delta^-1 modulo t.
fn switch_polynomial<P: Prime, D: Prime>(
    bits: u32,
    inverse: u32,
    plain: &mut [u32],
    scale: &mut [u32],
) {
    let (factor, shift) = (P::reduce(1 << bits), D::reduce(1 << bits));
    for (v, d) in plain.iter_mut().zip(scale) {
        let w = D::centre(D::mul(*d, shift));
        *v = P::mul(P::sub(P::mul(*v, factor), P::from_i32(w)), inverse);
        *d = (w.wrapping_neg() as u32) & ((1 << bits) - 1);
    }
}

/// The representative in `[-2^12, 2^12)` of a number modulo `2^13`.
pub(super) const fn centre(x: u32) -> i32 {
    ((x << (32 - SWITCHED_MASK_BITS)) as i32) >> (32 - SWITCHED_MASK_BITS)
}
