//! One-time masks: the whole of online cryptography.
//!
//! The device sends `c = x + r`, uniform in F_t^n whatever x is; the host answers `d = W c`; with
//! the correlation `z = W r` the device has `y = d - z = W x`. A mask is used once.
//! The masks themselves are [`stream::one_time_mask`](crate::stream::one_time_mask).
//!
//! ```
//! use kernel::mask::{centre_into, mask_assign, unmask_assign};
//! use kernel::prime::{Prime, T};
//! use kernel::stream::{Seed, one_time_mask};
//!
//! // A matrix of one row, -3 and 5, times two residues.
//! let product = |v: [u32; 2]| T::sub(T::mul(5, v[1]), T::mul(3, v[0]));
//!
//! let mut c = [0; 2];
//! one_time_mask(&Seed::from_bytes([1; 32]), 0, 0, &mut c);
//! let mut y = [product(c)]; // z, from the offline phase
//! mask_assign(&[-1000, 20], &mut c);
//! let d = [product(c)]; // the host sees c, and sends this
//! unmask_assign(&d, &mut y);
//! let mut result = [0];
//! centre_into(&y, &mut result);
//! assert_eq!(result, [3100]);
//! ```

use crate::prime::{Prime, T};

/// `c = x + r mod t`, in place: `r` becomes `c`. `|x| < t`, which every `i32` satisfies.
///
/// Both have one length; of two, the shorter counts. *Security*: `r` is uniform, and used once.
///
/// ```
/// use kernel::mask::mask_assign;
/// use kernel::prime::{Prime, T};
///
/// let mut c = [5, T::VALUE - 1]; // in earnest from one_time_mask
/// mask_assign(&[-7, 3], &mut c);
/// assert_eq!(c, [T::VALUE - 2, 2]);
/// ```
pub fn mask_assign(x: &[i32], r: &mut [u32]) {
    for (c, &x) in r.iter_mut().zip(x) {
        *c = T::add(*c, T::from_i32(x));
    }
}

/// `y = d - z mod t`, in place: `z` becomes `y`. Residues in and out, of one length; of two, the
/// shorter counts.
///
/// ```
/// use kernel::mask::unmask_assign;
/// use kernel::prime::{Prime, T};
///
/// let mut y = [10, 10];
/// unmask_assign(&[12, 4], &mut y);
/// assert_eq!(y, [2, T::VALUE - 6]);
/// ```
pub fn unmask_assign(d: &[u32], z: &mut [u32]) {
    for (y, &d) in z.iter_mut().zip(d) {
        *y = T::sub(d, *y);
    }
}

/// The integers of smallest magnitude that the residues `y` stand for.
///
/// Exact for `y = W x` when `|W x| < t / 2`, which
/// [`ActivationQuantiser`](crate::quant::ActivationQuantiser) ensures.
///
/// ```
/// use kernel::mask::centre_into;
/// use kernel::prime::{Prime, T};
///
/// let mut integers = [0; 3];
/// centre_into(&[2, T::VALUE - 6, (T::VALUE - 1) / 2], &mut integers);
/// assert_eq!(integers, [2, -6, 2_146_959_360]);
/// ```
pub fn centre_into(y: &[u32], out: &mut [i32]) {
    for (out, &y) in out.iter_mut().zip(y) {
        *out = T::centre(y);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::vec;

    proptest! {
        /// Unmasking undoes masking through any matrix row.
        #[test]
        fn masks_cancel(
            row in prop::collection::vec((any::<i8>(), -32_767_i32..=32_767, any::<u32>()), 1..60),
        ) {
            let product = |v: &dyn Fn(usize) -> u32| {
                row.iter().enumerate().fold(0, |acc, (j, (w, ..))| {
                    T::add(acc, T::mul(T::from_i32(i32::from(*w)), v(j)))
                })
            };
            let x: Vec<i32> = row.iter().map(|(_, x, _)| *x).collect();
            let r: Vec<u32> = row.iter().map(|(.., r)| r % T::VALUE).collect();
            let mut c = r.clone();
            mask_assign(&x, &mut c);
            let mut y = vec![product(&|j| r[j])];
            unmask_assign(&[product(&|j| c[j])], &mut y);
            let mut centred = [0];
            centre_into(&y, &mut centred);
            let expected: i64 = row.iter().map(|(w, x, _)| i64::from(*w) * i64::from(*x)).sum();
            prop_assert_eq!(i64::from(centred[0]), expected);
        }
    }

    use std::vec::Vec;
}
