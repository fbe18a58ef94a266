//! A model on an accelerator: the matrices of all groups, and the jobs they are used for.

mod encoded;
mod keys;
mod masks;
mod product;
mod unit;
mod words;

pub use keys::{KeyJob, Keys};
pub use product::{ProductJob, Reply};
pub use unit::{UnitJob, UnitTile};

use encoded::Encoded;
use kernel::accel::ring::RingAccelerator;
use kernel::accel::{AccelError, Accelerator, MatrixId, RowSource};
use kernel::bundle::ModelDigest;
use kernel::glwe::{LengthError, switch_row};
use kernel::model::{GroupId, GroupShape, ModelConfig};
use kernel::prime::{Delta, PrimeId, T};
use kernel::ring::{RingOps, Scalar};
use masks::KeptMasks;
use std::sync::Arc;

/// [`switch_row`] by some ring arithmetic.
type SwitchRow = fn(usize, usize, &mut [u32], &mut [u32]) -> Result<(), LengthError>;

/// A loaded model. Cheap to share; all methods block.
pub struct Engine {
    accelerator: Arc<dyn Accelerator>,
    /// The same one, if it serves direct mode.
    ring: Option<Arc<dyn RingAccelerator>>,
    encoded: Encoded,
    masks: KeptMasks,
    switch_row: SwitchRow,
    matrices: Vec<MatrixId>,
    config: ModelConfig,
    digest: ModelDigest,
}

impl core::fmt::Debug for Engine {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Engine").field("digest", &self.digest).finish_non_exhaustive()
    }
}

impl Engine {
    /// Loads every group's rows, as `rows` gives them, into the accelerator.
    ///
    /// # Errors
    /// As the accelerator refuses; a group without rows is [`AccelError::Rows`].
    pub fn load<R: RowSource>(
        accelerator: Arc<dyn Accelerator>,
        config: ModelConfig,
        digest: ModelDigest,
        mut rows: impl FnMut(GroupId) -> Option<R>,
    ) -> Result<Self, AccelError> {
        let mut matrices = Vec::new();
        for group in config.groups() {
            let shape = config.shape(group).ok_or(AccelError::Shape)?;
            let mut source = rows(group).ok_or(AccelError::Rows)?;
            matrices.push(accelerator.load(shape.rows, shape.columns, &mut source)?);
        }
        Ok(Self {
            accelerator,
            ring: None,
            encoded: Encoded::default(),
            masks: KeptMasks::default(),
            switch_row: switch_row::<T, Delta, Scalar>,
            matrices,
            config,
            digest,
        })
    }

    /// [`Self::load`], for an accelerator that serves direct mode too.
    ///
    /// # Errors
    /// As [`Self::load`].
    pub fn load_direct<R: RowSource>(
        accelerator: Arc<dyn RingAccelerator>,
        config: ModelConfig,
        digest: ModelDigest,
        rows: impl FnMut(GroupId) -> Option<R>,
    ) -> Result<Self, AccelError> {
        let engine = Self::load(Arc::clone(&accelerator) as _, config, digest, rows)?;
        Ok(Self { ring: Some(accelerator), ..engine })
    }

    /// Lets matrices that direct mode uses be kept encoded, in as many bytes as this: their products
    /// are several times faster then.
    #[must_use]
    pub fn with_encoded_memory(self, bytes: u64) -> Self {
        Self { encoded: Encoded::within(bytes), ..self }
    }

    /// Lets products of the model's masks be kept, in as many bytes as this: units under the model's
    /// seed then cost their bodies alone.
    #[must_use]
    pub fn with_mask_memory(self, bytes: u64) -> Self {
        Self { masks: KeptMasks::within(bytes), ..self }
    }

    /// Switches units' rows by this ring arithmetic; without it by plain scalar code.
    #[must_use]
    pub fn with_ring_ops<R: RingOps>(self) -> Self {
        Self { switch_row: switch_row::<T, Delta, R>, ..self }
    }

    /// The model's shape.
    #[must_use]
    pub const fn config(&self) -> &ModelConfig {
        &self.config
    }

    /// Digest of the rows.
    #[must_use]
    pub const fn digest(&self) -> ModelDigest {
        self.digest
    }

    /// What the accelerator calls itself.
    #[must_use]
    pub fn backend(&self) -> &'static str {
        self.accelerator.capabilities().name
    }

    fn matrix(&self, group: GroupId) -> Result<(MatrixId, GroupShape), AccelError> {
        match (self.matrices.get(group.0 as usize), self.config.shape(group)) {
            (Some(&matrix), Some(shape)) => Ok((matrix, shape)),
            _ => Err(AccelError::UnknownMatrix),
        }
    }

    /// The online product: `tokens x n` residues modulo t in, `tokens x m` out.
    ///
    /// # Errors
    /// As the accelerator fails, or for a wrong length.
    pub fn product(
        &self,
        group: GroupId,
        tokens: usize,
        x: &[u32],
    ) -> Result<Vec<u32>, AccelError> {
        let (matrix, GroupShape { rows, columns }) = self.matrix(group)?;
        if x.len() != tokens * columns {
            return Err(AccelError::Shape);
        }
        let mut out = vec![0; tokens * rows];
        if tokens == 1 {
            self.accelerator.product(matrix, 0..rows, PrimeId::T, x, 1, &mut out)?;
            return Ok(out);
        }
        let mut product = vec![0; tokens * rows];
        let x = transpose(x, columns);
        self.accelerator.product(matrix, 0..rows, PrimeId::T, &x, tokens, &mut product)?;
        transpose_into(&product, tokens, &mut out);
        Ok(out)
    }
}

/// `rows x columns` to `columns x rows`.
fn transpose(x: &[u32], columns: usize) -> Vec<u32> {
    let mut out = vec![0; x.len()];
    transpose_into(x, columns, &mut out);
    out
}

fn transpose_into(x: &[u32], columns: usize, out: &mut [u32]) {
    let rows = x.len() / columns.max(1);
    for (i, row) in x.chunks_exact(columns.max(1)).enumerate() {
        for (j, &word) in row.iter().enumerate() {
            out[j * rows + i] = word;
        }
    }
}
