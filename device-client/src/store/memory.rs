use super::receiving::{Images, Receiving};
use super::{CorrelationStore, StoreError};
use alloc::collections::VecDeque;
use alloc::vec::Vec;
use kernel::model::{GroupId, GroupShape, ModelConfig};
use kernel::stream::{Seed, one_time_mask};
use zeroize::Zeroize;

/// A store in memory, gone with the process. What it erases, it overwrites.
#[derive(Debug)]
pub struct MemoryStore {
    groups: Vec<Group>,
    /// The unit that is being received.
    open: Option<Receiving>,
    /// Units that wait to be settled.
    held: Vec<(GroupId, Unit)>,
    /// Refused units, to be erased with the next reservation: erasing one takes time, and the
    /// pause after a unit must not tell its verdict.
    refused: Vec<Unit>,
}

#[derive(Debug, Default)]
struct Group {
    rows: usize,
    columns: usize,
    units: VecDeque<Unit>,
    /// Tokens at the front of `units` that are reserved.
    reserved: u32,
}

/// z of all tokens of a unit, token-major.
struct Unit {
    masks: Seed,
    tokens: usize,
    /// Tokens already taken or burned.
    used: usize,
    z: Images,
}

impl core::fmt::Debug for Unit {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Unit").field("tokens", &self.tokens).finish_non_exhaustive()
    }
}

impl MemoryStore {
    /// An empty store for a model.
    #[must_use]
    pub fn new(config: &ModelConfig) -> Self {
        let groups = config
            .groups()
            .filter_map(|group| config.shape(group))
            .map(|GroupShape { rows, columns }| Group { rows, columns, ..Group::default() })
            .collect();
        Self { groups, open: None, held: Vec::new(), refused: Vec::new() }
    }

    /// Bytes of z that are held.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.groups.iter().flat_map(|g| &g.units).map(|unit| 4 * unit.z.0.len()).sum()
    }
}

impl Group {
    fn held(&self) -> u32 {
        self.units.iter().map(|unit| (unit.tokens - unit.used) as u32).sum()
    }

    /// The first unit with an unused token, after erasing those without.
    fn front(&mut self) -> Option<&mut Unit> {
        while self.units.front().is_some_and(|unit| unit.used == unit.tokens) {
            self.units.pop_front();
        }
        self.units.front_mut()
    }

    fn burn(&mut self, tokens: u32) {
        let rows = self.rows;
        for _ in 0..tokens {
            if let Some(unit) = self.front() {
                unit.z.0[unit.used * rows..][..rows].zeroize();
                unit.used += 1;
            }
        }
    }
}

impl CorrelationStore for MemoryStore {
    fn available(&self, group: GroupId) -> u32 {
        self.groups.get(group.0 as usize).map_or(0, |group| group.held() - group.reserved)
    }

    fn reserve(&mut self, demand: &dyn Fn(GroupId) -> u32) -> Result<(), StoreError> {
        for (index, _) in self.groups.iter().enumerate() {
            let group = GroupId(index as u32);
            let (available, needed) = (self.available(group), demand(group));
            if available < needed {
                return Err(StoreError::TooFew { group: group.0, available, needed });
            }
        }
        self.refused.clear();
        for (index, group) in self.groups.iter_mut().enumerate() {
            group.burn(group.reserved);
            group.reserved = demand(GroupId(index as u32));
        }
        Ok(())
    }

    fn take(&mut self, group: GroupId, r: &mut [u32], z: &mut [u32]) -> Result<(), StoreError> {
        let group = self.groups.get_mut(group.0 as usize).ok_or(StoreError::Order)?;
        if group.reserved == 0 || r.len() != group.columns || z.len() != group.rows {
            return Err(StoreError::Order);
        }
        group.reserved -= 1;
        let rows = group.rows;
        let unit = group.front().ok_or(StoreError::Order)?;
        let token = unit.used;
        one_time_mask(&unit.masks, token, 0, r);
        let held = &mut unit.z.0[token * rows..][..rows];
        z.copy_from_slice(held);
        held.zeroize();
        unit.used += 1;
        Ok(())
    }

    fn begin_unit(&mut self, group: GroupId, tokens: usize, masks: Seed) -> Result<(), StoreError> {
        let rows = self.groups.get(group.0 as usize).ok_or(StoreError::Order)?.rows;
        self.open = Some(Receiving::new(group, rows, tokens, masks)?);
        Ok(())
    }

    fn put_row(&mut self, z: &[u32]) -> Result<(), StoreError> {
        self.open.as_mut().ok_or(StoreError::Order)?.put_row(z)
    }

    fn hold_unit(&mut self) -> Result<(), StoreError> {
        let Receiving { group, tokens, masks, z, .. } =
            self.open.take().ok_or(StoreError::Order)?.complete()?;
        self.held.push((group, Unit { masks, tokens, used: 0, z }));
        Ok(())
    }

    fn settle(&mut self, accept: bool) -> Result<(), StoreError> {
        for (group, unit) in self.held.drain(..) {
            if accept {
                self.groups[group.0 as usize].units.push_back(unit);
            } else {
                self.refused.push(unit);
            }
        }
        Ok(())
    }

    fn abandon(&mut self) {
        self.open = None;
        self.held.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;

    fn store() -> MemoryStore {
        let config = ModelConfig {
            vocab: 3,
            hidden: 4,
            layers: 1,
            heads: 1,
            kv_heads: 1,
            head_dim: 2,
            intermediate: 2,
            context: 8,
            rms_eps: 1e-5,
        };
        MemoryStore::new(&config)
    }

    fn put(store: &mut MemoryStore, group: u32, rows: u32, tokens: u32, base: u32) {
        let seed = Seed::from_bytes([base as u8; 32]);
        store.begin_unit(GroupId(group), tokens as usize, seed).unwrap();
        for row in 0..rows {
            let z: Vec<u32> = (0..tokens).map(|k| base + 10 * k + row).collect();
            store.put_row(&z).unwrap();
        }
        assert_eq!(store.put_row(&vec![0; tokens as usize]), Err(StoreError::Order));
        store.finish_unit(true).unwrap();
    }

    fn mask(seed: u8, token: usize) -> [u32; 4] {
        let mut r = [0; 4];
        one_time_mask(&Seed::from_bytes([seed; 32]), token, 0, &mut r);
        r
    }

    #[test]
    fn tokens_come_out_once_and_in_order_across_units() {
        let mut store = store();
        let head = GroupId(4);
        put(&mut store, 4, 3, 2, 100);
        put(&mut store, 4, 3, 2, 200);
        let only_head = |n: u32| move |g: GroupId| if g == head { n } else { 0 };
        assert_eq!(store.available(head), 4);
        assert_eq!(
            store.reserve(&only_head(5)),
            Err(StoreError::TooFew { group: 4, available: 4, needed: 5 })
        );
        store.reserve(&only_head(3)).unwrap();
        assert_eq!(store.available(head), 1);
        let (mut r, mut z) = ([0; 4], [0; 3]);
        for (base, seed, token) in [(100, 100, 0), (110, 100, 1), (200, 200, 0)] {
            store.take(head, &mut r, &mut z).unwrap();
            assert_eq!(z, [base, base + 1, base + 2]);
            assert_eq!(r, mask(seed, token));
        }
        assert_eq!(store.take(head, &mut r, &mut z), Err(StoreError::Order));
        // What a reservation leaves over is burned by the next.
        store.reserve(&only_head(1)).unwrap();
        store.take(head, &mut r, &mut z).unwrap();
        assert_eq!((r, z), (mask(200, 1), [210, 211, 212]));
        assert_eq!(store.available(head), 0);
    }

    #[test]
    fn an_abandoned_unit_leaves_nothing() {
        let mut store = store();
        let head = GroupId(4);
        put(&mut store, 4, 3, 2, 100);
        store.abandon();
        store.begin_unit(head, 1, Seed::from_bytes([0; 32])).unwrap();
        store.put_row(&[1]).unwrap();
        store.abandon();
        assert_eq!(store.put_row(&[1]), Err(StoreError::Order));
        assert_eq!(store.finish_unit(true), Err(StoreError::Order));
        assert_eq!(store.available(head), 2);
        put(&mut store, 4, 3, 2, 200);
        assert_eq!(store.available(head), 4);
    }

    /// Holds a unit of the head: three rows.
    fn hold(store: &mut MemoryStore, tokens: u32, base: u32) {
        store.begin_unit(GroupId(4), tokens as usize, Seed::from_bytes([base as u8; 32])).unwrap();
        for row in 0..3 {
            let z: Vec<u32> = (0..tokens).map(|k| base + 10 * k + row).collect();
            store.put_row(&z).unwrap();
        }
        store.hold_unit().unwrap();
    }

    #[test]
    fn held_units_are_available_together_once_they_are_settled() {
        let mut store = store();
        let head = GroupId(4);
        for (accept, expected) in [(true, 3), (false, 3), (true, 6)] {
            hold(&mut store, 2, 100);
            hold(&mut store, 1, 200);
            assert!(store.available(head) < expected || !accept);
            store.settle(accept).unwrap();
            assert_eq!(store.available(head), expected);
        }
        hold(&mut store, 2, 100);
        store.abandon();
        store.settle(true).unwrap();
        assert_eq!(store.available(head), 6);
        store.reserve(&|g| if g == head { 3 } else { 0 }).unwrap();
        let (mut r, mut z) = ([0; 4], [0; 3]);
        for (first, seed, token) in [(100, 100, 0), (110, 100, 1), (200, 200, 0)] {
            store.take(head, &mut r, &mut z).unwrap();
            assert_eq!((r, z), (mask(seed, token), [first, first + 1, first + 2]));
        }
    }

    #[test]
    fn an_unused_reservation_is_burned_and_a_refused_unit_leaves_nothing() {
        let mut store = store();
        let head = GroupId(4);
        put(&mut store, 4, 3, 2, 100);
        store.reserve(&|g| u32::from(g == head)).unwrap();
        store.reserve(&|g| u32::from(g == head)).unwrap();
        let (mut r, mut z) = ([0; 4], [0; 3]);
        store.take(head, &mut r, &mut z).unwrap();
        assert_eq!(r, mask(100, 1));
        store.begin_unit(head, 1, Seed::from_bytes([0; 32])).unwrap();
        assert_eq!(store.finish_unit(true), Err(StoreError::Order));
        store.begin_unit(head, 1, Seed::from_bytes([0; 32])).unwrap();
        for _ in 0..3 {
            store.put_row(&[1]).unwrap();
        }
        store.finish_unit(false).unwrap();
        assert_eq!(store.available(head), 0);
    }
}
