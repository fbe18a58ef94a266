use crate::gadget::digits;
use crate::params::{DirectSet, LimbVisitor, Limbs, ParameterId};
use crate::prime::Prime;
use crate::with_direct_set;

/// Limbs of a direct set, at most.
pub const MAX_LIMBS: usize = 4;

/// A limb, as values.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct LimbShape {
    /// The prime.
    pub modulus: u32,
    /// Bits of a residue.
    pub bits: u32,
    /// Digits of the gadget.
    pub digits: usize,
}

/// A parameter set of direct mode, as values: for code that learns the set at run time.
///
/// ```
/// use kernel::direct::DirectShape;
/// use kernel::params::ParameterId;
///
/// let shape = DirectShape::of(ParameterId::Direct4096).ok_or("no direct set")?;
/// assert_eq!((shape.degree, shape.elements()), (4096, 10));
/// assert_eq!(shape.body_bytes(), 4096 * 83 / 8);
/// assert_eq!(DirectShape::of(ParameterId::Masked256x16), None);
/// # Ok::<(), &str>(())
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct DirectShape {
    /// Ring degree N.
    pub degree: usize,
    limbs: [LimbShape; MAX_LIMBS],
    count: usize,
}

impl DirectShape {
    /// The shape of a set, if it is one of direct mode.
    #[must_use]
    pub fn of(set: ParameterId) -> Option<Self> {
        with_direct_set!(set, S => Some(Self::of_set::<S>()), None)
    }

    /// The shape of a set known as a type.
    #[must_use]
    pub fn of_set<S: DirectSet>() -> Self {
        struct Collect([LimbShape; MAX_LIMBS], u32);
        impl LimbVisitor for Collect {
            fn limb<P: Prime>(&mut self, index: usize) {
                if let Some(limb) = self.0.get_mut(index) {
                    *limb =
                        LimbShape { modulus: P::VALUE, bits: P::BITS, digits: digits::<P>(self.1) };
                }
            }
        }
        let mut limbs = Collect([LimbShape::default(); MAX_LIMBS], S::DIGIT_BITS);
        S::Chain::visit(&mut limbs);
        Self { degree: S::N, limbs: limbs.0, count: S::Chain::COUNT }
    }

    /// The limbs, in wire order.
    #[must_use]
    pub fn limbs(&self) -> &[LimbShape] {
        &self.limbs[..self.count]
    }

    /// Elements of the gadget: ciphertexts of an evaluation key.
    #[must_use]
    pub fn elements(&self) -> usize {
        self.limbs().iter().map(|limb| limb.digits).sum()
    }

    /// Words of the body of one ciphertext.
    #[must_use]
    pub const fn body_words(&self) -> usize {
        self.degree * self.count
    }

    /// Packed bytes of the body of one ciphertext.
    #[must_use]
    pub fn body_bytes(&self) -> usize {
        let limb = |limb: &LimbShape| crate::wire::packed_bits_len(limb.bits, self.degree);
        self.limbs().iter().map(limb).sum()
    }
}
