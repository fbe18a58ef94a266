//! An accelerator that works as the test lets it.

use kernel::accel::hooked::{Call, Hooked, Hooks, Output};
use kernel::accel::{AccelError, Reference};
use std::sync::{Arc, Condvar, Mutex};

/// A gate before products, which keeps a list of what has begun.
#[derive(Clone, Default)]
pub(crate) struct Gate(Arc<State>);

#[derive(Default)]
struct State {
    /// Calls that may still pass, if it is closed.
    left: Mutex<Option<usize>>,
    changed: Condvar,
    begun: Mutex<Vec<(u32, usize)>>,
}

impl Gate {
    /// The reference behind it.
    pub(crate) fn accelerator(&self) -> Arc<Hooked<Reference, Self>> {
        Arc::new(Hooked::new(Arc::default(), self.clone()))
    }

    pub(crate) fn close(&self) {
        *self.0.left.lock().unwrap() = Some(0);
    }

    /// Lets one call pass.
    pub(crate) fn pass(&self) {
        if let Some(left) = &mut *self.0.left.lock().unwrap() {
            *left += 1;
        }
        self.0.changed.notify_all();
    }

    pub(crate) fn open(&self) {
        *self.0.left.lock().unwrap() = None;
        self.0.changed.notify_all();
    }

    /// Group and columns of every product that has begun, in order.
    pub(crate) fn begun(&self) -> Vec<(u32, usize)> {
        self.0.begun.lock().unwrap().clone()
    }
}

/// Opens a gate when the test ends: one that stays closed would hold up the end of a failed one.
pub(crate) struct Opens(pub(crate) Gate);

impl Drop for Opens {
    fn drop(&mut self) {
        self.0.open();
    }
}

impl Hooks for Gate {
    fn around<T>(
        &self,
        call: Call,
        output: Output<'_>,
        run: impl FnOnce(Output<'_>) -> Result<T, AccelError>,
    ) -> Result<T, AccelError> {
        if let Call::Product { matrix, columns } | Call::ProductSeeded { matrix, columns } = call {
            self.0.begun.lock().unwrap().push((matrix.0 as u32, columns));
            let closed = |left: &mut Option<usize>| *left == Some(0);
            let left = self.0.left.lock().unwrap();
            let mut left = self.0.changed.wait_while(left, closed).unwrap();
            *left = left.map(|left| left - 1);
        }
        run(output)
    }
}
