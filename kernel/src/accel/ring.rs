//! The host's work in direct mode: matrix products on ciphertexts.
//!
//! Operations are coarse, a whole product at a time: what is gained by decomposing once, by baby
//! and giant steps and by a single modulus switch is gained inside.

use super::{AccelError, Accelerator, MatrixId};
use crate::galois::Automorphism;
use crate::params::ParameterId;
use crate::stream::PublicSeed;
use crate::trace::{Layout, Plan};
use alloc::vec::Vec;

/// A session's evaluation keys, within one accelerator.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Hash, Ord, PartialOrd)]
pub struct KeysId(pub u64);

/// Seeded ciphertexts, as a device sends them; [`direct`](crate::direct) has an example.
#[derive(Clone, Copy, Debug)]
pub struct Ciphertexts<'a> {
    /// The seed of their masks.
    pub seed: &'a PublicSeed,
    /// The coordinate of the first; the others follow.
    pub first: u64,
    /// Their bodies: for each ciphertext every limb's N residues, in the NTT domain.
    pub bodies: &'a [u32],
}

/// Matrix products on ciphertexts, for many sessions at once.
///
/// Calls block, are pure but for the keys that they load, and may run concurrently. Results are
/// equal to the bit on every backend: the arithmetic is exact, and the steps that round or cut, which
/// are key switching and the modulus switch, are those of [`direct`](crate::direct) in the order of
/// [`Plan`]. A new backend proves itself by the suite `conformance::ring_accelerator`.
///
/// [`direct`](crate::direct) has an example with a device.
pub trait RingAccelerator: Accelerator {
    /// Begins a set of evaluation keys, whose masks come from `seed`.
    ///
    /// # Errors
    /// [`AccelError::UnknownSet`] for a set that is not of direct mode, or as the device fails.
    fn open_keys(&self, set: ParameterId, seed: &PublicSeed) -> Result<KeysId, AccelError>;

    /// Adds the key for `automorphism`: for each element of the gadget, every limb's N residues, in
    /// the NTT domain.
    ///
    /// # Errors
    /// [`AccelError::UnknownKeys`], [`AccelError::Shape`], [`AccelError::Residue`].
    fn add_key(
        &self,
        keys: KeysId,
        automorphism: Automorphism,
        bodies: &[u32],
    ) -> Result<(), AccelError>;

    /// Forgets a set of keys.
    ///
    /// # Errors
    /// [`AccelError::UnknownKeys`].
    fn close_keys(&self, keys: KeysId) -> Result<(), AccelError>;

    /// Prepares a matrix for products in this set and layout, so that they are faster and take more
    /// memory. Returns the bytes of all forms that it is held encoded in from now on; they go when the
    /// matrix is unloaded.
    ///
    /// # Errors
    /// As the device fails; products are possible all the same.
    fn encode(
        &self,
        matrix: MatrixId,
        set: ParameterId,
        layout: &Layout,
    ) -> Result<u64, AccelError>;

    /// The trace product: an `m x n` matrix times encrypted vectors.
    ///
    /// `input` holds one or more groups of `layout.input_blocks(n)` ciphertexts. For each group
    /// and each of the `layout.output_blocks(m)` results, in this order, `masks` receives N numbers
    /// modulo `2^MASK_BITS`, and `bodies` those numbers modulo `2^BODY_BITS` that are outputs:
    /// `layout.rows()` for each token, token by token. See [`switch_into`](crate::direct::switch_into).
    ///
    /// # Errors
    /// [`AccelError::UnknownMatrix`], [`AccelError::UnknownKeys`], [`AccelError::MissingKey`],
    /// [`AccelError::Shape`], [`AccelError::Residue`]; the outputs are then unspecified.
    fn trace_product(
        &self,
        matrix: MatrixId,
        keys: KeysId,
        layout: &Layout,
        input: &Ciphertexts<'_>,
        masks: &mut [u64],
        bodies: &mut [u64],
    ) -> Result<(), AccelError>;
}

/// The automorphisms whose keys a session needs for these layouts, in the order of their exponents.
#[must_use]
pub fn automorphisms(layouts: &[Layout]) -> Vec<Automorphism> {
    let mut all: Vec<_> = layouts
        .iter()
        .flat_map(|layout| Plan::new(layout).automorphisms().chain(layout.folds()))
        .collect();
    all.sort_unstable();
    all.dedup();
    all
}

/// The checks that every `trace_product` makes before it computes, for a matrix of `m x n`, a set of
/// degree `degree` and `limbs` limbs. Returns the groups of ciphertexts.
///
/// # Errors
/// [`AccelError::Shape`].
pub fn check_trace_product(
    (m, n): (usize, usize),
    (degree, limbs): (usize, usize),
    layout: &Layout,
    input: &Ciphertexts<'_>,
    masks: &[u64],
    bodies: &[u64],
) -> Result<usize, AccelError> {
    let words = layout.input_blocks(n) * limbs * degree;
    let groups = input.bodies.len() / words;
    let results = groups * layout.output_blocks(m);
    let fits = layout.degree() == degree
        && groups > 0
        && input.bodies.len().is_multiple_of(words)
        && masks.len() == results * degree
        && bodies.len() == results * layout.rows() * layout.tokens();
    if fits { Ok(groups) } else { Err(AccelError::Shape) }
}
