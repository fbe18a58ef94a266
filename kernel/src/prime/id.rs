use super::{Delta, Prime, T};

/// A prime chosen at run time, as it appears in calls to an accelerator; the discriminant is the
/// number of its limb.
///
/// ```
/// use kernel::prime::{Prime, PrimeId};
/// use kernel::with_prime;
///
/// let minus_one = |p: PrimeId| with_prime!(p, P => P::from_i32(-1));
/// assert_eq!(PrimeId::ALL.map(minus_one), PrimeId::ALL.map(|p| p.value() - 1));
/// assert_eq!(PrimeId::ALL.map(PrimeId::bits), [32, 28]);
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq, Hash)]
#[repr(u8)]
pub enum PrimeId {
    /// [`T`].
    T = 0,
    /// [`Delta`].
    Delta = 1,
}

impl PrimeId {
    /// All primes that an accelerator must serve.
    pub const ALL: [Self; 2] = [Self::T, Self::Delta];

    /// The modulus.
    #[must_use]
    pub const fn value(self) -> u32 {
        match self {
            Self::T => T::VALUE,
            Self::Delta => Delta::VALUE,
        }
    }

    /// Bits of a residue.
    #[must_use]
    pub const fn bits(self) -> u32 {
        match self {
            Self::T => T::BITS,
            Self::Delta => Delta::BITS,
        }
    }
}

/// Runs `$body` with the type alias `$P` bound to the prime of a
/// [`PrimeId`](crate::prime::PrimeId).
///
/// ```
/// use kernel::prime::{Prime, PrimeId};
///
/// let half = kernel::with_prime!(PrimeId::T, P => P::inv(2));
/// assert_eq!(2 * u64::from(half) % 4_293_918_721, 1);
/// ```
#[macro_export]
macro_rules! with_prime {
    ($id:expr, $P:ident => $body:expr) => {
        match $id {
            $crate::prime::PrimeId::T => {
                type $P = $crate::prime::T;
                $body
            }
            $crate::prime::PrimeId::Delta => {
                type $P = $crate::prime::Delta;
                $body
            }
        }
    };
}
