use super::{LimbVisitor, Limbs, ParameterId, ParameterSet, largest_log2_modulus, sealed};
use crate::ntt;
use crate::prime::{Delta, Prime, Prime26, Prime29, T};

/// Parameters of [hybrid key switching](crate::hybrid): rank 1, and a special modulus P beside q.
///
/// ```
/// use kernel::params::{Hybrid4096 as Set, HybridSet, Limbs, ParameterSet};
/// use kernel::prime::Prime;
///
/// let q = <Set as ParameterSet>::Chain::MODULUS;
/// assert_eq!((Set::N, Set::K, Set::EXTENDED_LIMBS), (4096, 1, 3));
/// // Security counts all moduli: q P has 83 bits, of which q has 54.
/// assert_eq!((q * u128::from(<Set as HybridSet>::Special::VALUE)).ilog2(), 82);
/// assert_eq!(q.ilog2(), 53);
/// ```
pub trait HybridSet: ParameterSet {
    /// The special modulus P, prime to q: the larger it is beside the limbs of q, the less noise a
    /// key switch adds.
    type Special: Prime;
    /// Limbs of a polynomial modulo q P: those of q, then P.
    const EXTENDED_LIMBS: usize = Self::Chain::COUNT + 1;

    /// Calls `visitor` for every limb of q P, in order.
    ///
    /// ```
    /// use kernel::params::{Hybrid4096, HybridSet, LimbVisitor};
    /// use kernel::prime::Prime;
    ///
    /// struct Bits(Vec<u32>);
    /// impl LimbVisitor for Bits {
    ///     fn limb<P: Prime>(&mut self, _: usize) {
    ///         self.0.push(P::BITS);
    ///     }
    /// }
    /// let mut bits = Bits(Vec::new());
    /// Hybrid4096::visit_extended(&mut bits);
    /// assert_eq!(bits.0, [28, 26, 29]);
    /// ```
    fn visit_extended<V: LimbVisitor>(visitor: &mut V) {
        Self::Chain::visit(visitor);
        visitor.limb::<Self::Special>(Self::Chain::COUNT);
    }
}

macro_rules! hybrid_sets {
    ($($(#[$doc:meta])* $name:ident: N $n:literal, q ($($limb:ident),+), P $special:ident $(, $insecure:ident)?;)+) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug)]
        pub enum $name {}
        impl sealed::Sealed for $name {}
        impl ParameterSet for $name {
            const ID: ParameterId = ParameterId::$name;
            const N: usize = $n;
            const K: usize = 1;
            type Plain = T;
            type Chain = ($($limb,)+);
        }
        impl HybridSet for $name {
            type Special = $special;
        }
        const _: () = {
            assert!($(ntt::supports::<$limb>($n) &&)+ ntt::supports::<$special>($n));
            assert!($($limb::VALUE != $special::VALUE)&&+, "P divides q");
            parameter_sets!(@ $n, ($($limb,)+ $special) $(, $insecure)?);
        };
    )+};
}

hybrid_sets! {
    /// N = 4096, q = (2^28 - 2^16 + 1) (2^26 - 2^16 + 1), P = 2^29 - 2^18 + 1: q P has the 83 bits
    /// that are secure. A message distance of 2^22 is left, for computations as short as that allows:
    /// [`hybrid::noise`](crate::hybrid::noise) has the figures.
    Hybrid4096: N 4096, q (Delta, Prime26), P Prime29;
}

#[cfg(feature = "hazmat")]
hybrid_sets! {
    /// The moduli of [`Hybrid4096`] at N = 64: no security, for tests at speed.
    InsecureHybrid64: N 64, q (Delta, Prime26), P Prime29, insecure;
    /// N = 8, three limbs, one of them t and so above P: no security, for tests at speed.
    InsecureHybrid8: N 8, q (T, Delta, Prime26), P Prime29, insecure;
}
