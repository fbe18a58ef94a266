use crate::Permutation;
use crate::adapters::{AdapterReport, Selection, select};
use crate::context::Context;
use crate::matrix::Matrix;
use crate::product::{Product, Words};
use crate::ring::{DirectMode, Encoded};
use crate::self_test::{self, SelfTestError};
use crate::waiting::{Pass, Waiting};
use core::ops::Range;
use kernel::accel::{
    AccelError, Accelerator, Capabilities, MatrixId, RowSource, check_output, check_product,
};
use kernel::params::ParameterId;
use kernel::prime::PrimeId;
use kernel::stream::PublicSeed;
use kernel::trace::Layout;
use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

/// Columns that fill a GPU, for tiles of a few thousand rows.
const PREFERRED_COLUMNS: usize = 512;

/// Bytes that may be held where nobody says: more than devices have, and few enough that software, which hands out
/// memory that there is not, refuses what is absurd.
const MORE_THAN_ANY: u64 = 1 << 40;

/// The accelerator that runs on a GPU. See the [crate] page.
pub struct Gpu {
    pub(crate) context: Arc<Context>,
    report: AdapterReport,
    matrices: RwLock<Matrices>,
    pub(crate) direct: DirectMode,
    memory_is_known: bool,
}

impl core::fmt::Debug for Gpu {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Gpu")
            .field("report", &self.report)
            .field("permutation", &self.context.permutation)
            .field("failure", &self.failure())
            .finish_non_exhaustive()
    }
}

#[derive(Debug, Default)]
struct Matrices {
    /// Numbers are never used again.
    next: u64,
    held: HashMap<MatrixId, Arc<Held>>,
}

/// A matrix, and who waits for products with it.
#[derive(Debug)]
pub(crate) struct Held {
    pub(crate) matrix: Matrix,
    waiting: Waiting,
    /// Forms of it that are kept for direct mode.
    encoded: RwLock<Vec<(ParameterId, Layout, Arc<Encoded>)>>,
}

impl Held {
    fn new(matrix: Matrix) -> Self {
        Self { matrix, waiting: Waiting::default(), encoded: RwLock::default() }
    }

    /// The form that is kept for a set and a layout.
    pub(crate) fn encoded(&self, set: ParameterId, layout: &Layout) -> Option<Arc<Encoded>> {
        let all = self.encoded.read().unwrap_or_else(PoisonError::into_inner);
        let known = all.iter().find(|(s, l, _)| (*s, l) == (set, layout));
        known.map(|(.., encoded)| encoded.clone())
    }

    /// Keeps a form, unless there is one of the same set and layout by now.
    pub(crate) fn keep(&self, set: ParameterId, layout: &Layout, encoded: Encoded) {
        let mut all = self.encoded.write().unwrap_or_else(PoisonError::into_inner);
        if !all.iter().any(|(s, l, _)| (*s, l) == (set, layout)) {
            all.push((set, *layout, Arc::new(encoded)));
        }
    }

    /// The bytes of all forms that are kept.
    pub(crate) fn encoded_bytes(&self) -> u64 {
        let all = self.encoded.read().unwrap_or_else(PoisonError::into_inner);
        all.iter().map(|(.., encoded)| encoded.bytes()).sum()
    }
}

/// Why a GPU could not be opened.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// There is no such adapter.
    #[error("{0} was not found")]
    NoAdapter(Selection),
    /// The adapter lacks what the permutation needs.
    #[error("{adapter} cannot run the permutation {wanted}; at best {best}")]
    Unsupported {
        /// Its name.
        adapter: String,
        /// What was asked for.
        wanted: Permutation,
        /// All that it can do.
        best: Permutation,
    },
    /// The driver refused.
    #[error("{adapter} cannot be opened: {why}")]
    Refused {
        /// Its name.
        adapter: String,
        /// What the driver says.
        why: String,
    },
    /// The self-test failed: this GPU must not be used.
    #[error("{adapter} failed its self-test: {why}")]
    Wrong {
        /// Its name.
        adapter: String,
        /// What was wrong.
        why: SelfTestError,
    },
}

/// Choices for a [`Gpu`]; what is not chosen: the best adapter, all that it can do, all of its memory.
///
/// ```no_run
/// use accel_wgpu::{Gpu, OpenError, Permutation, Selection};
///
/// let opened = Gpu::builder()
///     .adapter(Selection::Index(1))
///     .permutation(Permutation::PORTABLE)
///     .memory(8 << 30)
///     .build();
/// match opened {
///     Ok(gpu) => println!("{}, {}", gpu.report().name, gpu.permutation()),
///     Err(OpenError::Wrong { adapter, why }) => println!("{adapter} computes wrongly: {why}"),
///     Err(other) => println!("{other}"),
/// }
/// ```
#[derive(Clone, Debug, Default)]
pub struct Builder {
    selection: Selection,
    permutation: Option<Permutation>,
    memory: Option<u64>,
    largest_binding: Option<u64>,
}

impl Builder {
    /// The adapter.
    #[must_use]
    pub fn adapter(mut self, selection: Selection) -> Self {
        self.selection = selection;
        self
    }

    /// The form of the shaders' inner operations, instead of the fastest that the adapter has.
    #[must_use]
    pub const fn permutation(mut self, permutation: Permutation) -> Self {
        self.permutation = Some(permutation);
        self
    }

    /// Bytes that matrices and keys may take of the device's memory. Work under way takes a few hundred
    /// megabytes beside them. Without this what fits is found out by trying: a matrix that does not fit is refused
    /// before a row of it is read, by GPUs; software takes of the machine's memory until there is none.
    #[must_use]
    pub const fn memory(mut self, bytes: u64) -> Self {
        self.memory = Some(bytes);
        self
    }

    /// Bytes that a shader is given at a time of a matrix, or of columns: work with more is cut. A row or a
    /// column is never cut. The adapter's own limit holds besides; less than it is for tests.
    #[must_use]
    pub const fn largest_binding(mut self, bytes: u64) -> Self {
        self.largest_binding = Some(bytes);
        self
    }

    /// Opens the GPU, and tests it.
    ///
    /// # Errors
    /// [`OpenError`].
    pub fn build(self) -> Result<Gpu, OpenError> {
        let found = select(&self.selection).ok_or(OpenError::NoAdapter(self.selection))?;
        let report = found.report.clone();
        let permutation = self.permutation.unwrap_or(report.best);
        let adapter = || report.name.clone();
        if !permutation.is_within(report.best) {
            let (wanted, best) = (permutation, report.best);
            return Err(OpenError::Unsupported { adapter: adapter(), wanted, best });
        }
        let largest_binding = self.largest_binding.unwrap_or(u64::MAX);
        let context = Context::open(&found, permutation, MORE_THAN_ANY, largest_binding)
            .map_err(|error| OpenError::Refused { adapter: adapter(), why: error.to_string() })?;
        let context = Arc::new(context);
        let gpu = Gpu {
            context,
            matrices: RwLock::default(),
            direct: DirectMode::default(),
            report: report.clone(),
            memory_is_known: self.memory.is_some(),
        };
        gpu.self_test().map_err(|why| OpenError::Wrong { adapter: adapter(), why })?;
        // What the test has held is free again: it does not count.
        if let Some(bytes) = self.memory {
            gpu.context.limit(bytes);
        }
        Ok(gpu)
    }
}

impl Gpu {
    /// A GPU with choices.
    #[must_use]
    pub fn builder() -> Builder {
        Builder::default()
    }

    /// The adapter.
    #[must_use]
    pub const fn report(&self) -> &AdapterReport {
        &self.report
    }

    /// The form of the shaders that run.
    #[must_use]
    pub fn permutation(&self) -> Permutation {
        self.context.permutation
    }

    /// Why the device is lost, if it is.
    #[must_use]
    pub fn failure(&self) -> Option<String> {
        self.context.failure()
    }

    /// Compares small products with the kernel's reference.
    ///
    /// # Errors
    /// [`SelfTestError`]: this GPU must not be used.
    pub fn self_test(&self) -> Result<(), SelfTestError> {
        self_test::run(self)
    }

    /// Gives the device up, as if it were lost: what runs and all that comes later fails with
    /// [`AccelError::DeviceLost`]. Any thread may do so, also while others are in calls.
    pub fn destroy(&self) {
        // First this: who meets the destroyed device knows what it is.
        self.context.fail("it was destroyed");
        self.context.device.destroy();
    }

    pub(crate) fn get(&self, id: MatrixId) -> Result<Arc<Held>, AccelError> {
        let matrices = self.matrices.read().unwrap_or_else(PoisonError::into_inner);
        matrices.held.get(&id).cloned().ok_or(AccelError::UnknownMatrix)
    }
}

impl Accelerator for Gpu {
    fn capabilities(&self) -> Capabilities {
        let mut capabilities = Capabilities::new("wgpu", PREFERRED_COLUMNS);
        capabilities.free_bytes = self.memory_is_known.then(|| self.context.left());
        capabilities
    }

    fn load(&self, m: usize, n: usize, rows: &mut dyn RowSource) -> Result<MatrixId, AccelError> {
        let matrix = self.context.guard(|| Matrix::load(&self.context, m, n, rows))?;
        let mut matrices = self.matrices.write().unwrap_or_else(PoisonError::into_inner);
        let id = MatrixId(matrices.next);
        matrices.next += 1;
        matrices.held.insert(id, Arc::new(Held::new(matrix)));
        Ok(id)
    }

    fn unload(&self, matrix: MatrixId) -> Result<(), AccelError> {
        let mut matrices = self.matrices.write().unwrap_or_else(PoisonError::into_inner);
        let gone = matrices.held.remove(&matrix);
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
        let held = self.get(matrix)?;
        let Held { matrix, waiting, .. } = &*held;
        check_product((matrix.m, matrix.n), &rows, p, x, columns, out)?;
        if rows.is_empty() {
            return self.context.check();
        }
        let context = &*self.context;
        context.guard(|| {
            let asked = Pass { rows, p, x, columns };
            let compute = |pass: &Pass<'_>, out: &mut [u32]| {
                let (rows, p, words) = (pass.rows.clone(), pass.p, Words::Given(pass.x));
                Product { context, matrix, rows, p, words, columns: pass.columns }.run(out)
            };
            if Waiting::is_worth_it(columns) {
                waiting.product(asked, out, compute)
            } else {
                compute(&asked, out)
            }
        })
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
        let held = self.get(matrix)?;
        let matrix = &held.matrix;
        let columns = mask_columns.len();
        check_output(matrix.m, &rows, columns, out)?;
        if rows.is_empty() {
            return self.context.check();
        }
        let context = &*self.context;
        let words = Words::Masks(seed, mask_columns.start);
        context.guard(|| Product { context, matrix, rows, p, words, columns }.run(out))
    }

    fn columns(&self, matrix: MatrixId) -> Result<usize, AccelError> {
        Ok(self.get(matrix)?.matrix.n)
    }
}
