//! The gadget of key switching: residues cut into small signed digits.
//!
//! The absolute value of the centred residue of each limb `q_l` is written to the base `2^w` with
//! balanced digits, `w = ceil(bits / digits)`: each in `[-2^(w-1), 2^(w-1))` but the last, which takes
//! what remains. The residue's sign then goes to all of them. So digits of uniform residues have mean
//! zero, and cutting commutes with signs, hence with automorphisms. The gadget's element for digit k of
//! limb l is `2^(wk)` times the idempotent of the limb: modulo `q_l` it is `2^(wk)`, modulo the other limbs 0. So the digits of all limbs times their
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

/// Digits modulo `P` where none may have more than `largest` bits.
#[must_use]
pub const fn digits<P: Prime>(largest: u32) -> usize {
    digits_of_bits(P::BITS, largest)
}

const fn digits_of_bits(bits: u32, largest: u32) -> usize {
    bits.div_ceil(largest) as usize
}

/// Elements of the gadget of limbs with these `bits`: the digits of all of them.
#[must_use]
pub const fn elements(bits: &[u32], largest: u32) -> usize {
    let (mut sum, mut limb) = (0, 0);
    while limb < bits.len() {
        sum += digits_of_bits(bits[limb], largest);
        limb += 1;
    }
    sum
}

/// The limb and the digit of element `index`; beyond the last element a limb that does not exist.
#[must_use]
pub const fn element(bits: &[u32], largest: u32, mut index: usize) -> (usize, usize) {
    let mut limb = 0;
    while limb < bits.len() && index >= digits_of_bits(bits[limb], largest) {
        index -= digits_of_bits(bits[limb], largest);
        limb += 1;
    }
    (limb, index)
}

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
    use crate::prime::{Delta, Prime25, Prime26, T};
    use proptest::prelude::*;
    use std::vec::Vec;

    fn check<P: Prime>(count: usize, residue: u32) {
        let all = |residue: u32| -> Vec<i32> {
            let digit = |k| {
                let mut digit = [0];
                digits_into::<P>(count, k, &[residue], &mut digit);
                digit[0]
            };
            (0..count).map(digit).collect()
        };
        let bits = digit_bits::<P>(count);
        let digits = all(residue);
        let sum: i64 = (0..).zip(&digits).map(|(k, &d)| i64::from(d) << (bits * k)).sum();
        assert_eq!(sum, i64::from(P::centre(residue)));
        let (last, low) = digits.split_last().unwrap();
        assert!(low.iter().all(|d| d.unsigned_abs() <= 1 << (bits - 1)));
        assert!(last.unsigned_abs() <= (P::VALUE >> ((count as u32 - 1) * bits + 1)) + 1);
        let negated: Vec<i32> = digits.iter().map(|d| -d).collect();
        assert_eq!(all(P::neg(residue)), negated);
    }

    fn edges<P: Prime>(count: usize, word: u32) {
        let half = P::VALUE / 2;
        for edge in [0, 1, 2, 127, 128, 129, 255, 256, 257, 1 << 18, u32::MAX, word] {
            check::<P>(count, edge % P::VALUE);
        }
        for edge in [half - 1, half, half + 1, half + 2] {
            check::<P>(count, edge);
        }
    }

    proptest! {
        #[test]
        fn digits_sum_to_the_residue_and_take_its_sign(word: u32) {
            edges::<T>(4, word);
            edges::<Delta>(3, word);
            edges::<Prime26>(3, word);
            edges::<Prime25>(3, word);
        }
    }

    #[test]
    fn elements_are_the_digits_of_the_limbs_in_order() {
        let bits = [T::BITS, Prime26::BITS, Prime25::BITS];
        assert_eq!([digits::<T>(9), digits::<Prime26>(9), digits::<Prime25>(9)], [4, 3, 3]);
        assert_eq!(elements(&bits, 9), 10);
        let places: Vec<_> = (0..11).map(|i| element(&bits, 9, i)).collect();
        let expected = [(4, 0), (3, 1), (3, 2)];
        let expected = expected.iter().flat_map(|&(n, limb)| (0..n).map(move |k| (limb, k)));
        assert_eq!(places[..10], expected.collect::<Vec<_>>());
        assert_eq!(places[10], (3, 0));
    }
}
