use core::fmt;
use core::ops::Range;
use kernel::model::GroupId;
use kernel::params::ParameterId;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

/// A part of W A, where A are the mask polynomials of the model's seed under a parameter set.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub(super) struct MaskTile {
    pub(super) group: GroupId,
    pub(super) set: ParameterId,
    pub(super) limb: usize,
    pub(super) rows: Range<usize>,
    pub(super) columns: Range<usize>,
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
    tiles: HashMap<MaskTile, Arc<[u32]>>,
}

impl fmt::Debug for KeptMasks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KeptMasks")
    }
}

impl KeptMasks {
    pub(super) fn within(bytes: u64) -> Self {
        Self { state: Mutex::new(State { left: bytes, tiles: HashMap::new() }) }
    }

    /// The words of a tile, row-major, if they are kept.
    pub(super) fn get(&self, tile: &MaskTile) -> Option<Arc<[u32]>> {
        // Nothing that panics is called with the lock held, here and below.
        self.state.lock().unwrap_or_else(PoisonError::into_inner).tiles.get(tile).cloned()
    }

    /// Keeps the words of a tile, unless another session has done so or there is no room.
    pub(super) fn keep(&self, tile: MaskTile, words: &[u32]) {
        let needed = Self::bytes(words.len());
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if needed <= state.left && !state.tiles.contains_key(&tile) {
            state.left -= needed;
            state.tiles.insert(tile, words.into());
        }
    }

    /// Bytes that a tile of `words` words takes: with its place in the table, which has fewer than four
    /// for each tile even while it grows.
    const fn bytes(words: usize) -> u64 {
        (4 * words + 4 * size_of::<(MaskTile, Arc<[u32]>)>()) as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tile(row: usize) -> MaskTile {
        let (group, set) = (GroupId(1), ParameterId::Masked256x16);
        MaskTile { group, set, limb: 0, rows: row..row + 1, columns: 0..64 }
    }

    #[test]
    fn what_is_kept_stays_within_the_memory() {
        let room = 3 * KeptMasks::bytes(64);
        let kept = KeptMasks::within(room + 1);
        for row in 0..5 {
            kept.keep(tile(row), &[row as u32; 64]);
            // Again is once, and takes nothing.
            kept.keep(tile(row), &[9; 64]);
        }
        let found = [0, 1, 2, 3, 4].map(|row| kept.get(&tile(row)).map(|words| words[63]));
        assert_eq!(found, [Some(0), Some(1), Some(2), None, None]);
        assert_eq!(kept.state.lock().map(|state| state.left).ok(), Some(1));
        assert!(room >= 3 * 4 * 64);
    }

    #[test]
    fn tiles_differ_in_every_part() {
        let kept = KeptMasks::within(1 << 20);
        kept.keep(tile(0), &[1; 64]);
        let others = [
            MaskTile { group: GroupId(2), ..tile(0) },
            MaskTile { set: ParameterId::Masked512x8, ..tile(0) },
            MaskTile { limb: 1, ..tile(0) },
            MaskTile { rows: 0..2, ..tile(0) },
            MaskTile { columns: 64..128, ..tile(0) },
        ];
        assert!(others.iter().all(|other| kept.get(other).is_none()));
        assert_eq!(KeptMasks::default().get(&tile(0)), None);
    }
}
