//! Two accelerators as one: a fast one that may fail, and one that finishes what it leaves.
//!
//! The first one is a graphics card, say, which has little memory and may be gone at any time; the
//! second is the processor. A matrix is loaded into both, and so are evaluation keys: the second holds
//! rows where they are mapped, or shares the one copy of them, so that this takes little. A call that the
//! first cannot answer is made again of the second, from the caller's inputs, and results are equal to
//! the bit on every backend: a client does not notice.
//!
//! | the first says | what happens |
//! |---|---|
//! | `DeviceLost` | it is never asked again |
//! | `OutOfMemory`, on loading | the matrix is the second's alone |
//! | `OutOfMemory`, on encoding | the caller hears it, as of any accelerator: products are possible all the same |
//! | `OutOfMemory` on other calls, or what no caller can be guilty of | this call is the second's |
//! | `Shape`, `Residue`, `MissingKey` | the caller hears it |
//!
//! Matrices are encoded where their products are made. When the first is lost, its encoded forms go
//! with it, and the second makes each again when it is first needed, so that no more of them are held at
//! any time than the caller asked for.

mod keys;
mod matrix;
mod table;

use core::ops::Range;
use kernel::accel::ring::{Ciphertexts, KeysId, RingAccelerator};
use kernel::accel::{
    AccelError, Accelerator, Capabilities, InPlace, MatrixId, RowSource, rows_in_place,
};
use kernel::galois::Automorphism;
use kernel::model::MAX_COLUMNS;
use kernel::params::ParameterId;
use kernel::prime::PrimeId;
use kernel::stream::PublicSeed;
use kernel::trace::Layout;
use keys::Keys;
use matrix::Matrix;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use table::Table;

/// An accelerator whose work a second one finishes where the first cannot. See the [module](self).
///
/// ```
/// use host_server::fallback::Fallback;
/// use kernel::accel::{Accelerator, AccelError, Reference, RowSource};
/// use kernel::conformance::Faults;
/// use kernel::prime::PrimeId;
/// use std::sync::Arc;
///
/// struct Ones;
/// impl RowSource for Ones {
///     fn next_row(&mut self, row: &mut [i8]) -> Result<(), AccelError> {
///         row.fill(1);
///         Ok(())
///     }
/// }
///
/// // Its second call is its last.
/// let fast = Faults::at(1, AccelError::DeviceLost, |_| true).on_reference();
/// let both = Fallback::new(Arc::new(fast), Arc::new(Reference::default()));
/// let matrix = both.load(1, 3, &mut Ones)?;
/// let mut y = [0];
/// both.product(matrix, 0..1, PrimeId::T, &[1, 2, 3], 1, &mut y)?;
/// assert_eq!(y, [6]);
/// assert!(both.is_lost());
/// # Ok::<(), AccelError>(())
/// ```
pub struct Fallback {
    first: Arc<dyn RingAccelerator>,
    second: Arc<dyn RingAccelerator>,
    /// The first is gone for good.
    lost: AtomicBool,
    /// Which less serious failures the log has.
    said: Said,
    matrices: Table<Matrix>,
    keys: Table<Keys>,
}

/// What the log need not have twice.
#[derive(Default)]
struct Said {
    no_room: AtomicBool,
    failed: AtomicBool,
}

/// Where the matrices are.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Placement {
    /// Matrices that the first accelerator works on; none when it is lost.
    pub on_first: Share,
    /// Those that the second works on alone.
    pub on_second: Share,
}

/// Some of the matrices.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Share {
    /// How many.
    pub matrices: usize,
    /// Their weights, a byte each.
    pub bytes: u64,
}

impl Share {
    const fn add(&mut self, bytes: u64) {
        self.matrices += 1;
        self.bytes += bytes;
    }
}

impl core::fmt::Debug for Fallback {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Fallback")
            .field("first", &self.first.capabilities())
            .field("second", &self.second.capabilities())
            .field("lost", &self.is_lost())
            .finish_non_exhaustive()
    }
}

impl Fallback {
    /// `first` as far as it goes, and `second` for the rest.
    #[must_use]
    pub fn new(first: Arc<dyn RingAccelerator>, second: Arc<dyn RingAccelerator>) -> Self {
        Self {
            first,
            second,
            lost: AtomicBool::new(false),
            said: Said::default(),
            matrices: Table::default(),
            keys: Table::default(),
        }
    }

    /// Whether the first accelerator is gone.
    #[must_use]
    pub fn is_lost(&self) -> bool {
        self.lost.load(Ordering::SeqCst)
    }

    /// Where the matrices are that are loaded now.
    #[must_use]
    pub fn placement(&self) -> Placement {
        let lost = self.is_lost();
        self.matrices.fold(Placement::default(), |mut all, matrix| {
            let on_first = matrix.first.is_some() && !lost;
            let share = if on_first { &mut all.on_first } else { &mut all.on_second };
            share.add(matrix.bytes());
            all
        })
    }

    /// What the first answers; `None` where the second is to be asked.
    fn ask<T>(
        &self,
        what: &'static str,
        call: impl FnOnce(&dyn RingAccelerator) -> Result<T, AccelError>,
    ) -> Option<Result<T, AccelError>> {
        if self.is_lost() { None } else { self.judge(what, call(&*self.first)) }
    }

    /// What the caller is to hear of the first's answer; `None` where the second is to be asked.
    fn judge<T>(
        &self,
        what: &'static str,
        answer: Result<T, AccelError>,
    ) -> Option<Result<T, AccelError>> {
        match answer {
            Ok(answer) => Some(Ok(answer)),
            Err(AccelError::DeviceLost) => {
                self.lose(what);
                None
            }
            Err(error @ (AccelError::Shape | AccelError::Residue | AccelError::MissingKey)) => {
                Some(Err(error))
            }
            // Taken away meanwhile.
            Err(AccelError::UnknownMatrix | AccelError::UnknownKeys) => None,
            Err(error) => {
                if !self.said.failed.swap(true, Ordering::SeqCst) {
                    let (first, second) = self.names();
                    tracing::warn!(first, call = what, %error, "finished on {second}; said once");
                }
                None
            }
        }
    }

    fn names(&self) -> (&'static str, &'static str) {
        (self.first.capabilities().name, self.second.capabilities().name)
    }

    /// Notes that the first is gone.
    fn lose(&self, what: &'static str) {
        let Placement { on_first: Share { matrices, bytes }, .. } = self.placement();
        let keys = self.keys.fold(0_usize, |count, _| count + 1);
        if !self.lost.swap(true, Ordering::SeqCst) {
            let (first, second) = self.names();
            tracing::warn!(
                first,
                call = what,
                matrices,
                bytes,
                keys,
                "the accelerator is lost: {second} finishes its work, and goes on alone"
            );
        }
    }

    /// Notes that the first did not take a matrix.
    fn not_taken(&self, bytes: usize, error: AccelError) {
        let (first, second) = self.names();
        let Placement { on_first, .. } = self.placement();
        if self.said.no_room.swap(true, Ordering::SeqCst) {
            tracing::debug!(first, bytes, %error, "another matrix is on {second} alone");
        } else {
            tracing::info!(
                first, matrices = on_first.matrices, of_bytes = on_first.bytes, bytes, %error,
                "a matrix is on {second} alone, as will be others that do not fit"
            );
        }
    }
}

impl Accelerator for Fallback {
    fn capabilities(&self) -> Capabilities {
        let second = self.second.capabilities();
        if self.is_lost() {
            return second;
        }
        // `load` goes on when the first is full.
        let mut all = self.first.capabilities();
        all.free_bytes = second.free_bytes;
        all
    }

    fn load(&self, m: usize, n: usize, rows: &mut dyn RowSource) -> Result<MatrixId, AccelError> {
        if m == 0 || n == 0 || n > MAX_COLUMNS {
            return Err(AccelError::Shape);
        }
        let rows = InPlace::new(rows_in_place(m, n, rows)?);
        let second = self.second.load(m, n, &mut rows.clone())?;
        let first = (!self.is_lost()).then(|| self.first.load(m, n, &mut rows.clone())).and_then(
            |loaded| {
                let failed = |error| match error {
                    AccelError::DeviceLost => self.lose("load"),
                    error => self.not_taken(m * n, error),
                };
                loaded.map_err(failed).ok()
            },
        );
        let id = self.matrices.insert(Matrix::new((m, n), first, second))?;
        Ok(MatrixId(id))
    }

    fn unload(&self, matrix: MatrixId) -> Result<(), AccelError> {
        let gone = self.matrices.take(matrix.0).ok_or(AccelError::UnknownMatrix)?;
        if let Some(first) = gone.first {
            let _ = self.ask("unload", |accelerator| accelerator.unload(first));
        }
        self.second.unload(gone.second)
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
        let matrix = self.matrix(matrix)?;
        let first = matrix.first.and_then(|first| {
            self.ask("product", |accelerator| {
                accelerator.product(first, rows.clone(), p, x, columns, out)
            })
        });
        first.unwrap_or_else(|| self.second.product(matrix.second, rows, p, x, columns, out))
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
        let matrix = self.matrix(matrix)?;
        let first = matrix.first.and_then(|first| {
            self.ask("seeded product", |accelerator| {
                let columns = mask_columns.clone();
                accelerator.product_seeded(first, rows.clone(), p, seed, columns, out)
            })
        });
        first.unwrap_or_else(|| {
            self.second.product_seeded(matrix.second, rows, p, seed, mask_columns, out)
        })
    }

    fn columns(&self, matrix: MatrixId) -> Result<usize, AccelError> {
        Ok(self.matrix(matrix)?.shape.1)
    }
}

impl Fallback {
    fn matrix(&self, id: MatrixId) -> Result<Arc<Matrix>, AccelError> {
        self.matrices.get(id.0).ok_or(AccelError::UnknownMatrix)
    }

    fn keys(&self, id: KeysId) -> Result<Arc<Keys>, AccelError> {
        self.keys.get(id.0).ok_or(AccelError::UnknownKeys)
    }

    /// Takes a set of keys from the first, which has not got all of them.
    fn give_up_keys(&self, keys: &Keys) {
        if let Some(first) = keys.take_first() {
            let _ = self.ask("close keys", |accelerator| accelerator.close_keys(first));
        }
    }
}

impl RingAccelerator for Fallback {
    fn open_keys(&self, set: ParameterId, seed: &PublicSeed) -> Result<KeysId, AccelError> {
        let second = self.second.open_keys(set, seed)?;
        let first = self.ask("open keys", |accelerator| accelerator.open_keys(set, seed));
        let id = self.keys.insert(Keys::new(set, first.and_then(Result::ok), second))?;
        Ok(KeysId(id))
    }

    fn add_key(
        &self,
        keys: KeysId,
        automorphism: Automorphism,
        bodies: &[u32],
    ) -> Result<(), AccelError> {
        let keys = self.keys(keys)?;
        self.second.add_key(keys.second, automorphism, bodies)?;
        if let Some(first) = keys.first() {
            let added = self.ask("add key", |a| a.add_key(first, automorphism, bodies));
            if !matches!(added, Some(Ok(()))) {
                self.give_up_keys(&keys);
            }
        }
        Ok(())
    }

    fn close_keys(&self, keys: KeysId) -> Result<(), AccelError> {
        let gone = self.keys.take(keys.0).ok_or(AccelError::UnknownKeys)?;
        self.give_up_keys(&gone);
        self.second.close_keys(gone.second)
    }

    fn encode(
        &self,
        matrix: MatrixId,
        set: ParameterId,
        layout: &Layout,
    ) -> Result<u64, AccelError> {
        let matrix = self.matrix(matrix)?;
        if let Some(first) = matrix.first.filter(|_| !self.is_lost()) {
            match self.first.encode(first, set, layout) {
                Ok(bytes) => return Ok(matrix.encoded_on_first(set, layout, bytes)),
                // The second would hold what it is not asked for.
                Err(AccelError::OutOfMemory) => return Err(AccelError::OutOfMemory),
                failed => {
                    if let Some(answer) = self.judge("encode", failed) {
                        return answer;
                    }
                }
            }
        }
        let bytes = self.second.encode(matrix.second, set, layout)?;
        Ok(matrix.encoded_on_second(bytes, self.is_lost()))
    }

    fn trace_product(
        &self,
        matrix: MatrixId,
        keys: KeysId,
        layout: &Layout,
        input: &Ciphertexts<'_>,
        masks: &mut [u64],
        bodies: &mut [u64],
    ) -> Result<(), AccelError> {
        let (matrix, keys) = (self.matrix(matrix)?, self.keys(keys)?);
        let first = matrix.first.zip(keys.first()).and_then(|(of_matrix, of_keys)| {
            self.ask("trace product", |accelerator| {
                accelerator.trace_product(of_matrix, of_keys, layout, input, masks, bodies)
            })
        });
        if let Some(answer) = first {
            return answer;
        }
        if self.is_lost() {
            matrix.encode_again(&*self.second, keys.set, layout);
        }
        self.second.trace_product(matrix.second, keys.second, layout, input, masks, bodies)
    }
}
