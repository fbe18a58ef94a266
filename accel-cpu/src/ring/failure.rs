use kernel::accel::AccelError;
use std::sync::{Mutex, PoisonError};

/// What went wrong in tasks that run at the same time, if anything.
#[derive(Debug, Default)]
pub(super) struct Failure(Mutex<Option<AccelError>>);

impl Failure {
    pub(super) fn note(&self, result: Result<(), AccelError>) {
        if let Err(error) = result {
            *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
        }
    }

    /// # Errors
    /// One of those that were noted.
    pub(super) fn result(self) -> Result<(), AccelError> {
        self.0.into_inner().unwrap_or_else(PoisonError::into_inner).map_or(Ok(()), Err)
    }
}
