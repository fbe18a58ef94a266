use super::modulus::Modulus;
use kernel::gadget::{digit_bits, digits};
use kernel::params::{DirectSet, LimbVisitor, Limbs, ParameterId};
use kernel::prime::Prime;
use kernel::stream::{PublicSeed, expand_mask};
use kernel::with_direct_set;

/// What lies between polynomials in memory, in words, so that equal places of many of them do not
/// compete for the same lines of a cache.
const SKEW: usize = 16;

/// A parameter set of direct mode, as values.
#[derive(Debug)]
pub(crate) struct Set {
    pub(crate) id: ParameterId,
    pub(crate) degree: usize,
    pub(crate) limbs: Vec<Limb>,
    /// [`switch_into`](kernel::direct::switch_into).
    pub(super) switch: fn(u32, &[u32], &mut [u64]),
}

/// A limb of a set.
#[derive(Debug)]
pub(crate) struct Limb {
    pub(super) modulus: Modulus,
    /// Digits of the gadget, and bits of each.
    pub(super) digits: usize,
    pub(super) digit_bits: u32,
    pub(super) expand: fn(&PublicSeed, u64, usize, &mut [u32]),
}

/// Limbs, or `None` after one whose prime has no arithmetic here.
struct Collect {
    /// Bits of a digit, at most.
    digit_bits: u32,
    limbs: Option<Vec<Limb>>,
}

impl LimbVisitor for Collect {
    fn limb<P: Prime>(&mut self, _: usize) {
        let limb = Modulus::of::<P>().map(|modulus| Limb {
            modulus,
            digits: digits::<P>(self.digit_bits),
            digit_bits: digit_bits::<P>(digits::<P>(self.digit_bits)),
            expand: expand_mask::<P>,
        });
        self.limbs = self.limbs.take().zip(limb).map(|(mut limbs, limb)| {
            limbs.push(limb);
            limbs
        });
    }
}

impl Set {
    /// The values of a set that this backend has.
    pub(crate) fn of(id: ParameterId) -> Option<Self> {
        fn new<S: DirectSet>() -> Option<Set> {
            let mut collect = Collect { digit_bits: S::DIGIT_BITS, limbs: Some(Vec::new()) };
            S::Chain::visit(&mut collect);
            Some(Set {
                id: S::ID,
                degree: S::N,
                limbs: collect.limbs?,
                switch: kernel::direct::switch_into::<S>,
            })
        }
        with_direct_set!(id, S => new::<S>(), None)
    }

    /// Elements of the gadget.
    pub(crate) fn gadget(&self) -> usize {
        self.limbs.iter().map(|limb| limb.digits).sum()
    }

    /// Words from one polynomial of digits or keys to the next.
    pub(super) fn stride(&self) -> usize {
        self.degree + SKEW
    }

    /// Words of all limbs of a polynomial.
    pub(crate) fn words(&self) -> usize {
        self.limbs.len() * self.degree
    }

    /// Whether all words, limb after limb, are residues.
    pub(crate) fn holds(&self, polynomials: &[u32]) -> bool {
        polynomials.chunks_exact(self.words()).all(|polynomial| {
            polynomial.chunks_exact(self.degree).zip(&self.limbs).all(|(words, limb)| {
                // A fold instead of a search: it vectorises.
                !words.iter().fold(false, |bad, &word| bad | (word >= limb.modulus.value))
            })
        })
    }
}
