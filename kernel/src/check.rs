//! Catching a cheat: a secret linear check of every product.
//!
//! For each group the device holds a secret uniform `u` in F_t^m (from a seed) and
//! `v = u^T W` (computed where the weights are trusted). A claimed product `y` of `x` is tested by
//! `u . y == v . x` in F_t. If `y != W x`, the test passes for one u in t; two independent vectors
//! leave an error of `t^-2`, below 2^-63.9. The same vectors check offline units, with the masks
//! for x and their images for y.
//!
//! ```
//! use kernel::bundle::CHECK_REPETITIONS;
//! use kernel::check::{LinearCheck, Poison};
//! use kernel::prime::{Prime, T};
//! use kernel::stream::{Seed, check_vector};
//!
//! // A column of two rows, 2 and 7, is group 0; v = 2 u_0 + 7 u_1 for each repetition.
//! let seed = Seed::from_bytes([3; 32]);
//! let v = [0, 1].map(|repetition| {
//!     let mut u = [0; 2];
//!     check_vector(&seed, repetition, 0, 0, &mut u);
//!     [T::add(T::mul(2, u[0]), T::mul(7, u[1]))]
//! });
//! let caught = |x: u32, y: [u32; 2]| {
//!     let (mut check, mut poison) = (LinearCheck::default(), Poison::default());
//!     check.add_outputs(&seed, 0, 0, &y);
//!     for repetition in 0..CHECK_REPETITIONS {
//!         check.subtract_inputs(repetition, &v[repetition], [x].into_iter());
//!     }
//!     check.finish(&mut poison);
//!     poison.reveal()
//! };
//! assert!(!caught(10, [20, 70]));
//! assert!(caught(10, [20, 71]));
//! ```
//!
//! Source: Freivalds, "Probabilistic machines can use less running time" (1977).

#[cfg(test)]
mod tests;

use crate::bundle::CHECK_REPETITIONS;
use crate::prime::{Prime, T};
use crate::stream::{Seed, check_vector};
use zeroize::Zeroize;

/// Rows whose u is expanded at a time.
const BLOCK: usize = 128;

/// The running sums `u . y - v . x` of one product, for each repetition.
///
/// Everything here is straight-line code in time that depends on lengths alone. Outputs may come
/// in any blocks of rows, before or after the inputs:
///
/// ```
/// use kernel::check::{LinearCheck, Poison};
/// use kernel::stream::{Seed, check_vector};
///
/// // The matrix is the identity of two rows, so v = u.
/// let seed = Seed::from_bytes([3; 32]);
/// let mut poison = Poison::default();
/// let mut check = LinearCheck::default();
/// for repetition in 0..2 {
///     let mut v = [0; 2];
///     check_vector(&seed, repetition, 9, 0, &mut v);
///     check.subtract_inputs(repetition.into(), &v, [40, 50].into_iter());
/// }
/// check.add_outputs(&seed, 9, 0, &[40]);
/// check.add_outputs(&seed, 9, 1, &[50]);
/// check.finish(&mut poison);
/// assert!(!poison.reveal());
/// ```
#[derive(Clone, Default)]
pub struct LinearCheck {
    sums: [u32; CHECK_REPETITIONS],
}

impl core::fmt::Debug for LinearCheck {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("LinearCheck")
    }
}

impl Drop for LinearCheck {
    fn drop(&mut self) {
        self.sums.zeroize();
    }
}

impl LinearCheck {
    /// Adds `u . y` for the outputs `y`, residues modulo t of the rows from `first_row` on.
    /// `seed` is the device's check seed.
    pub fn add_outputs(&mut self, seed: &Seed, group: u32, first_row: usize, y: &[u32]) {
        let mut u = [0; BLOCK];
        for (repetition, sum) in (0..).zip(&mut self.sums) {
            let mut row = first_row;
            for y in y.chunks(BLOCK) {
                let u = &mut u[..y.len()];
                check_vector(seed, repetition, group, row, u);
                *sum = T::add(*sum, dot(u, y));
                row += y.len();
            }
        }
        u.zeroize();
    }

    /// Subtracts `v . x` for repetition `repetition`; `v` and `x` are residues modulo t, n of each.
    ///
    /// # Panics
    /// If `repetition` is not below [`CHECK_REPETITIONS`].
    pub fn subtract_inputs(&mut self, repetition: usize, v: &[u32], x: impl Iterator<Item = u32>) {
        let sum = v.iter().zip(x).fold(0, |acc, (&v, x)| T::add(acc, T::mul(v, x)));
        self.sums[repetition] = T::sub(self.sums[repetition], sum);
    }

    /// Ends the check: `poison` remembers if any sum is not zero.
    pub fn finish(self, poison: &mut Poison) {
        poison.remember(self.sums.iter().fold(0, |all, sum| all | sum));
    }
}

fn dot(a: &[u32], b: &[u32]) -> u32 {
    a.iter().zip(b).fold(0, |acc, (&a, &b)| T::add(acc, T::mul(a, b)))
}

/// The checks of all tokens of one offline unit: for every token `u . z - v . r`.
///
/// Coordinates and rows arrive one at a time, a row with all its tokens, a coordinate with any range.
///
/// ```
/// use kernel::check::{Poison, UnitCheck};
///
/// // One row, z = 3 r, and four tokens; u is 5 and 7, so v is 15 and 21.
/// let verdict = |z: [u32; 4]| {
///     let mut sums = [0; UnitCheck::words(4)];
///     let mut check = UnitCheck::new(4, &mut sums)?;
///     check.subtract_coordinate([15, 21], 0, &[1, 2]);
///     check.subtract_coordinate([15, 21], 2, &[3, 4]);
///     check.add_row([5, 7], &z);
///     let mut poison = Poison::default();
///     check.finish(&mut poison);
///     Some(!poison.reveal())
/// };
/// assert_eq!(verdict([3, 6, 9, 12]), Some(true));
/// assert_eq!(verdict([3, 6, 9, 13]), Some(false)); // one token is wrong: the unit is
/// ```
pub struct UnitCheck<'b> {
    sums: &'b mut [u32],
    tokens: usize,
}

impl core::fmt::Debug for UnitCheck<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("UnitCheck")
    }
}

impl Drop for UnitCheck<'_> {
    fn drop(&mut self) {
        self.sums.zeroize();
    }
}

impl<'b> UnitCheck<'b> {
    /// Words that the check of a unit of `tokens` tokens needs.
    #[must_use]
    pub const fn words(tokens: usize) -> usize {
        CHECK_REPETITIONS * tokens
    }

    /// Starts a check in `sums`, of [`Self::words`] words; `None` if it has another length
    /// or there is no token.
    #[must_use]
    pub fn new(tokens: usize, sums: &'b mut [u32]) -> Option<Self> {
        sums.fill(0);
        (tokens > 0 && sums.len() == Self::words(tokens)).then_some(Self { sums, tokens })
    }

    /// Subtracts `v_j r_j`, `v_j` for each repetition, for a coordinate's masks of the tokens from `first`
    /// on; what lies beyond the last token is left out.
    pub fn subtract_coordinate(&mut self, v: [u32; CHECK_REPETITIONS], first: usize, r: &[u32]) {
        for (sums, v) in self.sums.chunks_exact_mut(self.tokens).zip(v) {
            for (sum, &r) in sums.iter_mut().skip(first).zip(r) {
                *sum = T::sub(*sum, T::mul(v, r));
            }
        }
    }

    /// Adds `u_i z_i`, `u_i` for each repetition, for all tokens' images of a row.
    pub fn add_row(&mut self, u: [u32; CHECK_REPETITIONS], z: &[u32]) {
        for (sums, u) in self.sums.chunks_exact_mut(self.tokens).zip(u) {
            for (sum, &z) in sums.iter_mut().zip(z) {
                *sum = T::reduce_product(u64::from(u) * u64::from(z) + u64::from(*sum));
            }
        }
    }

    /// Ends the check: the unit is good as a whole or not at all.
    pub fn finish(self, poison: &mut Poison) {
        poison.remember(self.sums.iter().fold(0, |all, sum| all | sum));
    }
}

/// The sticky flag of a failed check.
///
/// It has no branch: what it changes, it changes by a mask. Nothing that leaves the device may
/// depend on [`Poison::reveal`] before the schedule has ended.
///
/// ```
/// use kernel::check::{LinearCheck, Poison};
/// use kernel::stream::Seed;
///
/// let mut poison = Poison::default();
/// let mut y = [1, -2, 3];
/// poison.select(&mut y);
/// assert_eq!(y, [1, -2, 3]);
///
/// let mut wrong = LinearCheck::default();
/// wrong.add_outputs(&Seed::from_bytes([3; 32]), 0, 0, &[1]); // no x gives this
/// wrong.finish(&mut poison);
/// poison.select(&mut y);
/// assert_eq!((y, poison.reveal(), poison.reveal_failures()), ([0; 3], true, 1));
/// ```
#[derive(Default)]
pub struct Poison {
    /// All ones after a failure, zero before.
    mask: u32,
    failures: u32,
}

impl core::fmt::Debug for Poison {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Poison")
    }
}

impl Poison {
    /// Remembers a failure if `difference` is not zero.
    fn remember(&mut self, difference: u32) {
        let nonzero = (difference | difference.wrapping_neg()) >> 31;
        let nonzero = core::hint::black_box(nonzero);
        self.mask |= nonzero.wrapping_neg();
        self.failures = self.failures.wrapping_add(nonzero);
    }

    /// Replaces `y` by zeros if a check has failed.
    pub fn select(&self, y: &mut [i32]) {
        let keep = !self.mask as i32;
        y.iter_mut().for_each(|y| *y &= keep);
    }

    /// Whether a check has failed: for the end of a schedule, and for what is shown to the user.
    #[must_use]
    pub const fn reveal(&self) -> bool {
        self.mask != 0
    }

    /// How many checks have failed: for the end of a schedule.
    #[must_use]
    pub const fn reveal_failures(&self) -> u32 {
        self.failures
    }
}
