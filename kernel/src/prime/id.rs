use super::{Delta, Prime, T};

/// A prime chosen at run time, as it appears in calls to an accelerator.
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

/// Runs `$body` with the type alias `$P` bound to the prime of a [`PrimeId`].
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
