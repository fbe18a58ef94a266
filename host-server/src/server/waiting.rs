use std::sync::atomic::{AtomicUsize, Ordering};

/// How many wait for something.
#[derive(Debug, Default)]
pub(super) struct Waiting(AtomicUsize);

/// One that waits, until it is dropped.
#[derive(Debug)]
pub(super) struct Waits<'a>(&'a AtomicUsize);

impl Waiting {
    pub(super) fn begin(&self) -> Waits<'_> {
        self.0.fetch_add(1, Ordering::Relaxed);
        Waits(&self.0)
    }

    pub(super) fn count(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }
}

impl Drop for Waits<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}
