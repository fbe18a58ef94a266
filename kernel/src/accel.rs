//! The host's one primitive: an int8 matrix times residues modulo a prime.
//!
//! An [`Accelerator`] sees public data only: weights, ciphertext words and masked vectors. No type
//! lets a secret key in. It speaks canonical residues; byte planes, packing and queues are a
//! backend's own business.

mod reference;
pub mod ring;

pub use reference::Reference;

use crate::prime::PrimeId;
use crate::stream::{PublicSeed, expand_mask_columns};
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::ops::Range;

/// Failure of an accelerator. Carries no data.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum AccelError {
    /// A slice's length or a range does not fit the matrix. The caller's fault.
    #[error("buffer length or row range does not fit the matrix")]
    Shape,
    /// An input word is not below its modulus. The peer's fault, if it sent the words.
    #[error("residue at or above its modulus")]
    Residue,
    /// No matrix has this identifier.
    #[error("unknown matrix")]
    UnknownMatrix,
    /// No set of evaluation keys has this identifier.
    #[error("unknown evaluation keys")]
    UnknownKeys,
    /// A product needs the key of an automorphism that was not sent. The peer's fault.
    #[error("an evaluation key is missing")]
    MissingKey,
    /// The parameter set is not one of direct mode, or this backend does not have it.
    #[error("parameter set not available for direct mode")]
    UnknownSet,
    /// The row source ended early or failed.
    #[error("reading the matrix rows failed")]
    Rows,
    /// There is no room for the matrix or for the work.
    #[error("accelerator memory exhausted")]
    OutOfMemory,
    /// The device failed or vanished; later calls on it fail too.
    #[error("accelerator lost")]
    DeviceLost,
}

/// A loaded matrix, within one accelerator.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Hash, Ord, PartialOrd)]
pub struct MatrixId(pub u64);

/// What an accelerator can do; callers size their work from it.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Capabilities {
    /// What the backend calls itself, for logs: `reference`, `cpu avx512vnni`, ...
    pub name: &'static str,
    /// Bytes that `load` may still use, where the backend knows.
    pub free_bytes: Option<u64>,
    /// Columns at a time that the backend serves best, where a call has many.
    pub preferred_columns: usize,
}

impl Capabilities {
    /// Capabilities of a backend called `name` that serves many columns `preferred_columns` at a time.
    #[must_use]
    pub const fn new(name: &'static str, preferred_columns: usize) -> Self {
        Self { name, free_bytes: None, preferred_columns }
    }
}

/// Rows that stay where they are for the life of the matrix, such as a mapped file.
pub trait SharedRows: Send + Sync {
    /// Row-major int8; row `i` is `[i * stride .. i * stride + n]`.
    fn bytes(&self) -> &[i8];
    /// Distance between rows; a multiple of 64, the padding zero.
    fn stride(&self) -> usize;
}

/// Where `load` reads a matrix from.
pub trait RowSource {
    /// Writes the next row, of n weights, into `row`.
    ///
    /// # Errors
    /// [`AccelError::Rows`] when there is none.
    fn next_row(&mut self, row: &mut [i8]) -> Result<(), AccelError>;

    /// The rows in place, where they can be shared without a copy.
    fn shared(&self) -> Option<Arc<dyn SharedRows>> {
        None
    }
}

/// Int8 matrices times residues, for many sessions at once.
///
/// Calls block, are pure, and may run concurrently. A new backend proves itself by
/// the suite `conformance::accelerator` (feature `conformance`).
pub trait Accelerator: Send + Sync {
    /// Limits and preferences of this backend.
    fn capabilities(&self) -> Capabilities;

    /// Takes in an `m x n` matrix of int8 weights.
    ///
    /// # Errors
    /// [`AccelError::Shape`] for `m = 0`, `n = 0` or `n` above
    /// [`MAX_COLUMNS`](crate::model::MAX_COLUMNS); otherwise as the source or the device fails.
    fn load(&self, m: usize, n: usize, rows: &mut dyn RowSource) -> Result<MatrixId, AccelError>;

    /// Forgets a matrix.
    ///
    /// # Errors
    /// [`AccelError::UnknownMatrix`].
    fn unload(&self, matrix: MatrixId) -> Result<(), AccelError>;

    /// `out[i][c] = sum_j W[i][j] * x[j][c] mod p` for the rows `i` of `rows`, canonical.
    ///
    /// `x` is `n x columns` and `out` is `rows.len() x columns`, both row-major.
    ///
    /// # Errors
    /// [`AccelError::Shape`] or [`AccelError::Residue`] for bad input; `out` is then unspecified.
    fn product(
        &self,
        matrix: MatrixId,
        rows: Range<usize>,
        p: PrimeId,
        x: &[u32],
        columns: usize,
        out: &mut [u32],
    ) -> Result<(), AccelError>;

    /// [`Self::product`] with `x` the mask words of limb `p` of the unit `seed`:
    /// `x[j][c] = word(first_column + c)` of coordinate `j`
    /// (see [`expand_mask_columns`]). Backends may fuse it, bit-identically.
    ///
    /// # Errors
    /// As [`Self::product`].
    fn product_seeded(
        &self,
        matrix: MatrixId,
        rows: Range<usize>,
        p: PrimeId,
        seed: &PublicSeed,
        mask_columns: Range<usize>,
        out: &mut [u32],
    ) -> Result<(), AccelError> {
        let n = self.columns(matrix)?;
        let columns = mask_columns.len();
        if rows.len().checked_mul(columns) != Some(out.len()) {
            return Err(AccelError::Shape);
        }
        let mut x = zeros(n.checked_mul(columns).ok_or(AccelError::Shape)?)?;
        expand_mask_columns(p, seed, 0..n, mask_columns, &mut x);
        self.product(matrix, rows, p, &x, columns, out)
    }

    /// The n of a loaded matrix.
    ///
    /// # Errors
    /// [`AccelError::UnknownMatrix`].
    fn columns(&self, matrix: MatrixId) -> Result<usize, AccelError>;
}

/// `len` zeros, if there is room.
fn zeros<Z: Copy + Default>(len: usize) -> Result<Vec<Z>, AccelError> {
    let mut zeros = Vec::new();
    zeros.try_reserve_exact(len).map_err(|_| AccelError::OutOfMemory)?;
    zeros.resize(len, Z::default());
    Ok(zeros)
}

/// The checks that every `product` makes before it computes.
///
/// # Errors
/// [`AccelError::Shape`] or [`AccelError::Residue`].
pub fn check_product(
    (m, n): (usize, usize),
    rows: &Range<usize>,
    p: PrimeId,
    x: &[u32],
    columns: usize,
    out: &[u32],
) -> Result<(), AccelError> {
    let fits = rows.start <= rows.end
        && rows.end <= m
        && columns > 0
        && n.checked_mul(columns) == Some(x.len())
        && rows.len().checked_mul(columns) == Some(out.len());
    if !fits {
        return Err(AccelError::Shape);
    }
    // A fold instead of a search: it vectorises.
    let p = p.value();
    if x.iter().fold(false, |bad, &word| bad | (word >= p)) {
        return Err(AccelError::Residue);
    }
    Ok(())
}
