use core::fmt;
use core::ops::Range;
use kernel::model::GroupId;
use kernel::params::ParameterId;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Rows of W A in one limb, where A are the mask polynomials of the model's seed under a parameter set.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub(super) struct MaskBlock {
    pub(super) group: GroupId,
    pub(super) set: ParameterId,
    pub(super) limb: usize,
    pub(super) rows: Range<usize>,
}

/// Products of the model's masks, which are the same for every unit: those that are worked out first,
/// as far as the memory goes. The others are worked out anew for every unit.
///
/// They depend on nothing that a device says but its choice of group and set: so one session's are
/// good for all.
#[derive(Default)]
pub(super) struct KeptMasks {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// Bytes that may still be taken.
    left: u64,
    blocks: HashMap<MaskBlock, Arc<Vec<u32>>>,
}

impl fmt::Debug for KeptMasks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KeptMasks")
    }
}

impl KeptMasks {
    pub(super) fn within(bytes: u64) -> Self {
        Self { state: Mutex::new(State { left: bytes, blocks: HashMap::new() }) }
    }

    /// Nothing that panics is called with the lock held.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The words of a block, row after row, if they are kept.
    pub(super) fn get(&self, block: &MaskBlock) -> Option<Arc<Vec<u32>>> {
        self.state().blocks.get(block).cloned()
    }

    /// Keeps the words of a block, `count` in all, unless they are kept already or there is no room.
    pub(super) fn keep<'r>(
        &self,
        block: MaskBlock,
        count: usize,
        rows: impl Iterator<Item = &'r [u32]>,
    ) {
        let needed = Self::bytes(count);
        {
            let mut state = self.state();
            if needed > state.left || state.blocks.contains_key(&block) {
                return;
            }
            state.left -= needed;
        }
        let mut words = Vec::new();
        let copied = words.try_reserve_exact(count).is_ok();
        if copied {
            rows.for_each(|row| words.extend_from_slice(row));
        }
        let mut state = self.state();
        // Another session may have been faster.
        if copied && !state.blocks.contains_key(&block) {
            tracing::debug!(group = block.group.0, needed, left = state.left, "kept masks");
            state.blocks.insert(block, Arc::new(words));
        } else {
            state.left += needed;
        }
    }

    /// Bytes that a block of `words` words takes: with its place in the table, which has fewer than
    /// four for each block even while it grows.
    const fn bytes(words: usize) -> u64 {
        (4 * words + 4 * size_of::<(MaskBlock, Vec<u32>)>()) as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn block(row: usize) -> MaskBlock {
        let (group, set) = (GroupId(1), ParameterId::Masked256x16);
        MaskBlock { group, set, limb: 0, rows: row..row + 2 }
    }

    fn keep(kept: &KeptMasks, row: usize, word: u32) {
        kept.keep(block(row), 64, [[word; 32], [word + 1; 32]].iter().map(|row| &row[..]));
    }

    #[test]
    fn what_is_kept_stays_within_the_memory() {
        let room = 3 * KeptMasks::bytes(64);
        let kept = KeptMasks::within(room + 1);
        for row in 0..5 {
            keep(&kept, row, 10 * row as u32);
            // Again is once, and takes nothing.
            keep(&kept, row, 7);
        }
        let found = [0, 1, 2, 3, 4].map(|row| kept.get(&block(row)).map(|w| (w[31], w[32])));
        assert_eq!(found, [Some((0, 1)), Some((10, 11)), Some((20, 21)), None, None]);
        assert_eq!(kept.state().left, 1);
        assert!(room >= 3 * 4 * 64);
    }

    #[test]
    fn of_two_sessions_the_slower_gives_its_memory_back() {
        let kept = KeptMasks::within(2 * KeptMasks::bytes(64));
        let rows = [[8; 32], [9; 32]];
        kept.keep(
            block(0),
            64,
            rows.iter().map(|row| {
                keep(&kept, 0, 1);
                &row[..]
            }),
        );
        assert_eq!(kept.get(&block(0)).map(|words| words[0]), Some(1));
        assert_eq!(kept.state().left, KeptMasks::bytes(64));
    }

    #[test]
    fn blocks_differ_in_every_part() {
        let kept = KeptMasks::within(1 << 20);
        keep(&kept, 0, 1);
        let others = [
            MaskBlock { group: GroupId(2), ..block(0) },
            MaskBlock { set: ParameterId::Masked512x8, ..block(0) },
            MaskBlock { limb: 1, ..block(0) },
            MaskBlock { rows: 0..3, ..block(0) },
            MaskBlock { rows: 1..3, ..block(0) },
        ];
        assert!(others.iter().all(|other| kept.get(other).is_none()));
        assert_eq!(KeptMasks::default().get(&block(0)), None);
    }
}
