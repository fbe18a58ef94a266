//! The gadget of key switching: residues cut into small signed digits.
//!
//! The absolute value of the centred residue of each limb `q_l` is written to the base `2^w` with
//! balanced digits, `w = ceil(bits / digits)`: each in `[-2^(w-1), 2^(w-1))` but the last, which takes
//! what remains. The residue's sign then goes to all of them. So digits of uniform residues have mean
//! zero, and cutting commutes with signs, hence with automorphisms. The gadget's element for digit k of limb l is `2^(wk)` times the idempotent of the limb:
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
        let centred = P::centre(residue);
        let sign = centred >> 31;
        let mut rest = (centred ^ sign) - sign;
        for _ in 0..index {
            rest = (rest + half) >> bits;
        }
        let low = ((rest + half) & ((1 << bits) - 1)) - half;
        let value = if index + 1 == digits { rest } else { low };
        *digit = (value ^ sign) - sign;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::prime::{Delta, Prime26, Prime29};
    use proptest::prelude::*;

    fn check<P: Prime>(residue: u32) {
        let all = |residue: u32| {
            [0, 1, 2].map(|k| {
                let mut digit = [0];
                digits_into::<P>(3, k, &[residue], &mut digit);
                digit[0]
            })
        };
        let bits = digit_bits::<P>(3);
        let digits = all(residue);
        let sum: i64 = (0..).zip(digits).map(|(k, d)| i64::from(d) << (bits * k)).sum();
        assert_eq!(sum, i64::from(P::centre(residue)));
        assert!(digits[..2].iter().all(|d| d.unsigned_abs() <= 1 << (bits - 1)));
        assert!(digits[2].unsigned_abs() <= (P::VALUE >> (2 * bits + 1)) + 1);
        assert_eq!(all(P::neg(residue)), digits.map(|d| -d));
    }

    proptest! {
        #[test]
        fn digits_sum_to_the_residue_and_take_its_sign(word: u32) {
            for edge in [0, 1, 2, 511, 512, 513, 1 << 18, u32::MAX, word] {
                check::<Prime29>(edge % Prime29::VALUE);
                check::<Delta>(edge % Delta::VALUE);
                check::<Prime26>(edge % Prime26::VALUE);
                check::<Prime29>(Prime29::VALUE / 2 + edge % 2);
            }
        }
    }
}
