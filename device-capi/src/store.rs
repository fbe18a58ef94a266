//! The caller's store of correlations.
#![expect(unsafe_code, reason = "calls of C")]

use crate::status::Status;
use crate::types::Store;
use device_client::store::{CorrelationStore, StoreError};
use kernel::model::{GroupId, ModelConfig};
use kernel::stream::Seed;

/// A store of which the functions that a call needs are there.
pub(crate) struct CStore<'a> {
    store: &'a Store,
    config: &'a ModelConfig,
    /// A word for each group.
    demand: &'a mut [u32],
    /// Of the unit that was begun; 0 without one.
    tokens: usize,
    rows_left: usize,
}

impl<'a> CStore<'a> {
    /// For requests.
    pub(crate) fn to_take_from(
        store: &'a Store,
        config: &'a ModelConfig,
        demand: &'a mut [u32],
    ) -> Result<Self, Status> {
        let there = store.available.is_some() && store.reserve.is_some() && store.take.is_some();
        Self::new(there, store, config, demand)
    }

    /// For preparations.
    pub(crate) fn to_fill(store: &'a Store, config: &'a ModelConfig) -> Result<Self, Status> {
        let there = store.available.is_some()
            && store.begin_unit.is_some()
            && store.put_row.is_some()
            && store.hold_unit.is_some()
            && store.settle.is_some()
            && store.abandon.is_some();
        Self::new(there, store, config, &mut [])
    }

    fn new(
        there: bool,
        store: &'a Store,
        config: &'a ModelConfig,
        demand: &'a mut [u32],
    ) -> Result<Self, Status> {
        if !there {
            return Err(Status::NullPointer);
        }
        Ok(Self { store, config, demand, tokens: 0, rows_left: 0 })
    }
}

/// What a callback that returned `code` means.
const fn outcome(code: i32) -> Result<(), StoreError> {
    const TOO_FEW: i32 = Status::StoreTooFew as i32;
    const FULL: i32 = Status::StoreFull as i32;
    const DAMAGED: i32 = Status::StoreDamaged as i32;
    const ORDER: i32 = Status::StoreOrder as i32;
    match code {
        0 => Ok(()),
        TOO_FEW => Err(StoreError::TooFew { group: 0, available: 0, needed: 0 }),
        FULL => Err(StoreError::Full),
        DAMAGED => Err(StoreError::Damaged),
        ORDER => Err(StoreError::Order),
        _ => Err(StoreError::Storage),
    }
}

impl CorrelationStore for CStore<'_> {
    fn available(&self, group: GroupId) -> u32 {
        // SAFETY: the function and its context are the caller's.
        self.store.available.map_or(0, |of| unsafe { of(self.store.context, group.0) })
    }

    fn reserve(&mut self, demand: &dyn Fn(GroupId) -> u32) -> Result<(), StoreError> {
        let reserve = self.store.reserve.ok_or(StoreError::Order)?;
        for (group, word) in self.config.groups().zip(&mut *self.demand) {
            *word = demand(group);
        }
        // SAFETY: the function and its context are the caller's, who may read as many words as he is told.
        outcome(unsafe { reserve(self.store.context, self.demand.as_ptr(), self.demand.len()) })
    }

    fn take(&mut self, group: GroupId, r: &mut [u32], z: &mut [u32]) -> Result<(), StoreError> {
        let take = self.store.take.ok_or(StoreError::Order)?;
        let shape = self.config.shape(group).ok_or(StoreError::Order)?;
        if r.len() != shape.columns || z.len() != shape.rows {
            return Err(StoreError::Order);
        }
        let (columns, rows) = (r.len(), z.len());
        let (r, z) = (r.as_mut_ptr(), z.as_mut_ptr());
        // SAFETY: the function and its context are the caller's, who gets memory for as many words as he is
        // told.
        outcome(unsafe { take(self.store.context, group.0, r, columns, z, rows) })
    }

    fn begin_unit(&mut self, group: GroupId, tokens: usize, masks: Seed) -> Result<(), StoreError> {
        let begin = self.store.begin_unit.ok_or(StoreError::Order)?;
        let rows = self.config.shape(group).ok_or(StoreError::Order)?.rows;
        let seed = masks.expose().as_ptr();
        // SAFETY: the function and its context are the caller's, who may read the bytes of a seed.
        outcome(unsafe { begin(self.store.context, group.0, rows, tokens, seed) })?;
        (self.tokens, self.rows_left) = (tokens, rows);
        Ok(())
    }

    fn put_row(&mut self, z: &[u32]) -> Result<(), StoreError> {
        let put = self.store.put_row.ok_or(StoreError::Order)?;
        if self.rows_left == 0 || z.len() != self.tokens {
            return Err(StoreError::Order);
        }
        self.rows_left -= 1;
        // SAFETY: the function and its context are the caller's, who may read as many words as he is told.
        outcome(unsafe { put(self.store.context, z.as_ptr(), z.len()) })
    }

    fn hold_unit(&mut self) -> Result<(), StoreError> {
        let hold = self.store.hold_unit.ok_or(StoreError::Order)?;
        if self.tokens == 0 || self.rows_left > 0 {
            return Err(StoreError::Order);
        }
        self.tokens = 0;
        // SAFETY: the function and its context are the caller's.
        outcome(unsafe { hold(self.store.context) })
    }

    fn settle(&mut self, accept: bool) -> Result<(), StoreError> {
        let settle = self.store.settle.ok_or(StoreError::Order)?;
        // SAFETY: the function and its context are the caller's.
        outcome(unsafe { settle(self.store.context, accept.into()) })
    }

    fn abandon(&mut self) {
        (self.tokens, self.rows_left) = (0, 0);
        if let Some(abandon) = self.store.abandon {
            // SAFETY: the function and its context are the caller's.
            unsafe { abandon(self.store.context) };
        }
    }
}
