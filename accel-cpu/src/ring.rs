//! Direct mode on the processor: [`RingAccelerator`] for [`Cpu`].
//!
//! | step | module |
//! |---|---|
//! | keys, with masks, permuted for use | `keys` |
//! | decomposition of masks into digits | `decompose` |
//! | digits times keys | `key_switch` |
//! | baby steps, coarse and fine | `babies` |
//! | weights in the NTT domain | `encode` |
//! | weights times baby steps | `inner` |
//! | giant steps, final trace, modulus switch | `giants` |
//!
//! Everything is written once, over the vectors of [`Lanes`] and the two kinds of `arithmetic` that
//! primes below `2^29` and above `2^31` need.

mod accelerator;
mod arithmetic;
mod babies;
mod decompose;
mod encode;
mod failure;
mod giants;
mod inner;
mod key_switch;
pub(crate) mod keys;
pub(crate) mod modulus;
pub(crate) mod ntt;
mod product;
mod scratch;
pub(crate) mod set;
mod shape;
mod transpose;

use crate::arch::lanes::Lanes;
use crate::matrix::Matrix;
use crate::team::Team;
use kernel::accel::AccelError;
use kernel::accel::ring::Ciphertexts;
use kernel::trace::Layout;
use keys::Keys;
use product::{Blocks, TraceProduct};
use scratch::Scratch;
use set::Set;
use shape::Shape;

/// Mask and body, each limb after limb, in the NTT domain.
#[derive(Debug)]
struct Ciphertext {
    mask: Scratch,
    body: Scratch,
}

/// The weights of a matrix, encoded for one set and layout.
#[derive(Debug)]
pub(crate) struct Encoded {
    /// For each output block all input blocks.
    blocks: Vec<Vec<u32>>,
}

impl Encoded {
    /// What it takes in memory.
    pub(crate) fn bytes(&self) -> u64 {
        self.blocks.iter().map(|block| size_of_val(&block[..]) as u64).sum()
    }
}

/// Direct mode with the vectors of a level.
pub(crate) trait Ring: Send + Sync {
    /// Whether polynomials are long enough for the vectors.
    fn fits(&self, set: &Set) -> bool;

    /// # Errors
    /// [`AccelError::OutOfMemory`], [`AccelError::Rows`].
    fn encode(
        &self,
        team: &Team,
        set: &Set,
        matrix: &Matrix,
        layout: &Layout,
    ) -> Result<Encoded, AccelError>;

    /// The trace product, of operands that fit.
    ///
    /// # Errors
    /// [`AccelError::Residue`], [`AccelError::MissingKey`], or as memory runs out.
    fn trace_product(
        &self,
        team: &Team,
        matrix: (&Matrix, Option<&Encoded>),
        keys: &Keys,
        layout: &Layout,
        input: &Ciphertexts<'_>,
        masks: &mut [u64],
        bodies: &mut [u64],
    ) -> Result<(), AccelError>;
}

impl<L: Lanes> Ring for L {
    fn fits(&self, set: &Set) -> bool {
        ntt::fits::<L>(set.degree)
    }

    fn encode(
        &self,
        team: &Team,
        set: &Set,
        matrix: &Matrix,
        layout: &Layout,
    ) -> Result<Encoded, AccelError> {
        Blocks::new(matrix, layout)?.encode(*self, team, set)
    }

    fn trace_product(
        &self,
        team: &Team,
        (matrix, encoded): (&Matrix, Option<&Encoded>),
        keys: &Keys,
        layout: &Layout,
        input: &Ciphertexts<'_>,
        masks: &mut [u64],
        bodies: &mut [u64],
    ) -> Result<(), AccelError> {
        let shape = Shape::new(&keys.set, layout, L::COUNT);
        let blocks = Blocks::new(matrix, layout)?;
        let product = TraceProduct { lanes: *self, team, shape, keys, blocks, encoded };
        product.run(input, masks, bodies)
    }
}
