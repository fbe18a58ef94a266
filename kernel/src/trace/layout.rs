use crate::galois::Automorphism;
use crate::prime::Prime;

/// Where the inputs and outputs of one block of a matrix sit in polynomials of N coefficients.
///
/// T tokens of `columns` inputs each are multiplied by a block of `rows x columns` weights; all of
/// N, T, rows and columns are powers of two. With `Ne = N / T`, `fold = Ne / rows` and
/// `sum = columns / fold`, at least 1, and `lanes = columns / sum`:
///
/// | what | of token k | at exponent |
/// |---|---|---|
/// | input j | `x_j` | `j % lanes + (j / lanes) (Ne / sum) + k Ne` |
/// | output i | `sum * fold * y_i` | `fold * i + k Ne` |
///
/// and the product is `y = Tr( sum_h Q_h sigma_h(x) )`, with h over `sum` automorphisms that fix the
/// subring of the tokens, Tr over the `fold` automorphisms that fix the outputs' subring, and
/// `Q_h = sum_(i, j) W_ij X^(fold i) X^(-h e_j)` for the exponents e_j of token 0. Nothing else
/// remains at the outputs' exponents; what remains elsewhere is zero too.
///
/// ```
/// use kernel::trace::Layout;
///
/// let layout = Layout::fitting(4096, 864, 288, 1);
/// assert_eq!((layout.rows(), layout.columns()), (1024, 512));
/// assert_eq!((layout.fold(), layout.sum()), (4, 128));
/// assert_eq!(layout.input_exponent(5, 0), 1 + 32);
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq, Hash)]
pub struct Layout {
    degree: u32,
    tokens: u32,
    rows: u32,
    columns: u32,
}

impl Layout {
    /// The layout of blocks of `rows x columns` weights for `tokens` tokens, or `None` unless all are
    /// powers of two and `tokens * rows` and `tokens * columns` are at most `degree`.
    #[must_use]
    pub const fn new(degree: usize, rows: usize, columns: usize, tokens: usize) -> Option<Self> {
        let powers = degree.is_power_of_two()
            && rows.is_power_of_two()
            && columns.is_power_of_two()
            && tokens.is_power_of_two();
        if !powers || degree > crate::ntt::MAX_DEGREE || tokens > degree {
            return None;
        }
        let free = degree / tokens;
        if rows > free || columns > free {
            return None;
        }
        Some(Self {
            degree: degree as u32,
            tokens: tokens as u32,
            rows: rows as u32,
            columns: columns as u32,
        })
    }

    /// The smallest blocks that hold an `m x n` matrix for `tokens` tokens, or the largest there are.
    ///
    /// All arguments are at least 1, and `tokens` is at most `degree`; both are rounded as needed.
    #[must_use]
    pub fn fitting(degree: usize, m: usize, n: usize, tokens: usize) -> Self {
        let tokens = tokens.clamp(1, degree).next_power_of_two();
        let free = degree / tokens;
        let size = |count: usize| count.clamp(1, free).next_power_of_two() as u32;
        Self { degree: degree as u32, tokens: tokens as u32, rows: size(m), columns: size(n) }
    }

    /// The layout of a session's products of an `m x n` matrix for `tokens` tokens: as many tokens in
    /// one ciphertext as fit beside one another, at most `tokens`.
    ///
    /// A public rule: both sides follow it.
    ///
    /// ```
    /// use kernel::trace::Layout;
    ///
    /// // Side by side there is room for 8 vectors of 512, and a prompt's last step has 5.
    /// assert_eq!(Layout::for_product(4096, 512, 128, 16).tokens(), 8);
    /// assert_eq!(Layout::for_product(4096, 512, 128, 5).tokens(), 8);
    /// assert_eq!(Layout::for_product(4096, 512, 128, 1).tokens(), 1);
    /// // A matrix larger than the ring is cut into blocks, for one token at a time.
    /// let layout = Layout::for_product(4096, 11_008, 4096, 16);
    /// assert_eq!((layout.tokens(), layout.output_blocks(11_008)), (1, 3));
    /// ```
    #[must_use]
    pub fn for_product(degree: usize, m: usize, n: usize, tokens: usize) -> Self {
        let widest = m.max(n).clamp(1, degree).next_power_of_two();
        Self::fitting(degree, m, n, tokens.min(degree / widest))
    }

    /// Ring degree N.
    #[must_use]
    pub const fn degree(&self) -> usize {
        self.degree as usize
    }

    /// Tokens in one ciphertext.
    #[must_use]
    pub const fn tokens(&self) -> usize {
        self.tokens as usize
    }

    /// Outputs of one block, for each token.
    #[must_use]
    pub const fn rows(&self) -> usize {
        self.rows as usize
    }

    /// Inputs of one block, for each token.
    #[must_use]
    pub const fn columns(&self) -> usize {
        self.columns as usize
    }

    /// Coefficients for each token.
    const fn free(&self) -> usize {
        self.degree() / self.tokens()
    }

    /// Automorphisms in the trace over what lies between outputs.
    #[must_use]
    pub const fn fold(&self) -> usize {
        self.free() / self.rows()
    }

    /// Automorphisms in the main sum.
    #[must_use]
    pub const fn sum(&self) -> usize {
        if self.columns() > self.fold() { self.columns() / self.fold() } else { 1 }
    }

    /// Ciphertexts that hold the `n` inputs of a matrix.
    #[must_use]
    pub const fn input_blocks(&self, n: usize) -> usize {
        n.div_ceil(self.columns())
    }

    /// Ciphertexts that hold the `m` outputs of a matrix.
    #[must_use]
    pub const fn output_blocks(&self, m: usize) -> usize {
        m.div_ceil(self.rows())
    }

    /// The exponent of input `j` of a block, of token `token`.
    #[must_use]
    pub const fn input_exponent(&self, j: usize, token: usize) -> usize {
        let lanes = self.columns() / self.sum();
        j % lanes + j / lanes * (self.free() / self.sum()) + token * self.free()
    }

    /// The exponent of output `i` of a block, of token `token`.
    #[must_use]
    pub const fn output_exponent(&self, i: usize, token: usize) -> usize {
        self.fold() * i + token * self.free()
    }

    /// What the device multiplies its messages by, modulo the plaintext modulus, so that the outputs
    /// are those of the matrix: the inverse of `sum * fold`.
    #[must_use]
    pub fn normaliser<P: Prime>(&self) -> u32 {
        P::inv(P::reduce((self.sum() * self.fold()) as u64))
    }

    /// The automorphisms of the final trace: a polynomial p becomes `p + sigma(p)` for each in turn.
    pub fn folds(self) -> impl Iterator<Item = Automorphism> {
        let (degree, first) = (self.degree(), 2 * self.tokens() * self.rows());
        (0..self.fold().ilog2()).map(move |i| Automorphism::new(degree, 1 + ((first as i64) << i)))
    }
}
