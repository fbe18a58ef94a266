use super::Layout;
use crate::galois::Automorphism;

/// Giant steps of every plan, where the group is large enough. The baby steps of all plans of one T
/// are then powers of one automorphism, and share their keys.
const GIANTS: u32 = 16;
/// Baby steps that are taken from each coarse one.
const FINE: u32 = 8;

/// The order in which the main sum of a [`Layout`] is evaluated.
///
/// The automorphisms of the sum are `g^(giants * i + j)`, times -1 or not if T = 1, for the baby
/// steps i, the giant steps j and a generator g: 5 for T = 1, otherwise `5^(T / 2)`. Evaluated as
///
/// ```text
/// baby_i = sigma_(g^(giants i))(x),             i = coarse * 8 + fine: coarse from x, fine from coarse
/// inner_j = sum_i sigma_(g^j)^-1(Q_h) baby_i    for h = g^(giants i + j), and for -h
/// sum = inner_0 + sigma_g(inner_1 + sigma_g(inner_2 + ...)) + sigma_(-1)(the same with -h)
/// ```
///
/// so that all giant steps share one key, and the baby steps need about twice the root of their number.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Plan {
    generator: Automorphism,
    giants: u32,
    babies: u32,
    two_sided: bool,
}

impl Plan {
    /// The plan of a layout.
    #[must_use]
    pub fn new(layout: &Layout) -> Self {
        let (degree, tokens, sum) = (layout.degree(), layout.tokens() as u32, layout.sum() as u32);
        let two_sided = tokens == 1 && sum > 1;
        let cyclic = if two_sided { sum / 2 } else { sum };
        let giants = cyclic.min(GIANTS);
        let generator = Automorphism::new(degree, 5).power((tokens / 2).max(1));
        Self { generator, giants, babies: cyclic / giants, two_sided }
    }

    /// The automorphism that all giant steps share.
    #[must_use]
    pub const fn generator(&self) -> Automorphism {
        self.generator
    }

    /// Giant steps of one side.
    #[must_use]
    pub const fn giants(&self) -> usize {
        self.giants as usize
    }

    /// Baby steps, the identity among them.
    #[must_use]
    pub const fn babies(&self) -> usize {
        self.babies as usize
    }

    /// Whether the sum also runs over the negatives.
    #[must_use]
    pub const fn two_sided(&self) -> bool {
        self.two_sided
    }

    /// The conjugation, which carries the second side.
    #[must_use]
    pub fn conjugation(&self) -> Automorphism {
        self.generator.power(0).negated()
    }

    /// The automorphism of baby step `i`.
    #[must_use]
    pub fn baby(&self, i: usize) -> Automorphism {
        self.generator.power(self.giants * i as u32)
    }

    /// The automorphism of giant step `j` of a side, the negative one if `negative`.
    #[must_use]
    pub fn giant(&self, j: usize, negative: bool) -> Automorphism {
        let giant = self.generator.power(j as u32);
        if negative { giant.negated() } else { giant }
    }

    /// Baby steps of one coarse step.
    #[must_use]
    pub const fn fine(&self) -> usize {
        (if self.babies < FINE { self.babies } else { FINE }) as usize
    }

    /// The automorphisms whose keys the sum needs, none twice.
    pub fn automorphisms(self) -> impl Iterator<Item = Automorphism> {
        let fine = self.fine();
        let babies =
            (1..fine).chain((fine..self.babies()).step_by(fine)).map(move |i| self.baby(i));
        let giant = (self.giants > 1).then_some(self.generator);
        let conjugation = self.two_sided.then(|| self.conjugation());
        babies.chain(giant).chain(conjugation)
    }
}
