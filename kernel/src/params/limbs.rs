use crate::prime::Prime;

mod sealed {
    pub trait Sealed {}
}

/// A list of limbs: the ciphertext modulus is the product of their primes. Tuples of one to four
/// primes are lists.
///
/// ```
/// use kernel::params::{LimbVisitor, Limbs};
/// use kernel::prime::{Delta, Prime, T};
///
/// /// Collects the moduli.
/// struct Moduli(Vec<u32>);
/// impl LimbVisitor for Moduli {
///     fn limb<P: Prime>(&mut self, index: usize) {
///         assert_eq!(index, self.0.len());
///         self.0.push(P::VALUE);
///     }
/// }
/// let mut moduli = Moduli(Vec::new());
/// <(T, Delta)>::visit(&mut moduli);
/// assert_eq!(moduli.0, [T::VALUE, Delta::VALUE]);
/// assert_eq!((<(T, Delta)>::COUNT, <(T, Delta)>::LOG2_MODULUS), (2, 60));
/// ```
pub trait Limbs: sealed::Sealed {
    /// How many limbs.
    const COUNT: usize;
    /// The modulus.
    const MODULUS: u128;
    /// Bits of a residue of each limb, in order.
    const BITS: &'static [u32];
    /// The base-2 logarithm of the modulus, rounded up.
    const LOG2_MODULUS: u32 = log2_ceil(Self::MODULUS);

    /// Calls `visitor` for every limb, in order, with its prime as a type.
    fn visit<V: LimbVisitor>(visitor: &mut V);
}

/// Work that is done once for each limb; see [`Limbs`] for an example.
pub trait LimbVisitor {
    /// Limb `index`, of prime `P`.
    fn limb<P: Prime>(&mut self, index: usize);
}

/// Bits of a product of primes; every prime is below `2^32`, so four fit.
const fn log2_ceil(product: u128) -> u32 {
    128 - (product - 1).leading_zeros()
}

macro_rules! limbs {
    ($count:literal: $($index:literal $prime:ident),+) => {
        impl<$($prime: Prime),+> sealed::Sealed for ($($prime,)+) {}
        impl<$($prime: Prime),+> Limbs for ($($prime,)+) {
            const COUNT: usize = $count;
            const BITS: &'static [u32] = &[$($prime::BITS),+];
            const MODULUS: u128 = 1 $(* $prime::VALUE as u128)+;
            fn visit<V: LimbVisitor>(visitor: &mut V) {
                $(visitor.limb::<$prime>($index);)+
            }
        }
    };
}

limbs!(1: 0 P0);
limbs!(2: 0 P0, 1 P1);
limbs!(3: 0 P0, 1 P1, 2 P2);
limbs!(4: 0 P0, 1 P1, 2 P2, 3 P3);
