use super::set::Set;
use kernel::galois::Automorphism;
use kernel::trace::{Layout, Plan};

/// Giant steps of the plans for which weights may be encoded by the transform in two dimensions.
pub(super) const GIANTS: usize = 16;
/// That is faster than the definition, whose transforms are as many as the main sum is long, where
/// this many times the main sum reach the degree.
const TWO_DIMENSIONS: usize = 64;

/// What the products of one layout have in common.
#[derive(Clone, Debug)]
pub(super) struct Shape<'a> {
    pub(super) set: &'a Set,
    pub(super) layout: Layout,
    pub(super) plan: Plan,
    /// The slot at every place: products work through blocks of places, a vector each.
    pub(super) slots: Vec<u16>,
    /// How places were chosen: `None` for the order of slots.
    pub(super) orbits: Option<Orbits>,
}

/// Slots in the order in which the group of the main sum visits them.
///
/// A slot is known by its exponent k, the value of a polynomial at `psi^k`. The powers of the plan's
/// generator g split the exponents into orbits, `rep g^m`. For T = 1 the two orbits, of 1 and -1,
/// make one *family*; otherwise every orbit is a family of its own. Values of polynomials in
/// `X^fold` repeat along an orbit with period `period`; the places of one block of m and its repeats
/// in all orbits of a family follow each other:
/// `family, m % period / block, m / period, orbit, m % block`.
#[derive(Clone, Debug)]
pub(super) struct Orbits {
    pub(super) representatives: Vec<u32>,
    /// Orbits of one family.
    pub(super) of_family: usize,
    /// Slots of one orbit.
    pub(super) length: usize,
    pub(super) period: usize,
    /// `g^m`, one for each slot of an orbit.
    pub(super) powers: Vec<u32>,
}

/// The index of the value at `psi^exponent`, psi of order `2 degree`.
pub(super) fn slot(degree: usize, exponent: u32) -> usize {
    let bits = degree.trailing_zeros();
    let k = (exponent & (2 * degree as u32 - 1)) / 2;
    if bits == 0 { 0 } else { (k.reverse_bits() >> (u32::BITS - bits)) as usize }
}

impl<'a> Shape<'a> {
    /// The shape of a layout, for blocks of `block` places.
    pub(super) fn new(set: &'a Set, layout: &Layout, block: usize) -> Self {
        let plan = Plan::new(layout);
        let degree = set.degree;
        let orbits = (plan.giants() == GIANTS && TWO_DIMENSIONS * layout.sum() >= degree)
            .then(|| Orbits::new(layout, plan))
            .filter(|orbits| orbits.period >= block);
        let slots: Vec<u16> = match &orbits {
            None => (0..degree as u16).collect(),
            Some(orbits) => orbits
                .places(block)
                .map(|(orbit, m)| slot(degree, orbits.exponent(orbit, m)) as u16)
                .collect(),
        };
        Self { set, layout: *layout, plan, slots, orbits }
    }

    /// Sides of the main sum.
    pub(super) fn sides(&self) -> usize {
        1 + usize::from(self.plan.two_sided())
    }

    /// Giant steps of all sides.
    pub(super) fn giants(&self) -> usize {
        self.sides() * self.plan.giants()
    }

    /// Giant steps whose weights for one baby step lie side by side.
    pub(super) fn together(&self) -> usize {
        self.giants().min(2)
    }

    /// Words of the weights of one block of places.
    pub(super) fn weights(&self, block: usize) -> usize {
        self.giants() * self.plan.babies() * block
    }

    /// The automorphism of a giant step of all.
    pub(super) fn giant(&self, index: usize) -> Automorphism {
        self.plan.giant(index % self.plan.giants(), index >= self.plan.giants())
    }

    /// Where the weights for a giant and a baby step begin among those of a block of places.
    pub(super) fn weight(&self, giant: usize, baby: usize, block: usize) -> usize {
        let together = self.together();
        let pair = giant / together * self.plan.babies() + baby;
        (pair * together + giant % together) * block
    }
}

impl Orbits {
    fn new(layout: &Layout, plan: Plan) -> Self {
        let (degree, tokens) = (layout.degree(), layout.tokens());
        let (count, of_family) = (tokens.max(2), if tokens == 1 { 2 } else { 1 });
        let five = Automorphism::new(degree, 5);
        let mut representatives: Vec<u32> =
            (0..count as u32 / 2).map(|i| five.power(i).exponent()).collect();
        for i in 0..count / 2 {
            representatives.push(2 * degree as u32 - representatives[i]);
        }
        let length = degree / count;
        let step = u64::from(plan.generator().exponent());
        let powers = core::iter::successors(Some(1_u32), |&power| {
            Some((u64::from(power) * step % (2 * degree as u64)) as u32)
        });
        let powers = powers.take(length).collect();
        let period = layout.rows() * tokens / count;
        Self { representatives, of_family, length, period, powers }
    }

    /// The exponent of slot m of an orbit.
    pub(super) fn exponent(&self, orbit: usize, m: usize) -> u32 {
        // Both are below 2^13, and callers reduce modulo 2N.
        self.representatives[orbit].wrapping_mul(self.powers[m])
    }

    pub(super) fn families(&self) -> usize {
        self.representatives.len() / self.of_family
    }

    /// The orbits of a family.
    pub(super) fn family(&self, family: usize) -> impl Iterator<Item = usize> + Clone + use<> {
        // A family of two has the first orbits of both halves, of which there is one each.
        (0..self.of_family).map(move |i| family + i)
    }

    /// Every place's orbit and number in it.
    fn places(&self, block: usize) -> impl Iterator<Item = (usize, usize)> + '_ {
        (0..self.families()).flat_map(move |family| {
            (0..self.period).step_by(block).flat_map(move |first| {
                (first..self.length).step_by(self.period).flat_map(move |first| {
                    self.family(family)
                        .flat_map(move |orbit| (first..first + block).map(move |m| (orbit, m)))
                })
            })
        })
    }
}
