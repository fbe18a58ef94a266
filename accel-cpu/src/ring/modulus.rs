use kernel::ntt;
use kernel::prime::Prime;

/// A prime and the twiddle factors of its transforms, as values.
#[derive(Debug)]
pub(crate) struct Modulus {
    pub(super) value: u32,
    pub(super) width: Width,
    pub(super) one: Factor,
    /// `2^32 mod p`.
    pub(super) word: Factor,
    /// [`Prime::TWIDDLES`].
    pub(super) powers: &'static [u32],
    /// By nodes of the tree of transforms: node 1 is `X^N + 1`, and node i splits into 2i and 2i + 1.
    pub(super) forward: Twiddles,
    pub(super) inverse: Twiddles,
    /// `1 / 2^i`.
    pub(super) halvings: Vec<Factor>,
}

/// How much of a word residues take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Width {
    /// Eight times the prime fits.
    Narrow,
    /// The prime is above `2^31`, and with a byte added still fits.
    Full,
}

impl Width {
    fn of(p: u32) -> Option<Self> {
        match p {
            ..0x2000_0000 => Some(Self::Narrow),
            0x8000_0000..=0xffff_fc00 => Some(Self::Full),
            _ => None,
        }
    }
}

/// What to multiply with for the product with a constant w: for its low half, and for its high half.
///
/// | width | low | high | source |
/// |---|---|---|---|
/// | narrow | `w` | `floor(2^32 w / p)` | Shoup |
/// | full | `high / p mod 2^32` | `2^32 w mod p` | Montgomery |
#[derive(Clone, Copy, Debug)]
pub(super) struct Factor {
    pub(super) low: u32,
    pub(super) high: u32,
}

impl Factor {
    fn new(width: Width, p: u32, value: u32) -> Self {
        let shifted = u64::from(value) << u32::BITS;
        match width {
            Width::Narrow => Self { low: value, high: (shifted / u64::from(p)) as u32 },
            Width::Full => {
                let high = (shifted % u64::from(p)) as u32;
                Self { low: high.wrapping_mul(inverse_of_odd(p)), high }
            }
        }
    }
}

/// `1 / p mod 2^32`.
fn inverse_of_odd(p: u32) -> u32 {
    // p is its own inverse modulo 8, and each of Newton's steps doubles the bits that are right.
    (0..4).fold(p, |inverse, _| inverse.wrapping_mul(2_u32.wrapping_sub(p.wrapping_mul(inverse))))
}

/// Factors, one by one, and by halves.
#[derive(Debug)]
pub(super) struct Twiddles {
    factors: Vec<Factor>,
    pub(super) lows: Vec<u32>,
    pub(super) highs: Vec<u32>,
}

impl Twiddles {
    fn new(factors: impl Iterator<Item = Factor>) -> Self {
        let factors: Vec<_> = factors.collect();
        let lows = factors.iter().map(|factor| factor.low).collect();
        let highs = factors.iter().map(|factor| factor.high).collect();
        Self { factors, lows, highs }
    }

    #[inline(always)]
    pub(super) fn get(&self, node: usize) -> Factor {
        self.factors[node]
    }
}

impl Modulus {
    /// A residue as a factor.
    pub(super) fn factor(&self, value: u32) -> Factor {
        Factor::new(self.width, self.value, value)
    }

    /// The values of `P`, where it is below `2^29` or above `2^31`.
    pub(crate) fn of<P: Prime>() -> Option<Self> {
        let width = Width::of(P::VALUE)?;
        let factor = |value| Factor::new(width, P::VALUE, value);
        // `ntt::inverse` takes the factors of a level from the same table, backwards and negated.
        let inverse = |node: usize| match node {
            0 => 0,
            _ => P::neg(P::TWIDDLES[3 * (1 << node.ilog2()) - 1 - node]),
        };
        let half = P::inv(P::reduce(2));
        let degrees = ntt::MAX_DEGREE.ilog2();
        Some(Self {
            value: P::VALUE,
            width,
            one: factor(1),
            word: factor(P::reduce(1 << 32)),
            powers: P::TWIDDLES,
            forward: Twiddles::new(P::TWIDDLES.iter().copied().map(factor)),
            inverse: Twiddles::new((0..P::TWIDDLES.len()).map(inverse).map(factor)),
            halvings: (0..=degrees).map(|i| factor(P::pow_vartime(half, i.into()))).collect(),
        })
    }
}
