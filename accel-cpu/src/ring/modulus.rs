use kernel::ntt;
use kernel::prime::Prime;

/// A prime below `2^29`, so that eight times it fits a word, and the twiddle factors of its
/// transforms, as values.
#[derive(Debug)]
pub(crate) struct Modulus {
    pub(super) value: u32,
    /// `floor(2^32 / p)`.
    pub(super) quotient: u32,
    /// `2^32 mod p`.
    pub(super) word: Factor,
    /// By nodes of the tree of transforms: node 1 is `X^N + 1`, and node i splits into 2i and 2i + 1.
    pub(super) forward: Twiddles,
    pub(super) inverse: Twiddles,
    /// `1 / 2^i`.
    pub(super) halvings: Vec<Factor>,
}

/// A factor, and `floor(2^32 factor / p)`: Shoup's multiplication by a constant.
#[derive(Clone, Copy, Debug)]
pub(super) struct Factor {
    pub(super) value: u32,
    pub(super) quotient: u32,
}

impl Factor {
    fn new(p: u32, value: u32) -> Self {
        Self { value, quotient: ((u64::from(value) << 32) / u64::from(p)) as u32 }
    }
}

/// Factors, one by one, and by values and by quotients.
#[derive(Debug)]
pub(super) struct Twiddles {
    factors: Vec<Factor>,
    pub(super) values: Vec<u32>,
    pub(super) quotients: Vec<u32>,
}

impl Twiddles {
    fn new(p: u32, values: impl Iterator<Item = u32>) -> Self {
        let factors: Vec<_> = values.map(|value| Factor::new(p, value)).collect();
        let values = factors.iter().map(|factor| factor.value).collect();
        let quotients = factors.iter().map(|factor| factor.quotient).collect();
        Self { factors, values, quotients }
    }

    #[inline(always)]
    pub(super) fn get(&self, node: usize) -> Factor {
        self.factors[node]
    }
}

impl Modulus {
    /// A residue as a factor.
    pub(super) fn factor(&self, value: u32) -> Factor {
        Factor::new(self.value, value)
    }

    /// The values of `P`, where it is below `2^29`.
    pub(crate) fn of<P: Prime>() -> Option<Self> {
        if P::VALUE >= 1 << 29 {
            return None;
        }
        // `ntt::inverse` takes the factors of a level from the same table, backwards and negated.
        let inverse = |node: usize| match node {
            0 => 0,
            _ => P::neg(P::TWIDDLES[3 * (1 << node.ilog2()) - 1 - node]),
        };
        let half = P::inv(P::reduce(2));
        let degrees = ntt::MAX_DEGREE.ilog2();
        Some(Self {
            value: P::VALUE,
            quotient: ((1_u64 << 32) / u64::from(P::VALUE)) as u32,
            word: Factor::new(P::VALUE, P::reduce(1 << 32)),
            forward: Twiddles::new(P::VALUE, P::TWIDDLES.iter().copied()),
            inverse: Twiddles::new(P::VALUE, (0..P::TWIDDLES.len()).map(inverse)),
            halvings: (0..=degrees)
                .map(|i| Factor::new(P::VALUE, P::pow_vartime(half, i.into())))
                .collect(),
        })
    }
}
