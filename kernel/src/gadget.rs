//! The gadget of key switching: residues cut into small signed digits.
//!
//! The residue of each limb `q_l`, centred, is written to the base `2^w` with balanced digits,
//! `w = ceil(bits / digits)`; every digit is in `[-2^(w-1), 2^(w-1))` but the last, which takes what
//! remains. The gadget's element for digit k of limb l is `2^(wk)` times the idempotent of the limb:
//! modulo `q_l` it is `2^(wk)`, modulo the other limbs 0. So the digits of all limbs times their
//! elements sum to the number that was cut, modulo q.
//!
//! Source: the RNS gadgets of Bajard, Eynard, Hasan and Zucca (2016) and Halevi, Polyakov and Shoup
//! (2019), with digits inside each limb.
//!
//! ```
//! use kernel::gadget::{digit_bits, digits_into};
//! use kernel::prime::{Delta, Prime};
//!
//! let residue = Delta::VALUE - 12_345_678;
//! let mut sum = 0;
//! for k in 0..3 {
//!     let mut digit = [0];
//!     digits_into::<Delta>(3, k, &[residue], &mut digit);
//!     sum += i64::from(digit[0]) << (digit_bits::<Delta>(3) * k as u32);
//! }
//! assert_eq!(sum, -12_345_678);
//! ```

use crate::prime::Prime;

/// Bits w of the base, for `digits` digits modulo `P`.
#[must_use]
pub const fn digit_bits<P: Prime>(digits: usize) -> u32 {
    P::BITS.div_ceil(digits as u32)
}

/// Digit `index` of `digits`, of every residue.
///
/// Public data only: what is cut are the masks of ciphertexts.
pub fn digits_into<P: Prime>(digits: usize, index: usize, residues: &[u32], out: &mut [i32]) {
    let bits = digit_bits::<P>(digits);
    let half = 1 << (bits - 1);
    for (digit, &residue) in out.iter_mut().zip(residues) {
        let mut rest = P::centre(residue);
        for _ in 0..index {
            rest = (rest + half) >> bits;
        }
        let low = ((rest + half) & ((1 << bits) - 1)) - half;
        *digit = if index + 1 == digits { rest } else { low };
    }
}
