//! Galois automorphisms of `Z[X]/(X^N + 1)`: `sigma_g` takes X to `X^g`, for odd g modulo 2N.
//!
//! In the NTT domain an automorphism is a permutation, since the value of `sigma_g(a)` at `psi^k` is
//! that of `a` at `psi^(gk)`; in the coefficient domain it is a permutation with signs.
//!
//! ```
//! use kernel::galois::Automorphism;
//! use kernel::prime::{Delta, Prime};
//! use kernel::ring::{RingOps, Scalar};
//!
//! let conjugate = Automorphism::new(8, -1);
//! let (mut a, mut b) = ([0, 1, 0, 0, 0, 0, 0, 5], [0; 8]);
//! conjugate.apply_into::<Delta>(&a, &mut b);
//! assert_eq!(b, [0, Delta::VALUE - 5, 0, 0, 0, 0, 0, Delta::VALUE - 1]); // X -> -X^7, 5X^7 -> -5X
//!
//! // The same in the NTT domain.
//! Scalar::ntt_forward::<Delta>(&mut a);
//! let mut c = [0; 8];
//! conjugate.permute_into(&a, &mut c);
//! Scalar::ntt_inverse::<Delta>(&mut c);
//! assert_eq!(c, b);
//! ```

use crate::prime::Prime;

/// `sigma_g` for one N.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Hash, PartialOrd, Ord)]
pub struct Automorphism {
    degree: u32,
    /// Odd, below 2N.
    exponent: u32,
}

impl Automorphism {
    /// `sigma_g` of `Z[X]/(X^degree + 1)`, `degree` a power of two up to 2^30. An even g is taken for
    /// g + 1.
    #[must_use]
    pub const fn new(degree: usize, exponent: i64) -> Self {
        let order = 2 * degree as i64;
        Self { degree: degree as u32, exponent: exponent.rem_euclid(order) as u32 | 1 }
    }

    /// N.
    #[must_use]
    pub const fn degree(self) -> usize {
        self.degree as usize
    }

    /// g, below 2N.
    #[must_use]
    pub const fn exponent(self) -> u32 {
        self.exponent
    }

    /// Whether it changes nothing.
    #[must_use]
    pub const fn is_identity(self) -> bool {
        self.exponent == 1
    }

    /// This one after `first`; both of one N.
    #[must_use]
    pub const fn compose(self, first: Self) -> Self {
        let exponent = self.exponent as i64 * first.exponent as i64;
        Self::new(self.degree as usize, exponent)
    }

    /// This one, `count` times.
    #[must_use]
    pub fn power(self, count: u32) -> Self {
        let identity = Self { exponent: 1, ..self };
        let (mut acc, mut square, mut count) = (identity, self, count);
        while count != 0 {
            if count & 1 == 1 {
                acc = acc.compose(square);
            }
            square = square.compose(square);
            count >>= 1;
        }
        acc
    }

    /// `sigma_(-g)`.
    #[must_use]
    pub const fn negated(self) -> Self {
        Self::new(self.degree as usize, -(self.exponent as i64))
    }

    /// The one that undoes it.
    #[must_use]
    pub fn inverse(self) -> Self {
        // The group has exponent N / 2 or less, for N >= 4.
        self.power((self.degree / 2).max(2) - 1)
    }

    /// Where the value at `index` of the image comes from, in the order of [`ntt`](crate::ntt).
    #[must_use]
    pub const fn source(self, index: usize) -> usize {
        let bits = self.degree.trailing_zeros();
        let k = 2 * reverse(index as u32, bits) + 1;
        let k = (k as u64 * self.exponent as u64) as u32 & (2 * self.degree - 1);
        reverse(k / 2, bits) as usize
    }

    /// The image of `input` in the NTT domain, N words both.
    pub fn permute_into(self, input: &[u32], out: &mut [u32]) {
        for (index, x) in out.iter_mut().enumerate() {
            *x = input[self.source(index)];
        }
    }

    /// The image of `input` in the coefficient domain, N residues modulo `P` both.
    pub fn apply_into<P: Prime>(self, input: &[u32], out: &mut [u32]) {
        let degree = self.degree as usize;
        let mut place = 0;
        for &x in input {
            let wraps = place >= degree;
            out[place % degree] = if wraps { P::neg(x) } else { x };
            place = (place + self.exponent as usize) % (2 * degree);
        }
    }
}

const fn reverse(value: u32, bits: u32) -> u32 {
    if bits == 0 { 0 } else { value.reverse_bits() >> (u32::BITS - bits) }
}
