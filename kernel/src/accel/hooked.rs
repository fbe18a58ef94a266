//! An accelerator with something around its calls: a clock, a counter, a gate, a fault.

use super::ring::{Ciphertexts, KeysId, RingAccelerator};
use super::{AccelError, Accelerator, Capabilities, MatrixId, RowSource};
use crate::galois::Automorphism;
use crate::params::ParameterId;
use crate::prime::PrimeId;
use crate::stream::PublicSeed;
use crate::trace::Layout;
use alloc::sync::Arc;
use core::ops::Range;

/// A call that an accelerator gets, without its data.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Call {
    /// [`Accelerator::load`] of a matrix of this shape.
    Load {
        /// m.
        rows: usize,
        /// n.
        columns: usize,
    },
    /// [`Accelerator::unload`].
    Unload(MatrixId),
    /// [`Accelerator::product`] of so many columns.
    Product {
        /// The matrix.
        matrix: MatrixId,
        /// Columns of x.
        columns: usize,
    },
    /// [`Accelerator::product_seeded`] of so many columns.
    ProductSeeded {
        /// The matrix.
        matrix: MatrixId,
        /// Columns of masks.
        columns: usize,
    },
    /// [`RingAccelerator::open_keys`].
    OpenKeys(ParameterId),
    /// [`RingAccelerator::add_key`].
    AddKey(KeysId),
    /// [`RingAccelerator::close_keys`].
    CloseKeys(KeysId),
    /// [`RingAccelerator::encode`].
    Encode(MatrixId),
    /// [`RingAccelerator::trace_product`].
    TraceProduct(MatrixId),
}

/// What a call writes into.
#[derive(Debug)]
pub enum Output<'a> {
    /// Nothing of the caller's.
    None,
    /// The residues of a product.
    Words(&'a mut [u32]),
    /// The results of a trace product.
    Results {
        /// Numbers of the masks.
        masks: &'a mut [u64],
        /// Numbers of the bodies.
        bodies: &'a mut [u64],
    },
}

impl Output<'_> {
    /// The same, lent for a shorter time.
    pub fn lend(&mut self) -> Output<'_> {
        match self {
            Self::None => Output::None,
            Self::Words(words) => Output::Words(words),
            Self::Results { masks, bodies } => Output::Results { masks, bodies },
        }
    }
}

/// What happens around every call of a [`Hooked`] accelerator.
pub trait Hooks: Send + Sync {
    /// Makes a call by `run`, which is to get `output`, or does not, and answers for it.
    ///
    /// # Errors
    /// As `run` fails, or at will.
    fn around<T>(
        &self,
        call: Call,
        output: Output<'_>,
        run: impl FnOnce(Output<'_>) -> Result<T, AccelError>,
    ) -> Result<T, AccelError>;

    /// What the accelerator says of itself.
    fn capabilities(&self, inner: Capabilities) -> Capabilities {
        inner
    }
}

/// An accelerator whose calls pass through [`Hooks`].
///
/// ```
/// use core::sync::atomic::{AtomicUsize, Ordering::Relaxed};
/// use kernel::accel::hooked::{Call, Hooked, Hooks, Output};
/// use kernel::accel::{AccelError, Accelerator, MatrixId, Reference};
/// use std::sync::Arc;
///
/// #[derive(Default)]
/// struct Count(AtomicUsize);
/// impl Hooks for Count {
///     fn around<T>(
///         &self,
///         _: Call,
///         output: Output<'_>,
///         run: impl FnOnce(Output<'_>) -> Result<T, AccelError>,
///     ) -> Result<T, AccelError> {
///         self.0.fetch_add(1, Relaxed);
///         run(output)
///     }
/// }
///
/// let counted = Hooked::new(Arc::new(Reference::default()), Count::default());
/// assert_eq!(counted.unload(MatrixId(0)), Err(AccelError::UnknownMatrix));
/// assert_eq!(counted.hooks().0.load(Relaxed), 1);
/// ```
#[derive(Debug)]
pub struct Hooked<A: ?Sized, H> {
    hooks: H,
    inner: Arc<A>,
}

impl<A: ?Sized, H> Hooked<A, H> {
    /// The accelerator `inner` with these around its calls.
    #[must_use]
    pub const fn new(inner: Arc<A>, hooks: H) -> Self {
        Self { hooks, inner }
    }

    /// What is around the calls.
    #[must_use]
    pub const fn hooks(&self) -> &H {
        &self.hooks
    }
}

impl<A: ?Sized, H: Hooks> Hooked<A, H> {
    /// A call that writes nothing of the caller's.
    fn plain<T>(
        &self,
        call: Call,
        run: impl FnOnce(&A) -> Result<T, AccelError>,
    ) -> Result<T, AccelError> {
        self.hooks.around(call, Output::None, |_| run(&self.inner))
    }

    /// A call that writes words.
    fn words(
        &self,
        call: Call,
        out: &mut [u32],
        run: impl FnOnce(&A, &mut [u32]) -> Result<(), AccelError>,
    ) -> Result<(), AccelError> {
        self.hooks.around(call, Output::Words(out), |output| match output {
            Output::Words(out) => run(&self.inner, out),
            _ => Err(AccelError::Shape),
        })
    }
}

impl<A: Accelerator + ?Sized, H: Hooks> Accelerator for Hooked<A, H> {
    fn capabilities(&self) -> Capabilities {
        self.hooks.capabilities(self.inner.capabilities())
    }

    fn load(&self, m: usize, n: usize, rows: &mut dyn RowSource) -> Result<MatrixId, AccelError> {
        self.plain(Call::Load { rows: m, columns: n }, |inner| inner.load(m, n, rows))
    }

    fn unload(&self, matrix: MatrixId) -> Result<(), AccelError> {
        self.plain(Call::Unload(matrix), |inner| inner.unload(matrix))
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
        self.words(Call::Product { matrix, columns }, out, |inner, out| {
            inner.product(matrix, rows, p, x, columns, out)
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
        let columns = mask_columns.len();
        self.words(Call::ProductSeeded { matrix, columns }, out, |inner, out| {
            inner.product_seeded(matrix, rows, p, seed, mask_columns, out)
        })
    }

    fn columns(&self, matrix: MatrixId) -> Result<usize, AccelError> {
        self.inner.columns(matrix)
    }
}

impl<A: RingAccelerator + ?Sized, H: Hooks> RingAccelerator for Hooked<A, H> {
    fn open_keys(&self, set: ParameterId, seed: &PublicSeed) -> Result<KeysId, AccelError> {
        self.plain(Call::OpenKeys(set), |inner| inner.open_keys(set, seed))
    }

    fn add_key(
        &self,
        keys: KeysId,
        automorphism: Automorphism,
        bodies: &[u32],
    ) -> Result<(), AccelError> {
        self.plain(Call::AddKey(keys), |inner| inner.add_key(keys, automorphism, bodies))
    }

    fn close_keys(&self, keys: KeysId) -> Result<(), AccelError> {
        self.plain(Call::CloseKeys(keys), |inner| inner.close_keys(keys))
    }

    fn encode(
        &self,
        matrix: MatrixId,
        set: ParameterId,
        layout: &Layout,
    ) -> Result<u64, AccelError> {
        self.plain(Call::Encode(matrix), |inner| inner.encode(matrix, set, layout))
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
        let output = Output::Results { masks, bodies };
        self.hooks.around(Call::TraceProduct(matrix), output, |output| match output {
            Output::Results { masks, bodies } => {
                self.inner.trace_product(matrix, keys, layout, input, masks, bodies)
            }
            _ => Err(AccelError::Shape),
        })
    }
}
