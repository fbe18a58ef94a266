use super::model::Model;
use super::random::Rng;
use device_client::store::{CorrelationStore, MemoryStore, StoreError};
use kernel::model::{GroupId, ModelConfig};
use kernel::schedule::Schedule;
use kernel::stream::{Seed, one_time_mask};
use std::collections::VecDeque;

/// Tokens whose images are computed together.
const STEP: usize = 64;

/// A store with correlations for `sessions` sessions, made directly: r from a seed, z = W r.
pub(crate) fn provisioned(
    model: &Model,
    schedule: &Schedule,
    sessions: u32,
    rng: &mut Rng,
) -> MemoryStore {
    let mut store = MemoryStore::new(&model.config);
    for group in model.config.groups() {
        let tokens = (sessions * schedule.demand(&model.config, group)) as usize;
        put_unit(model, &mut store, group, tokens, rng.seed());
    }
    store
}

fn put_unit(model: &Model, store: &mut MemoryStore, group: GroupId, tokens: usize, masks: Seed) {
    let shape = model.shape(group);
    let mut z = Vec::new();
    for first in (0..tokens).step_by(STEP) {
        let count = STEP.min(tokens - first);
        let mut r = vec![0; count * shape.columns];
        for (token, r) in (first..).zip(r.chunks_exact_mut(shape.columns)) {
            one_time_mask(&masks, token, 0, r);
        }
        z.extend(model.engine.product(group, count, &r).unwrap());
    }
    store.begin_unit(group, tokens, masks).unwrap();
    for row in 0..shape.rows {
        let row: Vec<u32> = z.iter().skip(row).step_by(shape.rows).copied().collect();
        store.put_row(&row).unwrap();
    }
    store.finish_unit(true).unwrap();
}

/// Unreserved tokens of every group.
pub(crate) fn available(store: &impl CorrelationStore, config: &ModelConfig) -> Vec<u32> {
    config.groups().map(|group| store.available(group)).collect()
}

/// A store that gives out correlations chosen beforehand, each group's in order. Not a store that
/// any device should have: it lets masks depend on what they hide.
#[derive(Default)]
pub(crate) struct Chosen(pub(crate) Vec<VecDeque<(Vec<u32>, Vec<u32>)>>);

impl CorrelationStore for Chosen {
    fn available(&self, group: GroupId) -> u32 {
        self.0.get(group.0 as usize).map_or(0, |tokens| tokens.len() as u32)
    }

    fn reserve(&mut self, _: &dyn Fn(GroupId) -> u32) -> Result<(), StoreError> {
        Ok(())
    }

    fn take(&mut self, group: GroupId, r: &mut [u32], z: &mut [u32]) -> Result<(), StoreError> {
        let (chosen_r, chosen_z) = self.0[group.0 as usize].pop_front().ok_or(StoreError::Order)?;
        r.copy_from_slice(&chosen_r);
        z.copy_from_slice(&chosen_z);
        Ok(())
    }

    fn begin_unit(&mut self, _: GroupId, _: usize, _: Seed) -> Result<(), StoreError> {
        Err(StoreError::Full)
    }

    fn put_row(&mut self, _: &[u32]) -> Result<(), StoreError> {
        Err(StoreError::Order)
    }

    fn hold_unit(&mut self) -> Result<(), StoreError> {
        Err(StoreError::Order)
    }

    fn settle(&mut self, _: bool) -> Result<(), StoreError> {
        Err(StoreError::Order)
    }

    fn abandon(&mut self) {}
}
