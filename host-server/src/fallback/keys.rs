use kernel::accel::ring::KeysId;
use kernel::params::ParameterId;
use std::sync::{Mutex, PoisonError};

/// A session's evaluation keys.
pub(super) struct Keys {
    pub(super) set: ParameterId,
    /// In the first accelerator, while it has all of them.
    first: Mutex<Option<KeysId>>,
    pub(super) second: KeysId,
}

impl Keys {
    pub(super) const fn new(set: ParameterId, first: Option<KeysId>, second: KeysId) -> Self {
        Self { set, first: Mutex::new(first), second }
    }

    pub(super) fn first(&self) -> Option<KeysId> {
        *self.first.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The first accelerator is not to be asked for them any more.
    pub(super) fn take_first(&self) -> Option<KeysId> {
        self.first.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}
