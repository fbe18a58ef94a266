//! A backend that fails where a test tells it to.

use crate::accel::hooked::{Call, Hooked, Hooks, Output};
use crate::accel::{AccelError, Reference};
use alloc::sync::Arc;
use core::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

/// [`Hooks`] that let one call fail.
///
/// The call is made, unless the fault comes [before](Self::before) it, what it wrote is overwritten with garbage, and the error is returned: whoever
/// goes on after it cannot rely on anything of it. After [`AccelError::DeviceLost`] no other call is
/// made, and all of them fail likewise.
///
/// ```
/// use kernel::accel::{AccelError, Accelerator, MatrixId};
/// use kernel::conformance::Faults;
///
/// let lost = Faults::at(1, AccelError::DeviceLost, |_| true).on_reference();
/// assert_eq!(lost.unload(MatrixId(0)), Err(AccelError::UnknownMatrix));
/// assert_eq!(lost.unload(MatrixId(0)), Err(AccelError::DeviceLost));
/// assert_eq!(lost.unload(MatrixId(0)), Err(AccelError::DeviceLost));
/// assert_eq!(lost.hooks().calls(), 3);
/// ```
#[derive(Debug)]
pub struct Faults {
    of: fn(&Call) -> bool,
    at: usize,
    error: AccelError,
    before: bool,
    calls: AtomicUsize,
    lost: AtomicBool,
}

impl Faults {
    /// Of the calls that `of` counts, number `at` fails, from 0 on.
    #[must_use]
    pub const fn at(at: usize, error: AccelError, of: fn(&Call) -> bool) -> Self {
        let (calls, lost) = (AtomicUsize::new(0), AtomicBool::new(false));
        Self { of, at, error, before: false, calls, lost }
    }

    /// The call that fails is not made.
    #[must_use]
    pub const fn before(mut self) -> Self {
        self.before = true;
        self
    }

    /// No call fails.
    #[must_use]
    pub const fn none(of: fn(&Call) -> bool) -> Self {
        Self::at(usize::MAX, AccelError::DeviceLost, of)
    }

    /// The calls so far that were counted.
    #[must_use]
    pub fn calls(&self) -> usize {
        self.calls.load(Ordering::SeqCst)
    }

    /// A reference that fails so.
    #[must_use]
    pub fn on_reference(self) -> Hooked<Reference, Self> {
        Hooked::new(Arc::new(Reference::default()), self)
    }
}

impl Hooks for Faults {
    fn around<T>(
        &self,
        call: Call,
        mut output: Output<'_>,
        run: impl FnOnce(Output<'_>) -> Result<T, AccelError>,
    ) -> Result<T, AccelError> {
        let fails = (self.of)(&call) && self.calls.fetch_add(1, Ordering::SeqCst) == self.at;
        if !fails && !self.lost.load(Ordering::SeqCst) {
            return run(output);
        }
        let done = (fails && !self.before).then(|| run(output.lend()));
        spoil(output);
        if fails && self.error == AccelError::DeviceLost {
            self.lost.store(true, Ordering::SeqCst);
        }
        // A call that would have failed by itself did nothing; its own error would hide the fault.
        drop(done);
        Err(self.error)
    }
}

/// Overwrites whatever a call has written.
fn spoil(output: Output<'_>) {
    match output {
        Output::None => {}
        Output::Words(words) => {
            words.copy_from_slice(&super::garbage(words.len()));
        }
        Output::Results { masks, bodies } => {
            for (i, number) in masks.iter_mut().chain(bodies).enumerate() {
                *number = 0xdead_beef_dead_beef ^ i as u64;
            }
        }
    }
}
