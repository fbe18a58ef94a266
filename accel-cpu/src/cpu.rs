use crate::Level;
use crate::level::Products;
use crate::matrix::Matrix;
use crate::planes::Words;
use crate::ring::Ring;
use crate::ring::keys::Keys;
use crate::ring::set::Set;
use crate::team::Team;
use core::ops::Range;
use kernel::accel::{
    AccelError, Accelerator, Capabilities, MatrixId, RowSource, check_output, check_product,
};
use kernel::params::ParameterId;
use kernel::prime::PrimeId;
use kernel::stream::{PublicSeed, expand_mask_columns};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

/// Most columns that go row by column; above, packing them in tiles pays.
pub(crate) const FEW: usize = 8;
/// Multiply-adds of an int8 and a residue below which waking a thread costs more than it brings.
const WORTH_A_THREAD: usize = 1 << 21;

/// The accelerator that runs on the processor. See the [crate] page.
pub struct Cpu {
    level: Level,
    products: Box<dyn Products>,
    team: Team,
    /// Unloaded matrices leave a hole, so that identifiers are never used again.
    matrices: RwLock<Vec<Option<Arc<Matrix>>>>,
    direct: DirectMode,
}

/// What direct mode needs beside the matrices.
pub(crate) struct DirectMode {
    pub(crate) ring: Box<dyn Ring>,
    pub(crate) sets: Mutex<Vec<(ParameterId, Arc<Set>)>>,
    /// Closed ones leave a hole, so that identifiers are never used again.
    pub(crate) keys: Mutex<Vec<Option<Keys>>>,
}

impl DirectMode {
    fn new(level: Level) -> Self {
        Self { ring: level.ring(), sets: Mutex::default(), keys: Mutex::default() }
    }
}

/// The processor lacks the instructions of a [`Level`].
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct UnsupportedLevel(pub Level);

impl core::fmt::Display for UnsupportedLevel {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "this processor cannot run level `{}`", self.0)
    }
}

impl core::error::Error for UnsupportedLevel {}

/// Choices for a [`Cpu`]; what is not chosen is as in [`Cpu::new`].
#[derive(Clone, Debug, Default)]
pub struct Builder {
    level: Option<Level>,
    threads: Option<usize>,
}

impl Builder {
    /// The level, instead of the best one available.
    #[must_use]
    pub const fn level(mut self, level: Level) -> Self {
        self.level = Some(level);
        self
    }

    /// Threads that one call may use, the caller's among them: 1 for none but the caller's.
    /// 0 stands for as many as the system says can run at once.
    #[must_use]
    pub const fn threads(mut self, threads: usize) -> Self {
        self.threads = if threads == 0 { None } else { Some(threads) };
        self
    }

    /// Makes the accelerator. Where the system refuses to start threads, calls run on their
    /// caller's alone.
    ///
    /// # Errors
    /// [`UnsupportedLevel`] if the processor cannot run the level chosen.
    pub fn build(self) -> Result<Cpu, UnsupportedLevel> {
        let level = match self.level {
            Some(level) => level,
            None => Level::available().next_back().unwrap_or(Level::Portable),
        };
        let products = level.products().ok_or(UnsupportedLevel(level))?;
        let threads = self.threads.unwrap_or_else(|| {
            std::thread::available_parallelism().map_or(1, core::num::NonZero::get)
        });
        Ok(Cpu {
            level,
            products,
            team: Team::new(threads),
            matrices: RwLock::default(),
            direct: DirectMode::new(level),
        })
    }
}

impl Default for Cpu {
    fn default() -> Self {
        Self::new()
    }
}

impl Cpu {
    /// An accelerator at the best level available, with as many threads as can run at once.
    #[must_use]
    pub fn new() -> Self {
        let best = Level::available().next_back().and_then(|level| Self::with_level(level).ok());
        // Portable is always available, so the last resort is never reached.
        best.unwrap_or_else(|| Self {
            level: Level::Portable,
            products: Box::new(crate::arch::portable::Portable),
            team: Team::new(1),
            matrices: RwLock::default(),
            direct: DirectMode::new(Level::Portable),
        })
    }

    /// An accelerator at this level, with as many threads as can run at once.
    ///
    /// # Errors
    /// [`UnsupportedLevel`] if the processor cannot run it.
    pub fn with_level(level: Level) -> Result<Self, UnsupportedLevel> {
        Self::builder().level(level).build()
    }

    /// An accelerator with choices.
    #[must_use]
    pub fn builder() -> Builder {
        Builder::default()
    }

    /// The level that runs.
    #[must_use]
    pub const fn level(&self) -> Level {
        self.level
    }

    /// Threads that one call may use, the caller's among them.
    #[must_use]
    pub fn threads(&self) -> usize {
        self.team.threads()
    }

    pub(crate) fn get(&self, id: MatrixId) -> Result<Arc<Matrix>, AccelError> {
        let index = usize::try_from(id.0).map_err(|_| AccelError::UnknownMatrix)?;
        let matrices = self.matrices.read().unwrap_or_else(PoisonError::into_inner);
        matrices.get(index).cloned().flatten().ok_or(AccelError::UnknownMatrix)
    }

    /// An ordinary product of the rows from `first` on, of the few or the many columns of `x`; shapes are the caller's to check.
    ///
    /// # Errors
    /// [`AccelError::OutOfMemory`], or as rows that are shared fail.
    pub(crate) fn clear(
        &self,
        matrix: &Matrix,
        first: usize,
        x: &[i8],
        columns: usize,
        sums: &[i32],
        out: &mut [i32],
    ) -> Result<(), AccelError> {
        let (rows, work) = (matrix.rows()?.from(first), out.len().saturating_mul(matrix.n));
        let team = if work < WORTH_A_THREAD { Team::ALONE } else { &self.team };
        self.products.clear(team, rows, x, columns, sums, out)
    }

    pub(crate) const fn direct(&self) -> &DirectMode {
        &self.direct
    }

    pub(crate) const fn whole_team(&self) -> &Team {
        &self.team
    }

    /// The threads for work of this size.
    fn team(&self, matrix: &Matrix, out: &[u32]) -> &Team {
        if out.len().saturating_mul(matrix.n) < WORTH_A_THREAD { Team::ALONE } else { &self.team }
    }
}

impl core::fmt::Debug for Cpu {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Cpu")
            .field("level", &self.level)
            .field("threads", &self.threads())
            .finish_non_exhaustive()
    }
}

impl Accelerator for Cpu {
    fn capabilities(&self) -> Capabilities {
        Capabilities::new(self.level.name(), self.level.preferred_columns() * self.threads())
    }

    fn load(&self, m: usize, n: usize, rows: &mut dyn RowSource) -> Result<MatrixId, AccelError> {
        let matrix = Arc::new(Matrix::load(m, n, rows)?);
        let mut matrices = self.matrices.write().unwrap_or_else(PoisonError::into_inner);
        matrices.try_reserve(1).map_err(|_| AccelError::OutOfMemory)?;
        matrices.push(Some(matrix));
        Ok(MatrixId(matrices.len() as u64 - 1))
    }

    fn unload(&self, matrix: MatrixId) -> Result<(), AccelError> {
        let index = usize::try_from(matrix.0).map_err(|_| AccelError::UnknownMatrix)?;
        let mut matrices = self.matrices.write().unwrap_or_else(PoisonError::into_inner);
        let gone = matrices.get_mut(index).and_then(Option::take);
        drop(matrices);
        gone.map(drop).ok_or(AccelError::UnknownMatrix)
    }

    fn product(
        &self,
        matrix: MatrixId,
        rows: Range<usize>,
        p: PrimeId,
        x: &[u32],
        columns: usize,
        out: &mut [u32],
    ) -> Result<(), AccelError> {
        let matrix = self.get(matrix)?;
        check_product((matrix.m, matrix.n), &rows, p, x, columns, out)?;
        if rows.is_empty() {
            return Ok(());
        }
        let team = self.team(&matrix, out);
        let from = (matrix.rows()?, rows.start);
        if columns <= FEW {
            self.products.few(team, from, p, x, columns, out)
        } else {
            let words = Words::Given(x, columns);
            self.products.many(team, from, matrix.n, p, words, columns, out)
        }
    }

    fn product_seeded(
        &self,
        matrix: MatrixId,
        rows: Range<usize>,
        p: PrimeId,
        seed: &PublicSeed,
        mask_columns: Range<usize>,
        out: &mut [u32],
    ) -> Result<(), AccelError> {
        let matrix = self.get(matrix)?;
        let columns = mask_columns.len();
        check_output(matrix.m, &rows, columns, out)?;
        if rows.is_empty() {
            return Ok(());
        }
        let team = self.team(&matrix, out);
        let from = (matrix.rows()?, rows.start);
        if columns <= FEW {
            let mut x = vec![0; matrix.n * columns];
            expand_mask_columns(p, seed, 0..matrix.n, mask_columns, &mut x);
            self.products.few(team, from, p, &x, columns, out)
        } else {
            let words = Words::Masks(seed, mask_columns.start);
            self.products.many(team, from, matrix.n, p, words, columns, out)
        }
    }

    fn columns(&self, matrix: MatrixId) -> Result<usize, AccelError> {
        Ok(self.get(matrix)?.n)
    }
}
