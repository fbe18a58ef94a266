use crate::context::Context;
use crate::modulus::Modulus;
use crate::pool::Lease;
use bytemuck::{Pod, Zeroable};
use kernel::accel::AccelError;
use kernel::gadget::{digit_bits, digits};
use kernel::params::{DirectSet, LimbVisitor, Limbs, ParameterId};
use kernel::prime::Prime;
use kernel::with_direct_set;

/// Most limbs of a set.
const LIMBS: usize = 4;
/// Most elements of a gadget.
pub(super) const ELEMENTS: usize = 16;

/// Polynomials of a set, as `shaders/shared/ring.wgsl` has them.
#[repr(C)]
#[derive(Clone, Copy, Debug, Pod, Zeroable)]
pub(crate) struct RingParams {
    limbs: [Modulus; LIMBS],
    count: u32,
    degree: u32,
    elements: u32,
    padding: u32,
}

/// A parameter set of direct mode, as values, and its tables on the device.
#[derive(Debug)]
pub(crate) struct Set {
    pub(super) id: ParameterId,
    pub(super) degree: usize,
    pub(super) limbs: Vec<Limb>,
    /// For each limb the powers of psi in bit-reversed order, times R.
    pub(super) twiddles: Lease,
    /// For each limb the powers of psi below N, times R.
    pub(super) powers: Lease,
}

/// A limb of a set.
#[derive(Clone, Debug)]
pub(super) struct Limb {
    pub(super) p: u32,
    /// Bits of a residue.
    pub(super) bits: u32,
    /// The lane of the modulus in the streams of masks.
    pub(super) lane: u8,
    /// Digits of the gadget, and bits of each.
    digits: usize,
    digit_bits: u32,
    twiddles: &'static [u32],
    /// `(q / p)^-1 mod p`.
    factor: u32,
}

struct Collect {
    /// Bits of a digit, at most.
    digit_bits: u32,
    modulus: u128,
    limbs: Vec<Limb>,
}

impl LimbVisitor for Collect {
    fn limb<P: Prime>(&mut self, _: usize) {
        let others = self.modulus / u128::from(P::VALUE) % u128::from(P::VALUE);
        self.limbs.push(Limb {
            p: P::VALUE,
            bits: P::BITS,
            lane: P::MASK_LANE,
            digits: digits::<P>(self.digit_bits),
            digit_bits: digit_bits::<P>(digits::<P>(self.digit_bits)),
            twiddles: P::TWIDDLES,
            factor: P::inv(others as u32),
        });
    }
}

impl Limb {
    /// A residue times R.
    fn montgomery(&self, residue: u32) -> u32 {
        ((u64::from(residue) << 32) % u64::from(self.p)) as u32
    }

    /// `(q / p)^-1 mod p`, times R.
    pub(super) fn switch_factor(&self) -> u32 {
        self.montgomery(self.factor)
    }

    /// `floor(2^96 / p)`: three words, the lowest first.
    pub(super) fn reciprocal(&self) -> [u32; 4] {
        let reciprocal = (1_u128 << 96) / u128::from(self.p);
        [0, 32, 64, 96].map(|shift| (reciprocal >> shift) as u32)
    }
}

impl Set {
    /// # Errors
    /// [`AccelError::UnknownSet`], or as the device fails.
    pub(super) fn new(context: &Context, id: ParameterId) -> Result<Self, AccelError> {
        fn limbs<S: DirectSet>() -> (usize, Vec<Limb>) {
            let (digit_bits, modulus) = (S::DIGIT_BITS, S::Chain::MODULUS);
            let mut collect = Collect { digit_bits, modulus, limbs: Vec::new() };
            S::Chain::visit(&mut collect);
            (S::N, collect.limbs)
        }
        let found = with_direct_set!(id, S => Some(limbs::<S>()), None);
        let (degree, limbs) = found.ok_or(AccelError::UnknownSet)?;
        let elements: usize = limbs.iter().map(|limb| limb.digits).sum();
        if limbs.len() > LIMBS || elements > ELEMENTS {
            return Err(AccelError::UnknownSet);
        }
        let shift = usize::BITS - degree.trailing_zeros();
        let table = |index: fn(usize, u32) -> usize| {
            let of_limb = |limb: &Limb| {
                let entry = |i| limb.montgomery(limb.twiddles[index(i, shift)]);
                (0..degree).map(entry).collect::<Vec<_>>()
            };
            limbs.iter().flat_map(of_limb).collect::<Vec<_>>()
        };
        let twiddles = context.upload(&table(|i, _| i))?;
        let powers = context.upload(&table(|i, shift| i.reverse_bits() >> shift))?;
        Ok(Self { id, degree, limbs, twiddles, powers })
    }

    /// Elements of the gadget.
    pub(super) fn elements(&self) -> usize {
        self.limbs.iter().map(|limb| limb.digits).sum()
    }

    /// For each element its limb, its digit, the bits of a digit and the digits of the limb.
    pub(super) fn places(&self) -> [[u32; 4]; ELEMENTS] {
        let mut places = [[0; 4]; ELEMENTS];
        let all = (0..).zip(&self.limbs).flat_map(|(number, limb)| {
            let count = limb.digits as u32;
            (0..count).map(move |digit| [number, digit, limb.digit_bits, count])
        });
        places.iter_mut().zip(all).for_each(|(place, it)| *place = it);
        places
    }

    /// Words of all limbs of a polynomial.
    pub(super) fn words(&self) -> usize {
        self.limbs.len() * self.degree
    }

    /// Whether all words, limb after limb, are residues.
    pub(super) fn holds(&self, polynomials: &[u32]) -> bool {
        polynomials.chunks_exact(self.words()).all(|polynomial| {
            let limbs = polynomial.chunks_exact(self.degree).zip(&self.limbs);
            // A fold instead of a search: it vectorises.
            limbs
                .into_iter()
                .all(|(words, limb)| !words.iter().fold(false, |bad, &word| bad | (word >= limb.p)))
        })
    }

    pub(super) fn params(&self) -> RingParams {
        let mut limbs = [Modulus::new(1); LIMBS];
        limbs.iter_mut().zip(&self.limbs).for_each(|(m, limb)| *m = Modulus::new(limb.p));
        RingParams {
            limbs,
            count: self.limbs.len() as u32,
            degree: self.degree as u32,
            elements: self.elements() as u32,
            padding: 0,
        }
    }
}
