//! Parameter sets as types.
//!
//! A set is a zero-sized type; its security is checked when the crate is compiled, its
//! no-failure bound for a given matrix by
//! [`GroupBounds::check_noise`](crate::quant::GroupBounds::check_noise) when the matrix is met.
//! Sets whose names begin with `Insecure` exist for tests and are behind the feature `hazmat`.

mod limbs;
mod security;

pub use limbs::{LimbVisitor, Limbs};
pub use security::largest_log2_modulus;

use crate::gadget;
use crate::ntt;
use crate::prime::{Delta, Prime, Prime25, Prime26, PrimeId, T};
#[cfg(feature = "hazmat")]
use crate::prime::{InsecureDelta97, InsecureT17};

mod sealed {
    pub trait Sealed {}
}

/// Parameters of the scheme: GLWE of rank K over degree N, modulo the product of its limbs.
///
/// Code is generic over the set; [`with_masked_set!`](crate::with_masked_set) goes from a number
/// on the wire to the type:
///
/// ```
/// use kernel::params::{Masked256x16, ParameterSet};
///
/// /// Bytes of one expanded result row in memory.
/// fn row_bytes<S: ParameterSet>() -> usize {
///     2 * 4 * S::LIMB_WORDS
/// }
/// assert_eq!((Masked256x16::N, Masked256x16::MASK_WORDS), (256, 4096));
/// assert_eq!(row_bytes::<Masked256x16>(), 2 * 4 * (16 + 1) * 256);
/// ```
pub trait ParameterSet: sealed::Sealed + Copy + core::fmt::Debug + Send + Sync + 'static {
    /// The number of the set on the wire.
    const ID: ParameterId;
    /// Ring degree N: in masked mode, the tokens that one unit prepares.
    const N: usize;
    /// Rank K.
    const K: usize;
    /// The plaintext modulus t.
    type Plain: Prime;
    /// The limbs of the ciphertext modulus q, in wire order.
    type Chain: Limbs;

    /// Words of one ciphertext limb: K mask polynomials, then the body.
    const LIMB_WORDS: usize = (Self::K + 1) * Self::N;
    /// Words of the masks of one ciphertext limb.
    const MASK_WORDS: usize = Self::K * Self::N;
    /// Words of the bodies of one ciphertext: what a device sends.
    const BODY_WORDS: usize = Self::N * Self::Chain::COUNT;

    /// Adds `round(q m / t)` modulo the prime of a limb, for each residue m of `message`, to `body`.
    ///
    /// With `r` the centred residue of `q m` modulo t, `q m - r` is a multiple of t, and the quotient
    /// is `-r / t` modulo every other limb; the limb t itself, where there is one, holds `(q / t) m`.
    fn encode_assign<P: Prime>(message: &[u32], body: &mut [u32]) {
        let t = u128::from(Self::Plain::VALUE);
        if P::VALUE == Self::Plain::VALUE {
            let scale = (Self::Chain::MODULUS / t % u128::from(P::VALUE)) as u32;
            for (b, &m) in body.iter_mut().zip(message) {
                *b = P::add(*b, P::mul(scale, m));
            }
            return;
        }
        let modulus = (Self::Chain::MODULUS % t) as u32;
        if modulus == 0 {
            return;
        }
        let factor = P::neg(P::inv(P::reduce(Self::Plain::VALUE.into())));
        for (b, &m) in body.iter_mut().zip(message) {
            let r = Self::Plain::centre(Self::Plain::mul(modulus, m));
            *b = P::add(*b, P::mul(P::from_i64(r.into()), factor));
        }
    }
}

/// Masked mode's parameters: `q = t * Delta`, limb 0 modulo t and limb 1 modulo Delta.
pub trait MaskedSet: ParameterSet {
    /// The second limb Delta: it holds the noise alone.
    type Scale: Prime;
}

/// Direct mode's parameters: rank 1, a gadget that cuts each limb into digits, and t a limb, so that
/// encoding is exact, and the noise of a ciphertext independent of its message.
pub trait DirectSet: ParameterSet {
    /// Bits of a digit, at most; [`gadget`] has their number.
    const DIGIT_BITS: u32;
    /// The first limb, and one of two that decryption works modulo.
    type First: Prime;
    /// The second limb, and the other of the two.
    type Second: Prime;
    /// Key-switching bodies and masks of one automorphism.
    const GADGET: usize = gadget::elements(Self::Chain::BITS, Self::DIGIT_BITS);
}

/// A parameter set; the discriminant is its number on the wire.
///
/// | number | set | N | K |
/// |---|---|---|---|
/// | 1 | `Masked4096x1` | 4096 | 1 |
/// | 2 | `Masked2048x2` | 2048 | 2 |
/// | 3 | `Masked1024x4` | 1024 | 4 |
/// | 4 | `Masked512x8` | 512 | 8 |
/// | 5 | `Masked256x16` | 256 | 16 |
/// | 16 | `Direct4096` | 4096 | 1 |
/// | 0xe0, not on the wire | `Hybrid4096` | 4096 | 1 |
/// | 0xf0 | `InsecureMasked16x1` (`hazmat`) | 16 | 1 |
/// | 0xf2 | `InsecureDirect64` (`hazmat`) | 64 | 1 |
/// | 0xf3 | `InsecureDirect8` (`hazmat`) | 8 | 1 |
///
/// ```
/// use kernel::params::ParameterId;
///
/// let set = ParameterId::for_batch(1024).ok_or("no such set")?;
/// assert_eq!((set as u8, set.degree_and_rank()), (3, (1024, 4)));
/// assert_eq!(ParameterId::from_wire(3), Some(set));
/// assert_eq!(ParameterId::from_wire(0), None);
/// # Ok::<(), &str>(())
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq, Hash)]
#[repr(u8)]
#[non_exhaustive]
pub enum ParameterId {
    /// [`Masked4096x1`].
    Masked4096x1 = 1,
    /// [`Masked2048x2`].
    Masked2048x2 = 2,
    /// [`Masked1024x4`].
    Masked1024x4 = 3,
    /// [`Masked512x8`].
    Masked512x8 = 4,
    /// [`Masked256x16`].
    Masked256x16 = 5,
    /// [`Direct4096`].
    Direct4096 = 16,
    /// [`InsecureMasked16x1`].
    #[cfg(feature = "hazmat")]
    InsecureMasked16x1 = 0xf0,
    /// [`InsecureToy4x1`]; never on the wire.
    #[cfg(feature = "hazmat")]
    InsecureToy4x1 = 0xf1,
    /// [`InsecureDirect64`].
    #[cfg(feature = "hazmat")]
    InsecureDirect64 = 0xf2,
    /// [`InsecureDirect8`].
    #[cfg(feature = "hazmat")]
    InsecureDirect8 = 0xf3,
    /// [`Hybrid4096`]; never on the wire.
    Hybrid4096 = 0xe0,
    /// [`InsecureHybrid64`]; never on the wire.
    #[cfg(feature = "hazmat")]
    InsecureHybrid64 = 0xe1,
    /// [`InsecureHybrid8`]; never on the wire.
    #[cfg(feature = "hazmat")]
    InsecureHybrid8 = 0xe2,
}

macro_rules! parameter_sets {
    ($($(#[$doc:meta])* $name:ident: N $n:literal, K $k:literal, $plain:ident, $scale:ident $(, $insecure:ident)?;)+) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug)]
        pub enum $name {}
        impl sealed::Sealed for $name {}
        impl ParameterSet for $name {
            const ID: ParameterId = ParameterId::$name;
            const N: usize = $n;
            const K: usize = $k;
            type Plain = $plain;
            type Chain = ($plain, $scale);
        }
        impl MaskedSet for $name {
            type Scale = $scale;
        }
        const _: () = {
            assert!(ntt::supports::<$plain>($n) && ntt::supports::<$scale>($n));
            parameter_sets!(@ $n * $k, ($plain, $scale) $(, $insecure)?);
        };
    )+};
    (@ $dimension:expr, $chain:ty) => {
        assert!(
            <$chain as Limbs>::LOG2_MODULUS <= largest_log2_modulus($dimension),
            "the set is below 128 bits of post-quantum security"
        );
    };
    (@ $dimension:expr, $chain:ty, insecure) => {};
}

macro_rules! direct_sets {
    ($($(#[$doc:meta])* $name:ident: N $n:literal $(, $insecure:ident)?;)+) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug)]
        pub enum $name {}
        impl sealed::Sealed for $name {}
        impl ParameterSet for $name {
            const ID: ParameterId = ParameterId::$name;
            const N: usize = $n;
            const K: usize = 1;
            type Plain = T;
            type Chain = (T, Prime26, Prime25);
        }
        impl DirectSet for $name {
            const DIGIT_BITS: u32 = 9;
            type First = T;
            type Second = Prime26;
        }
        const _: () = {
            assert!(ntt::supports::<T>($n) && ntt::supports::<Prime26>($n));
            assert!(ntt::supports::<Prime25>($n));
            assert!(<(T, Prime26, Prime25) as Limbs>::MODULUS.is_multiple_of(T::VALUE as u128));
            parameter_sets!(@ $n, (T, Prime26, Prime25) $(, $insecure)?);
        };
    )+};
}

parameter_sets! {
    /// N = 4096, rank 1.
    Masked4096x1: N 4096, K 1, T, Delta;
    /// N = 2048, rank 2.
    Masked2048x2: N 2048, K 2, T, Delta;
    /// N = 1024, rank 4.
    Masked1024x4: N 1024, K 4, T, Delta;
    /// N = 512, rank 8.
    Masked512x8: N 512, K 8, T, Delta;
    /// N = 256, rank 16: the default.
    Masked256x16: N 256, K 16, T, Delta;
}

direct_sets! {
    /// Direct mode: N = 4096, q = t (2^26 - 2^16 + 1) (2^25 - 2^14 + 1), ten digits.
    Direct4096: N 4096;
}

#[cfg(feature = "hazmat")]
direct_sets! {
    /// Direct mode's moduli at N = 64: no security, for tests at speed.
    InsecureDirect64: N 64, insecure;
    /// Direct mode's moduli at N = 8: no security, for tests at speed.
    InsecureDirect8: N 8, insecure;
}

#[cfg(feature = "hazmat")]
parameter_sets! {
    /// Sixteen tokens, rank 1, the real moduli: no security, for tests at speed.
    InsecureMasked16x1: N 16, K 1, T, Delta, insecure;
    /// N = 4, t = 17, Delta = 97: no security, for exhaustive tests.
    InsecureToy4x1: N 4, K 1, InsecureT17, InsecureDelta97, insecure;
}

// Here, because a macro is known only below its definition.
mod hybrid;

pub use hybrid::{Hybrid4096, HybridSet};
#[cfg(feature = "hazmat")]
pub use hybrid::{InsecureHybrid8, InsecureHybrid64};

impl ParameterId {
    /// The set with this number on the wire, if this build offers it.
    #[must_use]
    pub const fn from_wire(number: u8) -> Option<Self> {
        Some(match number {
            1 => Self::Masked4096x1,
            2 => Self::Masked2048x2,
            3 => Self::Masked1024x4,
            4 => Self::Masked512x8,
            5 => Self::Masked256x16,
            16 => Self::Direct4096,
            #[cfg(feature = "hazmat")]
            0xf0 => Self::InsecureMasked16x1,
            #[cfg(feature = "hazmat")]
            0xf2 => Self::InsecureDirect64,
            #[cfg(feature = "hazmat")]
            0xf3 => Self::InsecureDirect8,
            _ => return None,
        })
    }

    /// The set of N = `tokens`, or `None` where no secure set has that degree.
    #[must_use]
    pub const fn for_batch(tokens: usize) -> Option<Self> {
        Some(match tokens {
            4096 => Self::Masked4096x1,
            2048 => Self::Masked2048x2,
            1024 => Self::Masked1024x4,
            512 => Self::Masked512x8,
            256 => Self::Masked256x16,
            _ => return None,
        })
    }

    /// (N, K).
    #[must_use]
    pub const fn degree_and_rank(self) -> (usize, usize) {
        const fn of<S: ParameterSet>() -> (usize, usize) {
            (S::N, S::K)
        }
        match self {
            Self::Masked4096x1 => of::<Masked4096x1>(),
            Self::Masked2048x2 => of::<Masked2048x2>(),
            Self::Masked1024x4 => of::<Masked1024x4>(),
            Self::Masked512x8 => of::<Masked512x8>(),
            Self::Masked256x16 => of::<Masked256x16>(),
            Self::Direct4096 => of::<Direct4096>(),
            #[cfg(feature = "hazmat")]
            Self::InsecureMasked16x1 => of::<InsecureMasked16x1>(),
            #[cfg(feature = "hazmat")]
            Self::InsecureToy4x1 => of::<InsecureToy4x1>(),
            #[cfg(feature = "hazmat")]
            Self::InsecureDirect64 => of::<InsecureDirect64>(),
            #[cfg(feature = "hazmat")]
            Self::InsecureDirect8 => of::<InsecureDirect8>(),
            Self::Hybrid4096 => of::<Hybrid4096>(),
            #[cfg(feature = "hazmat")]
            Self::InsecureHybrid64 => of::<InsecureHybrid64>(),
            #[cfg(feature = "hazmat")]
            Self::InsecureHybrid8 => of::<InsecureHybrid8>(),
        }
    }
}

/// Runs `$body` with the type alias `$S` bound to the masked parameter set of a
/// [`ParameterId`](crate::params::ParameterId), or `$otherwise` for a set that is not offered,
/// which the insecure ones are not.
///
/// ```
/// use kernel::glwe::SecretKey;
/// use kernel::params::ParameterId;
/// use kernel::with_masked_set;
///
/// let words = |id| with_masked_set!(id, S => Some(SecretKey::<S>::WORDS), None);
/// assert_eq!(words(ParameterId::Masked512x8), Some(2 * 4096));
/// ```
#[macro_export]
macro_rules! with_masked_set {
    ($id:expr, $S:ident => $body:expr, $otherwise:expr) => {
        $crate::with_masked_set!(@ $id, $S, $body, $otherwise,
            Masked4096x1 Masked2048x2 Masked1024x4 Masked512x8 Masked256x16)
    };
    (@ $id:expr, $S:ident, $body:expr, $otherwise:expr, $($set:ident)+) => {
        match $id {
            $($crate::params::ParameterId::$set => {
                type $S = $crate::params::$set;
                $body
            })+
            #[allow(unreachable_patterns, reason = "insecure sets exist under a feature")]
            _ => $otherwise,
        }
    };
}

/// Runs `$body` with the type alias `$S` bound to the direct parameter set of a
/// [`ParameterId`](crate::params::ParameterId), or `$otherwise` for a set that is not of direct mode.
#[macro_export]
macro_rules! with_direct_set {
    ($id:expr, $S:ident => $body:expr, $otherwise:expr) => {
        $crate::with_each_direct_set!(@ $id, $S, $body, $otherwise)
    };
    (@ $id:expr, $S:ident, $body:expr, $otherwise:expr, $($set:ident)+) => {
        match $id {
            $($crate::params::ParameterId::$set => {
                type $S = $crate::params::$set;
                $body
            })+
            _ => $otherwise,
        }
    };
}

// Which sets there are is decided where the kernel is compiled, not where the macro is used.
#[cfg(not(feature = "hazmat"))]
#[doc(hidden)]
#[macro_export]
macro_rules! with_each_direct_set {
    (@ $($rest:tt)*) => { $crate::with_direct_set!(@ $($rest)*, Direct4096) };
}

#[cfg(feature = "hazmat")]
#[doc(hidden)]
#[macro_export]
macro_rules! with_each_direct_set {
    (@ $($rest:tt)*) => {
        $crate::with_direct_set!(@ $($rest)*, Direct4096 InsecureDirect64 InsecureDirect8)
    };
}

/// The limbs of masked mode, in wire order, as an accelerator names them: t, then Delta.
pub const MASKED_LIMBS: [PrimeId; 2] = [PrimeId::T, PrimeId::Delta];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wire_numbers_come_back_and_the_dimension_is_4096() {
        for number in 0..=u8::MAX {
            if let Some(id) = ParameterId::from_wire(number) {
                assert_eq!(id as u8, number);
                let (n, k) = id.degree_and_rank();
                assert!(n * k == 4096 || number >= 0xf0);
            }
        }
        assert_eq!(<(T, Delta) as Limbs>::LOG2_MODULUS, 60);
        assert_eq!(<Direct4096 as ParameterSet>::Chain::LOG2_MODULUS, 83);
        assert_eq!(ParameterId::Masked256x16.degree_and_rank(), (256, 16));
    }

    #[test]
    fn limits_are_those_of_the_table() {
        assert_eq!([2048, 4096, 8192].map(largest_log2_modulus), [41, 83, 165]);
        assert_eq!(largest_log2_modulus(1024), 0);
        assert_eq!(largest_log2_modulus(5000), 83);
    }
}
