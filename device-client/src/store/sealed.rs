//! A correlation store that survives: sealed, durable, and never used twice.
//!
//! Everything secret is under an AEAD. One *state* says what there is: the sequence number, how
//! many tokens of each group are used, and where each unit lies with its mask seed. It is kept in
//! two slots that are written in turn, so that a torn write leaves the other. A change of state is
//! one write and one synchronisation; nothing leaves the device before. Units that are held are
//! records that no state names, until one names them all.
//!
//! | bytes | what |
//! |---|---|
//! | 0..4096 | header: magic `subrosaS`, version (u32), groups (u32), slot bytes (u64), store id (16), model digest (32) |
//! | two slots | nonce (24), then the state under XChaCha20-Poly1305 with the header as associated data, then the tag (16) |
//! | the rest | regions of units: for each token its z, under ChaCha20-Poly1305 |
//!
//! The state is sealed under a key that derives from the device's check seed, each unit under one
//! that derives from its mask seed; the nonce of a token is its index. When both slots hold states
//! that no longer name a unit, it is erased: without the seed its images are noise. A unit of which
//! some tokens are left keeps its seed, and with it the masks of the tokens before them.
//!
//! A copy of the storage that is put back is an older state, which would use masks again. A
//! [`Witness`] outside the storage remembers the newest sequence number and has the copy refused;
//! where the witness is put back with it, nothing can tell.

mod files;
mod medium;
mod state;
#[cfg(test)]
mod tests;

pub use medium::{Medium, MediumError, Witness};

use super::receiving::Receiving;
use super::{CorrelationStore, StoreError};
use alloc::vec::Vec;
use files::{HEADER_BYTES, Header, TAG_BYTES, open_token, seal_token};
use kernel::bundle::DeviceBundle;
use kernel::model::{GroupId, GroupShape, ModelConfig};
use kernel::stream::{Entropy, Label, Seed, one_time_mask};
use state::{Entry, State};
use zeroize::Zeroize;

/// Why a sealed store cannot be opened.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum SealedError {
    /// The storage failed.
    #[error(transparent)]
    Medium(#[from] MediumError),
    /// The storage does not hold a store.
    #[error("this is not a store of correlations")]
    NotAStore,
    /// Another version of the format.
    #[error("version {0} of the store's format is not supported")]
    Version(u32),
    /// The store was made for another model.
    #[error("the store belongs to another model")]
    OtherModel,
    /// Neither state opens: damaged, or sealed by another device.
    #[error("the store does not open: it is damaged, or belongs to another device")]
    Sealed,
    /// The newest state is older than one that is known to have existed.
    #[error(
        "the store is older than its last known state: a copy was put back, or it is damaged; its masks must not be used"
    )]
    RolledBack,
    /// No randomness could be had.
    #[error("no secure randomness is available")]
    Entropy,
}

/// A sealed store. See the [module](self) page.
pub struct SealedStore<M: Medium, W: Witness, E: Entropy> {
    medium: M,
    witness: W,
    entropy: E,
    header: Header,
    key: Seed,
    shapes: Vec<GroupShape>,
    state: State,
    /// Which slot holds `state`.
    slot: usize,
    /// Units that the reservation under way still needs, though the state no longer names them.
    retired: Vec<Entry>,
    /// For each group the next reserved token; reserved up to the state's `used`.
    cursors: Vec<u64>,
    open: Option<Receiving>,
    /// Units whose records are written and that no state names yet. Their first tokens have no number.
    held: Vec<Entry>,
}

impl<M: Medium, W: Witness, E: Entropy> core::fmt::Debug for SealedStore<M, W, E> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("SealedStore")
    }
}

impl<M: Medium, W: Witness, E: Entropy> SealedStore<M, W, E> {
    /// Makes an empty store on `medium` for the device of `bundle`, with room for `units` units.
    ///
    /// # Errors
    /// As the medium or the entropy fails. Until this returns there is no store.
    pub fn create(
        mut medium: M,
        witness: W,
        mut entropy: E,
        bundle: &DeviceBundle<'_>,
        units: usize,
    ) -> Result<Self, SealedError> {
        let config = bundle.config();
        let mut id = [0; 16];
        entropy.fill(&mut id).map_err(|_| SealedError::Entropy)?;
        let groups = config.group_count() as usize;
        let header = Header::new(groups, State::bytes(groups, units), id, bundle.digest());
        medium.write(0, &header.encode())?;
        let mut store =
            Self::with_state(medium, witness, entropy, header, bundle, State::empty(groups), 1);
        store.commit_state()?;
        Ok(store)
    }

    /// Opens the store on `medium`.
    ///
    /// # Errors
    /// [`SealedError`]; nothing is written.
    pub fn open(
        mut medium: M,
        mut witness: W,
        entropy: E,
        bundle: &DeviceBundle<'_>,
    ) -> Result<Self, SealedError> {
        let mut bytes = [0; HEADER_BYTES];
        medium.read(0, &mut bytes).map_err(|_| SealedError::NotAStore)?;
        let header = Header::decode(&bytes)?;
        let groups = bundle.config().group_count() as usize;
        if header.digest != bundle.digest() || header.groups != groups {
            return Err(SealedError::OtherModel);
        }
        let key = bundle.check_seed().derive(Label::Store);
        let newest = (0..2)
            .filter_map(|slot| {
                let state = header.read_state(&mut medium, &key, slot)?;
                state.is_consistent(&header, &shapes(bundle.config())).then_some((slot, state))
            })
            .max_by_key(|(_, state)| state.sequence);
        let (slot, state) = newest.ok_or(SealedError::Sealed)?;
        if witness.newest(&header.id)?.is_some_and(|known| state.sequence < known) {
            return Err(SealedError::RolledBack);
        }
        Ok(Self::with_state(medium, witness, entropy, header, bundle, state, slot))
    }

    fn with_state(
        medium: M,
        witness: W,
        entropy: E,
        header: Header,
        bundle: &DeviceBundle<'_>,
        state: State,
        slot: usize,
    ) -> Self {
        Self {
            medium,
            witness,
            entropy,
            header,
            key: bundle.check_seed().derive(Label::Store),
            shapes: shapes(bundle.config()),
            cursors: state.used.clone(),
            state,
            slot,
            retired: Vec::new(),
            open: None,
            held: Vec::new(),
        }
    }

    /// Writes the state, as its next number, into the slot that does not hold the current one.
    fn commit_state(&mut self) -> Result<(), SealedError> {
        self.state.sequence += 1;
        let slot = 1 - self.slot;
        let sealed = self.header.seal_state(&self.key, &self.state, &mut self.entropy)?;
        self.medium.write(self.header.slot_offset(slot), &sealed)?;
        self.medium.sync()?;
        self.slot = slot;
        self.witness.remember(&self.header.id, self.state.sequence)?;
        Ok(())
    }

    /// Takes in a whole unit whose images are already token-major, as a trusted machine makes it.
    ///
    /// # Errors
    /// [`StoreError`]; the store is as before then.
    pub fn put_unit(
        &mut self,
        group: GroupId,
        tokens: usize,
        masks: Seed,
        z: &[u32],
    ) -> Result<(), StoreError> {
        if !self.held.is_empty() {
            return Err(StoreError::Order);
        }
        self.hold(group, tokens, masks, z)?;
        self.settle(true)
    }

    /// Writes a unit's records where nothing else is.
    fn hold(
        &mut self,
        group: GroupId,
        tokens: usize,
        masks: Seed,
        z: &[u32],
    ) -> Result<(), StoreError> {
        let rows = self.shapes.get(group.0 as usize).ok_or(StoreError::Order)?.rows;
        if tokens == 0 || z.len() != tokens * rows {
            return Err(StoreError::Order);
        }
        if self.room() == 0 {
            return Err(StoreError::Full);
        }
        let record = 4 * rows + TAG_BYTES;
        let length = (tokens * record) as u64;
        let offset = self.free_region(length);
        let seal = masks.derive(Label::Seal);
        let mut bytes = Vec::new();
        bytes.try_reserve_exact(record).map_err(|_| StoreError::Full)?;
        for (token, z) in z.chunks_exact(rows).enumerate() {
            seal_token(&seal, &self.header.id, token, z, &mut bytes)?;
            let at = offset + (token * record) as u64;
            self.medium.write(at, &bytes).map_err(storage)?;
        }
        self.held.push(Entry { group: group.0, tokens: tokens as u32, first: 0, offset, masks });
        Ok(())
    }

    /// The lowest place where `length` bytes are free of units, those under way and held included.
    fn free_region(&self, length: u64) -> u64 {
        let mut busy: Vec<(u64, u64)> = self
            .state
            .entries
            .iter()
            .chain(&self.retired)
            .chain(&self.held)
            .map(|entry| (entry.offset, entry.offset + entry.length(&self.shapes)))
            .collect();
        busy.sort_unstable();
        let mut at = self.header.regions_offset();
        for (start, end) in busy {
            if start >= at + length {
                break;
            }
            at = at.max(end);
        }
        at
    }

    /// Units that there is room for beside those that there are.
    #[must_use]
    pub fn room(&self) -> usize {
        self.header.capacity() - self.state.entries.len() - self.held.len()
    }

    /// Where the last unit ends on the medium, which is not shorter unless it is damaged.
    #[must_use]
    pub fn end(&self) -> u64 {
        let ends = self.state.entries.iter().map(|e| e.offset + e.length(&self.shapes));
        ends.max().unwrap_or(0)
    }
}

fn shapes(config: &ModelConfig) -> Vec<GroupShape> {
    config.groups().filter_map(|group| config.shape(group)).collect()
}

const fn storage(error: MediumError) -> StoreError {
    match error {
        MediumError::Full => StoreError::Full,
        _ => StoreError::Storage,
    }
}

const fn sealed(error: SealedError) -> StoreError {
    match error {
        SealedError::Medium(error) => storage(error),
        _ => StoreError::Storage,
    }
}

impl<M: Medium, W: Witness, E: Entropy> CorrelationStore for SealedStore<M, W, E> {
    fn available(&self, group: GroupId) -> u32 {
        let index = group.0 as usize;
        let (next, used) = (self.state.next.get(index), self.state.used.get(index));
        match (next, used) {
            (Some(next), Some(used)) => u32::try_from(next - used).unwrap_or(u32::MAX),
            _ => 0,
        }
    }

    fn reserve(&mut self, demand: &dyn Fn(GroupId) -> u32) -> Result<(), StoreError> {
        let groups = 0..self.shapes.len() as u32;
        for group in groups.clone().map(GroupId) {
            let (available, needed) = (self.available(group), demand(group));
            if available < needed {
                return Err(StoreError::TooFew { group: group.0, available, needed });
            }
        }
        // Whatever an earlier reservation left over is burned, in memory as on the medium.
        self.retired.clear();
        self.cursors.clone_from(&self.state.used);
        for (used, group) in self.state.used.iter_mut().zip(groups) {
            *used += u64::from(demand(GroupId(group)));
        }
        let used = &self.state.used;
        let gone = |entry: &Entry| entry.end() <= used[entry.group as usize];
        let mut index = 0;
        while index < self.state.entries.len() {
            if gone(&self.state.entries[index]) {
                self.retired.push(self.state.entries.swap_remove(index));
            } else {
                index += 1;
            }
        }
        // Twice: the second write takes the seeds of what is reserved out of the older slot too.
        let written = self.commit_state().and_then(|()| self.commit_state());
        written.map_err(|error| {
            // The reservation may or may not be durable; it is burned either way.
            self.cursors.clone_from(&self.state.used);
            sealed(error)
        })
    }

    fn take(&mut self, group: GroupId, r: &mut [u32], z: &mut [u32]) -> Result<(), StoreError> {
        let index = group.0 as usize;
        let shape = *self.shapes.get(index).ok_or(StoreError::Order)?;
        let token = self.cursors[index];
        if token == self.state.used[index] || r.len() != shape.columns || z.len() != shape.rows {
            return Err(StoreError::Order);
        }
        self.cursors[index] += 1;
        let entry = self
            .retired
            .iter()
            .chain(&self.state.entries)
            .find(|e| e.group == group.0 && (e.first..e.end()).contains(&token))
            .ok_or(StoreError::Order)?;
        let within = (token - entry.first) as usize;
        let record = 4 * shape.rows + TAG_BYTES;
        let mut bytes = alloc::vec![0; record];
        let at = entry.offset + (within * record) as u64;
        self.medium.read(at, &mut bytes).map_err(storage)?;
        open_token(&entry.masks.derive(Label::Seal), &self.header.id, within, &mut bytes, z)?;
        one_time_mask(&entry.masks, within, 0, r);
        bytes.zeroize();
        Ok(())
    }

    fn begin_unit(&mut self, group: GroupId, tokens: usize, masks: Seed) -> Result<(), StoreError> {
        let rows = self.shapes.get(group.0 as usize).ok_or(StoreError::Order)?.rows;
        self.open = Some(Receiving::new(group, rows, tokens, masks)?);
        Ok(())
    }

    fn put_row(&mut self, z: &[u32]) -> Result<(), StoreError> {
        self.open.as_mut().ok_or(StoreError::Order)?.put_row(z)
    }

    fn hold_unit(&mut self) -> Result<(), StoreError> {
        let Receiving { group, tokens, masks, z, .. } =
            self.open.take().ok_or(StoreError::Order)?.complete()?;
        self.hold(group, tokens, masks, &z.0)
    }

    fn settle(&mut self, accept: bool) -> Result<(), StoreError> {
        let held = core::mem::take(&mut self.held);
        if held.is_empty() {
            return Ok(());
        }
        self.medium.sync().map_err(storage)?;
        let (units, next) = (self.state.entries.len(), self.state.next.clone());
        // Refused units cost the same writes: the host must not see the verdict in the pause.
        for mut entry in held.into_iter().filter(|_| accept) {
            let next = &mut self.state.next[entry.group as usize];
            entry.first = *next;
            *next += u64::from(entry.tokens);
            self.state.entries.push(entry);
        }
        self.commit_state().map_err(|error| {
            // What the storage holds is unknown now: the number moves on, the units are not offered.
            self.state.entries.truncate(units);
            self.state.next = next;
            sealed(error)
        })
    }

    fn abandon(&mut self) {
        self.open = None;
        self.held.clear();
    }
}
