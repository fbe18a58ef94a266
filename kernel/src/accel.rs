//! The host's one primitive: an int8 matrix times residues modulo a prime.
//!
//! An [`Accelerator`] sees public data only: weights, ciphertext words and masked vectors. No type
//! lets a secret key in. It speaks canonical residues; byte planes, packing and queues are a
//! backend's own business.
//!
//! ```
//! use kernel::accel::{AccelError, Accelerator, Reference, RowSource};
//! use kernel::prime::PrimeId;
//!
//! /// Rows from memory.
//! struct Rows<'a>(core::slice::ChunksExact<'a, i8>);
//! impl RowSource for Rows<'_> {
//!     fn next_row(&mut self, row: &mut [i8]) -> Result<(), AccelError> {
//!         row.copy_from_slice(self.0.next().ok_or(AccelError::Rows)?);
//!         Ok(())
//!     }
//! }
//!
//! // Two rows of three weights, times two columns.
//! let host = Reference::default();
//! let matrix = host.load(2, 3, &mut Rows([1, 2, 3, -1, 0, 0].chunks_exact(3)))?;
//! let x = [10, 1, 20, 1, 30, 1];
//! let mut out = [0; 4];
//! host.product(matrix, 0..2, PrimeId::T, &x, 2, &mut out)?;
//! assert_eq!(out, [140, 6, PrimeId::T.value() - 10, PrimeId::T.value() - 1]);
//!
//! // Any rows may be asked for alone; a word at or above the modulus is refused.
//! host.product(matrix, 1..2, PrimeId::Delta, &x, 2, &mut out[..2])?;
//! assert_eq!(out[..2], [PrimeId::Delta.value() - 10, PrimeId::Delta.value() - 1]);
//! let bad = host.product(matrix, 0..2, PrimeId::T, &[u32::MAX; 3], 1, &mut [0; 2]);
//! assert_eq!(bad, Err(AccelError::Residue));
//! # Ok::<(), AccelError>(())
//! ```

pub mod hooked;
mod reference;
pub mod ring;
mod rows;

pub use reference::Reference;
pub use rows::{InPlace, rows_in_place};

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
///
/// ```
/// use kernel::accel::Capabilities;
///
/// let mut mine = Capabilities::new("mine", 64);
/// mine.free_bytes = Some(8 << 30);
/// assert_eq!(mine.preferred_columns, 64);
/// ```
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
///
/// ```
/// use kernel::accel::SharedRows;
///
/// /// Rows of n weights, padded to 64.
/// struct Padded(Vec<i8>);
/// impl SharedRows for Padded {
///     fn bytes(&self) -> &[i8] {
///         &self.0
///     }
///     fn stride(&self) -> usize {
///         64
///     }
/// }
/// let mut rows = Padded(vec![0; 2 * 64]);
/// rows.0[64] = 5; // the first weight of row 1
/// assert_eq!(rows.bytes()[rows.stride()], 5);
/// ```
pub trait SharedRows: Send + Sync {
    /// Row-major int8; row `i` is `[i * stride .. i * stride + n]`.
    fn bytes(&self) -> &[i8];
    /// Distance between rows; a multiple of 64, the padding zero.
    fn stride(&self) -> usize;
}

/// Where `load` reads a matrix from: the rows, from the first to the last. The [module](self) page
/// has an example.
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
///
/// The host's offline work, a limb of one row of a unit:
///
/// ```
/// # use kernel::accel::{AccelError, Accelerator, Reference, RowSource};
/// # struct Row;
/// # impl RowSource for Row {
/// #     fn next_row(&mut self, row: &mut [i8]) -> Result<(), AccelError> {
/// #         row.copy_from_slice(&[2, 1]);
/// #         Ok(())
/// #     }
/// # }
/// use kernel::prime::{Prime, PrimeId, T};
/// use kernel::stream::{PublicSeed, expand_mask_columns};
///
/// let host = Reference::default();
/// let matrix = host.load(1, 2, &mut Row)?; // the row 2, 1
/// let public = PublicSeed([7; 32]); // from the device
/// let mut words = [0; 8];
/// host.product_seeded(matrix, 0..1, PrimeId::T, &public, 0..8, &mut words)?;
///
/// // The same with the masks written out.
/// let mut masks = [0; 2 * 8];
/// expand_mask_columns(PrimeId::T, &public, 0..2, 0..8, &mut masks);
/// assert_eq!(words[3], T::add(T::mul(2, masks[3]), masks[8 + 3]));
/// # Ok::<(), AccelError>(())
/// ```
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

/// The checks that every `product` makes before it computes, for an `m x n` matrix.
///
/// ```
/// use kernel::accel::{AccelError, check_product};
/// use kernel::prime::PrimeId;
///
/// let check = |x: &[u32], out: &[u32]| check_product((5, 3), &(1..3), PrimeId::T, x, 2, out);
/// assert_eq!(check(&[0; 6], &[0; 4]), Ok(()));
/// assert_eq!(check(&[0; 6], &[0; 5]), Err(AccelError::Shape));
/// assert_eq!(check(&[u32::MAX; 6], &[0; 4]), Err(AccelError::Residue));
/// ```
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
    check_output(m, rows, columns, out)?;
    if n.checked_mul(columns) != Some(x.len()) {
        return Err(AccelError::Shape);
    }
    // A fold instead of a search: it vectorises.
    let p = p.value();
    if x.iter().fold(false, |bad, &word| bad | (word >= p)) {
        return Err(AccelError::Residue);
    }
    Ok(())
}

/// What every product of `columns` columns, given or from a seed, checks of its rows and of its output, for a
/// matrix of `m` rows.
///
/// ```
/// use kernel::accel::{AccelError, check_output};
///
/// assert_eq!(check_output(5, &(1..3), 2, &[0; 4]), Ok(()));
/// for (rows, columns, words) in [(1..3, 2, 5), (4..6, 2, 4), (1..3, 0, 0)] {
///     let out = vec![0; words];
///     assert_eq!(check_output(5, &rows, columns, &out), Err(AccelError::Shape));
/// }
/// ```
///
/// # Errors
/// [`AccelError::Shape`].
pub fn check_output(
    m: usize,
    rows: &Range<usize>,
    columns: usize,
    out: &[u32],
) -> Result<(), AccelError> {
    let fits = rows.start <= rows.end
        && rows.end <= m
        && columns > 0
        && rows.len().checked_mul(columns) == Some(out.len());
    if fits { Ok(()) } else { Err(AccelError::Shape) }
}
