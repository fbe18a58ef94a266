use kernel::accel::AccelError;
use std::sync::{Arc, PoisonError, RwLock};

/// Things by number. A thing that is taken out leaves a hole, so that no number is used again.
pub(super) struct Table<T>(RwLock<Vec<Option<Arc<T>>>>);

impl<T> Default for Table<T> {
    fn default() -> Self {
        Self(RwLock::default())
    }
}

impl<T> Table<T> {
    /// # Errors
    /// [`AccelError::OutOfMemory`].
    pub(super) fn insert(&self, thing: T) -> Result<u64, AccelError> {
        let mut all = self.0.write().unwrap_or_else(PoisonError::into_inner);
        all.try_reserve(1).map_err(|_| AccelError::OutOfMemory)?;
        all.push(Some(Arc::new(thing)));
        Ok(all.len() as u64 - 1)
    }

    pub(super) fn get(&self, number: u64) -> Option<Arc<T>> {
        let index = usize::try_from(number).ok()?;
        self.0.read().unwrap_or_else(PoisonError::into_inner).get(index)?.clone()
    }

    pub(super) fn take(&self, number: u64) -> Option<Arc<T>> {
        let index = usize::try_from(number).ok()?;
        self.0.write().unwrap_or_else(PoisonError::into_inner).get_mut(index)?.take()
    }

    pub(super) fn fold<A>(&self, start: A, mut with: impl FnMut(A, &T) -> A) -> A {
        let all = self.0.read().unwrap_or_else(PoisonError::into_inner);
        all.iter().flatten().fold(start, |sum, thing| with(sum, thing))
    }
}
