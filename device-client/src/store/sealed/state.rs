//! What a store holds, as one value that is written as a whole.

use super::files::{Header, TAG_BYTES};
use alloc::vec::Vec;
use kernel::model::GroupShape;
use kernel::stream::{SEED_BYTES, Seed};
use zeroize::Zeroize;

/// Bytes of an entry: group, tokens, first, offset, mask seed.
const ENTRY_BYTES: usize = 4 + 4 + 8 + 8 + SEED_BYTES;
const PREFIX_BYTES: usize = 16;
/// Numbers of states and tokens, and places, stay below: no store gets so far, and what is added to
/// them fits.
const FURTHEST: u64 = 1 << 56;

/// Tokens are numbered from 0 for each group, over all units there have ever been.
pub(super) struct State {
    /// Grows with every write.
    pub(super) sequence: u64,
    /// Tokens of each group that are used or reserved.
    pub(super) used: Vec<u64>,
    /// Tokens of each group that there have been.
    pub(super) next: Vec<u64>,
    pub(super) entries: Vec<Entry>,
}

/// One unit.
pub(super) struct Entry {
    pub(super) group: u32,
    pub(super) tokens: u32,
    /// Number of its first token.
    pub(super) first: u64,
    /// Where its records begin.
    pub(super) offset: u64,
    pub(super) masks: Seed,
}

impl Entry {
    /// Number of the token behind its last.
    pub(super) const fn end(&self) -> u64 {
        self.first + self.tokens as u64
    }

    /// Bytes of its records.
    pub(super) fn length(&self, shapes: &[GroupShape]) -> u64 {
        let rows = shapes.get(self.group as usize).map_or(0, |shape| shape.rows);
        u64::from(self.tokens) * (4 * rows + TAG_BYTES) as u64
    }
}

impl State {
    pub(super) fn empty(groups: usize) -> Self {
        let zeros = alloc::vec![0; groups];
        Self { sequence: 0, used: zeros.clone(), next: zeros, entries: Vec::new() }
    }

    /// Bytes of a state with room for `units` units.
    pub(super) const fn bytes(groups: usize, units: usize) -> usize {
        PREFIX_BYTES + 16 * groups + ENTRY_BYTES * units
    }

    /// Units that a state of `bytes` bytes has room for.
    pub(super) const fn capacity(groups: usize, bytes: usize) -> usize {
        bytes.saturating_sub(PREFIX_BYTES + 16 * groups) / ENTRY_BYTES
    }

    /// Appends the state's bytes to `out`, `bytes` of them.
    pub(super) fn encode(&self, bytes: usize, out: &mut Vec<u8>) {
        let end = out.len() + bytes;
        out.extend(self.sequence.to_le_bytes());
        out.extend((self.entries.len() as u64).to_le_bytes());
        out.extend(self.used.iter().chain(&self.next).flat_map(|count| count.to_le_bytes()));
        for entry in &self.entries {
            out.extend(entry.group.to_le_bytes());
            out.extend(entry.tokens.to_le_bytes());
            out.extend(entry.first.to_le_bytes());
            out.extend(entry.offset.to_le_bytes());
            out.extend(entry.masks.expose());
        }
        out.resize(end, 0);
    }

    /// Reads a state that has been opened; `None` if its counts do not fit its bytes.
    pub(super) fn decode(groups: usize, bytes: &[u8]) -> Option<Self> {
        let mut words = bytes.chunks_exact(8).map(|word| {
            let mut out = [0; 8];
            out.copy_from_slice(word);
            u64::from_le_bytes(out)
        });
        let sequence = words.next()?;
        let count = usize::try_from(words.next()?).ok()?;
        let used = words.by_ref().take(groups).collect();
        let next = words.by_ref().take(groups).collect();
        if count > Self::capacity(groups, bytes.len()) {
            return None;
        }
        let mut entries = Vec::new();
        let bytes = bytes.get(PREFIX_BYTES + 16 * groups..)?;
        for entry in bytes.chunks_exact(ENTRY_BYTES).take(count) {
            let word = |at: usize| {
                u32::from_le_bytes([entry[at], entry[at + 1], entry[at + 2], entry[at + 3]])
            };
            let long = |at: usize| u64::from(word(at)) | (u64::from(word(at + 4)) << 32);
            let mut seed = [0; SEED_BYTES];
            seed.copy_from_slice(&entry[24..]);
            let masks = Seed::from_bytes(seed);
            seed.zeroize();
            let (group, tokens) = (word(0), word(4));
            entries.push(Entry { group, tokens, first: long(8), offset: long(16), masks });
        }
        Some(Self { sequence, used, next, entries })
    }

    /// Whether everything it says fits together. It is authenticated: this guards against bugs.
    pub(super) fn is_consistent(&self, header: &Header, shapes: &[GroupShape]) -> bool {
        let counts = self.sequence < FURTHEST
            && self.used.iter().zip(&self.next).all(|(used, next)| used <= next)
            && self.next.iter().all(|&next| next < FURTHEST);
        let entries = self.entries.iter().all(|entry| {
            let next = self.next.get(entry.group as usize);
            entry.tokens > 0
                && next.is_some_and(|&next| {
                    entry.first.checked_add(u64::from(entry.tokens)).is_some_and(|end| end <= next)
                })
                && entry.offset >= header.regions_offset()
                && entry.offset.checked_add(entry.length(shapes)).is_some_and(|end| end < FURTHEST)
        });
        self.used.len() == shapes.len() && self.next.len() == shapes.len() && counts && entries
    }
}
