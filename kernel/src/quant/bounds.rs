use crate::glwe::{SWITCHED_BODY_BITS, SWITCHED_MASK_BITS};
use crate::prime::{Delta, Prime, T};
use crate::stream::NOISE_BOUND;

/// Dimension N K of the masked sets, at most: the norm1 of a ternary key.
const LARGEST_DIMENSION: u64 = 4096;

/// Norms of a group's integer rows: public, and what both promises of exactness stand on.
///
/// ```
/// use kernel::quant::{BoundError, GroupBounds};
///
/// let mut bounds = GroupBounds::default();
/// bounds.include(&[3, -4]);
/// bounds.include(&[1, 1]);
/// assert_eq!(bounds, GroupBounds { norm2_squared: 25, norm1: 7 });
/// bounds.check_noise()?; // 21 * 7 is far below (Delta - 1) / 2 = 21 * 6_389_760
/// assert_eq!(bounds.largest_sum_of_squares(), 2_146_959_360_u64.pow(2) / 25);
///
/// let heavy = GroupBounds { norm1: 6_389_761, ..bounds };
/// assert_eq!(heavy.check_noise(), Err(BoundError::Noise { norm1: 6_389_761 }));
/// # Ok::<(), BoundError>(())
/// ```
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct GroupBounds {
    /// Largest squared Euclidean norm of a row.
    pub norm2_squared: u64,
    /// Largest sum of absolute weights of a row.
    pub norm1: u64,
}

/// A matrix for which exactness cannot be promised.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum BoundError {
    /// The noise of a row could reach half of Delta.
    #[error("a row's absolute sum is {norm1}: offline noise could reach the rounding limit")]
    Noise {
        /// The row's sum of absolute weights.
        norm1: u64,
    },
    /// A row is so heavy that activations would keep fewer than eight bits.
    #[error("a row's squared norm is {norm2_squared}: no room for 8-bit activations below t / 2")]
    Headroom {
        /// The row's squared Euclidean norm.
        norm2_squared: u64,
    },
}

impl GroupBounds {
    /// Takes one more row into account.
    pub fn include(&mut self, row: &[i8]) {
        let (mut squares, mut sum) = (0_u64, 0_u64);
        for &w in row {
            let magnitude = u64::from(w.unsigned_abs());
            squares += magnitude * magnitude;
            sum += magnitude;
        }
        self.norm2_squared = self.norm2_squared.max(squares);
        self.norm1 = self.norm1.max(sum);
    }

    /// Checks that decryption cannot fail: `21 * norm1 <= (Delta - 1) / 2`, since the noise of
    /// `sum_j W_ij Enc(r_j)` is `sum_j W_ij e_j` with `|e_j| <= 21`.
    ///
    /// # Errors
    /// [`BoundError::Noise`].
    pub fn check_noise(&self) -> Result<(), BoundError> {
        let limit = u64::from((Delta::VALUE - 1) / 2);
        match self.norm1.checked_mul(u64::from(NOISE_BOUND)) {
            Some(noise) if noise <= limit => Ok(()),
            _ => Err(BoundError::Noise { norm1: self.norm1 }),
        }
    }

    /// Whether rows of results may be [switched](crate::glwe::switch_row) before they are decrypted, with a
    /// promise that this cannot fail: `2^13 21 norm1 + (2^10 + 4096) (Delta - 1) / 2 < 2^12 Delta`, which is
    /// `norm1 <= 2_396_160`.
    ///
    /// ```
    /// use kernel::quant::GroupBounds;
    ///
    /// let mut bounds = GroupBounds::default();
    /// bounds.include(&[127; 18_000]);
    /// assert!(bounds.allows_switched_rows());
    /// bounds.norm1 = 2_396_161;
    /// assert!(!bounds.allows_switched_rows());
    /// assert!(bounds.check_noise().is_ok()); // rows as they are
    /// ```
    #[must_use]
    pub fn allows_switched_rows(&self) -> bool {
        let half = u64::from((Delta::VALUE - 1) / 2);
        let body = 1 << (SWITCHED_MASK_BITS - SWITCHED_BODY_BITS);
        let rounding = (body + LARGEST_DIMENSION) * half;
        let limit = u64::from(Delta::VALUE) << (SWITCHED_MASK_BITS - 1);
        let noise = self.norm1.checked_mul(u64::from(NOISE_BOUND) << SWITCHED_MASK_BITS);
        noise.is_some_and(|noise| noise < limit - rounding)
    }

    /// Largest sum of squares of an activation for which `|W x| < t / 2` by Cauchy and Schwarz:
    /// `floor(((t - 1) / 2)^2 / norm2^2)`, where a norm of 0 counts as 1.
    #[must_use]
    pub fn largest_sum_of_squares(&self) -> u64 {
        let half_t = u64::from((T::VALUE - 1) / 2);
        (half_t * half_t) / self.norm2_squared.max(1)
    }
}
