//! One offline unit, sans I/O: encrypted masks out, encrypted images in, one verdict at the end.

#[cfg(test)]
mod tests;

use crate::store::{CorrelationStore, StoreError};
use core::marker::PhantomData;
use kernel::bundle::{CHECK_REPETITIONS, DeviceBundle};
use kernel::check::{Poison, UnitCheck};
use kernel::glwe::{
    EncryptScratch, LengthError, SecretKey, decrypt_into, decrypt_switched_row_into,
    encrypt_seeded_into,
};
use kernel::model::{GroupId, GroupShape};
use kernel::params::{MASKED_LIMBS, MaskedSet};
use kernel::ring::RingOps;
use kernel::stream::{Label, PublicSeed, Seed, check_vector, one_time_mask_coordinates};
use kernel::wire::{
    BLOCK_PREFIX_BYTES, Block, MAX_PAYLOAD, MaskSeed, RowForm, UnitOpen, WireError, body_bytes,
    pack_residues, packed_len,
};
use zeroize::Zeroize;

/// Coordinates whose masks share ChaCha blocks; bodies leave in blocks of this many.
const COORDINATES: usize = 4;

/// Where the mask polynomials of units come from.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum MaskSource {
    /// A public seed of each unit's own.
    Unit,
    /// The model's public seed: a host that keeps W times its masks has little left to do.
    #[default]
    Model,
}

/// Memory that a unit works in. Its contents are secret; it is erased when the unit ends.
pub struct UnitWorkspace<'b> {
    /// [`unit_words`] words.
    pub words: &'b mut [u32],
    /// N bytes.
    pub noise: &'b mut [i8],
}

impl core::fmt::Debug for UnitWorkspace<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("UnitWorkspace")
    }
}

/// Words that a unit of set `S` needs, whatever the form of its rows: the key, the check sums, masks,
/// one ciphertext.
#[must_use]
pub const fn unit_words<S: MaskedSet>() -> usize {
    SecretKey::<S>::WORDS
        + UnitCheck::words(S::N)
        + COORDINATES * S::N
        + MASKED_LIMBS.len() * S::LIMB_WORDS
        + S::N
}

/// The form in which a group's rows come, where `wanted` is: rows that are too heavy for
/// [switching](kernel::quant::GroupBounds::allows_switched_rows) come in full. `None` for a group that is not of the
/// model.
#[must_use]
pub fn row_form(bundle: &DeviceBundle<'_>, group: GroupId, wanted: RowForm) -> Option<RowForm> {
    bundle.config().shape(group)?;
    let allowed = bundle.bounds(group).allows_switched_rows();
    Some(if allowed { wanted } else { RowForm::Full })
}

/// Why a unit ended early.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum UnitError {
    /// The workspace has the wrong size, or the group is not of the model.
    #[error("the workspace does not fit the parameter set, or the group is unknown")]
    Workspace,
    /// Units of the model do not fit frames of direct mode, or its weights are too large for it.
    #[error("this model is not prepared through direct mode: use the masked method")]
    Direct,
    /// The host broke the protocol, visibly.
    #[error(transparent)]
    Wire(#[from] WireError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<LengthError> for UnitError {
    fn from(_: LengthError) -> Self {
        Self::Workspace
    }
}

/// A unit in progress.
pub struct Unit<'b, S: MaskedSet, R: RingOps> {
    bundle: &'b DeviceBundle<'b>,
    group: GroupId,
    shape: GroupShape,
    form: RowForm,
    seed: Seed,
    masks: Seed,
    source: MaskSource,
    public: PublicSeed,
    key: SecretKey<'b, S>,
    check: UnitCheck<'b>,
    scratch: Scratch<'b>,
    next_coordinate: usize,
    next_row: usize,
    ring: PhantomData<R>,
}

impl<S: MaskedSet, R: RingOps> core::fmt::Debug for Unit<'_, S, R> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Unit").field("group", &self.group).finish_non_exhaustive()
    }
}

struct Scratch<'b> {
    /// The masks of up to four coordinates; then the decrypted row.
    messages: &'b mut [u32],
    /// One ciphertext; one body and a mask polynomial fit as well.
    ciphertext: &'b mut [u32],
    polynomial: &'b mut [u32],
    noise: &'b mut [i8],
}

impl Drop for Scratch<'_> {
    fn drop(&mut self) {
        self.messages.zeroize();
        self.ciphertext.zeroize();
        self.polynomial.zeroize();
        self.noise.zeroize();
    }
}

impl<'b, S: MaskedSet, R: RingOps> Unit<'b, S, R> {
    /// Begins a unit for `group` under a fresh seed, which it takes for good: from it come the key, its
    /// noise and its one-time masks, so that no other unit has them. Its rows come in [`row_form`].
    ///
    /// # Errors
    /// [`UnitError::Workspace`].
    pub fn open(
        bundle: &'b DeviceBundle<'b>,
        group: GroupId,
        seed: Seed,
        source: MaskSource,
        rows: RowForm,
        workspace: UnitWorkspace<'b>,
    ) -> Result<Self, UnitError> {
        let shape = bundle.config().shape(group).ok_or(UnitError::Workspace)?;
        let form = row_form(bundle, group, rows).ok_or(UnitError::Workspace)?;
        if workspace.words.len() != unit_words::<S>() || workspace.noise.len() != S::N {
            return Err(UnitError::Workspace);
        }
        let (key, rest) = workspace.words.split_at_mut(SecretKey::<S>::WORDS);
        let (sums, rest) = rest.split_at_mut(UnitCheck::words(S::N));
        let (messages, rest) = rest.split_at_mut(COORDINATES * S::N);
        let (ciphertext, polynomial) = rest.split_at_mut(MASKED_LIMBS.len() * S::LIMB_WORDS);
        Ok(Self {
            bundle,
            group,
            shape,
            form,
            masks: seed.derive(Label::OneTimeMask),
            source,
            public: match source {
                MaskSource::Unit => seed.derive_public(),
                MaskSource::Model => PublicSeed::of_model(bundle.digest(), S::ID),
            },
            key: SecretKey::generate::<R>(&seed, key)?,
            check: UnitCheck::new(S::N, sums).ok_or(UnitError::Workspace)?,
            scratch: Scratch { messages, ciphertext, polynomial, noise: workspace.noise },
            seed,
            next_coordinate: 0,
            next_row: 0,
            ring: PhantomData,
        })
    }

    /// The body of the frame that announces the unit.
    #[must_use]
    pub const fn announcement(&self) -> UnitOpen {
        let seed = match self.source {
            MaskSource::Unit => MaskSeed::Unit(self.public.0),
            MaskSource::Model => MaskSeed::Model,
        };
        UnitOpen { group: self.group.0, seed, rows: self.form }
    }

    /// Tells the store what is coming.
    ///
    /// # Errors
    /// As the store fails.
    pub fn begin(&self, store: &mut impl CorrelationStore) -> Result<(), UnitError> {
        Ok(store.begin_unit(self.group, S::N, Seed::from_bytes(*self.masks.expose()))?)
    }

    /// Writes the next bodies into a payload of at most `payload.len()` bytes and returns the
    /// length used, or `None` when all have been written.
    ///
    /// # Errors
    /// [`UnitError::Wire`] if not even four bodies fit.
    pub fn bodies(&mut self, payload: &mut [u8]) -> Result<Option<usize>, UnitError> {
        if self.next_coordinate == self.shape.columns {
            return Ok(None);
        }
        let limit = payload.len().min(MAX_PAYLOAD);
        let fit = limit.saturating_sub(BLOCK_PREFIX_BYTES) / body_bytes(S::N);
        let left = self.shape.columns - self.next_coordinate;
        // Whole ChaCha tiles, except at the end.
        let count = left.min(fit / COORDINATES * COORDINATES);
        if count == 0 {
            return Err(WireError::Length.into());
        }
        let block = Block { index: self.next_coordinate as u32, count: count as u32 };
        let length = BLOCK_PREFIX_BYTES + count * body_bytes(S::N);
        let (prefix, mut rest) = payload[..length].split_at_mut(BLOCK_PREFIX_BYTES);
        prefix.copy_from_slice(&block.encode());
        for i in 0..count {
            let (body, tail) = rest.split_at_mut(body_bytes(S::N));
            self.body(body, (count - i).min(COORDINATES))?;
            rest = tail;
        }
        Ok(Some(length))
    }

    /// Encrypts and packs the next coordinate, of which `tile` are still to come in this call.
    fn body(&mut self, out: &mut [u8], tile: usize) -> Result<(), UnitError> {
        let coordinate = self.next_coordinate;
        let within = coordinate % COORDINATES;
        if within == 0 {
            let messages = &mut self.scratch.messages[..tile * S::N];
            let index = (coordinate / COORDINATES) as u32;
            one_time_mask_coordinates(&self.masks, index, S::N, messages);
        }
        let message = &self.scratch.messages[within * S::N..][..S::N];
        let v = core::array::from_fn::<u32, CHECK_REPETITIONS, _>(|repetition| {
            self.bundle.check_vector(self.group, repetition)[coordinate]
        });
        self.check.subtract_coordinate(v, message);
        let body = &mut self.scratch.ciphertext[..MASKED_LIMBS.len() * S::N];
        encrypt_seeded_into::<S, R>(
            &self.key,
            &self.seed,
            &self.public,
            coordinate,
            message,
            body,
            &mut EncryptScratch { mask: self.scratch.polynomial, noise: self.scratch.noise },
        )?;
        let mut rest = out;
        for (p, limb) in MASKED_LIMBS.into_iter().zip(body.chunks_exact(S::N)) {
            let (packed, tail) = rest.split_at_mut(packed_len(p, S::N));
            pack_residues(p, limb, packed)?;
            rest = tail;
        }
        self.next_coordinate += 1;
        Ok(())
    }

    /// Decrypts a payload of result rows into the store; `true` when the unit is complete.
    ///
    /// # Errors
    /// [`UnitError::Wire`] for what the host can see by itself, or as the store fails.
    pub fn rows(
        &mut self,
        payload: &[u8],
        store: &mut impl CorrelationStore,
    ) -> Result<bool, UnitError> {
        let (block, rows) = Block::split(payload)?;
        let size = self.form.row_bytes(S::N, S::K);
        let left = self.shape.rows - self.next_row;
        let count = block.count as usize;
        if block.index as usize != self.next_row || count == 0 || count > left {
            return Err(WireError::Order.into());
        }
        if rows.len() != count * size {
            return Err(WireError::Length.into());
        }
        for row in rows.chunks_exact(size) {
            self.row(row)?;
            store.put_row(&self.scratch.messages[..S::N])?;
            self.next_row += 1;
        }
        Ok(self.next_row == self.shape.rows)
    }

    fn row(&mut self, packed: &[u8]) -> Result<(), UnitError> {
        let (plain, scale) = self.scratch.ciphertext.split_at_mut(S::LIMB_WORDS);
        self.form.unpack_row(S::N, packed, [plain, scale])?;
        let z = &mut self.scratch.messages[..S::N];
        let (row, noise) = (&mut *self.scratch.ciphertext, &mut *self.scratch.polynomial);
        match self.form {
            RowForm::Full => decrypt_into::<S, R>(&self.key, row, z, noise)?,
            RowForm::Switched => decrypt_switched_row_into::<S, R>(&self.key, row, z, noise)?,
        }
        let mut u = [0; CHECK_REPETITIONS];
        for (repetition, u) in (0..).zip(&mut u) {
            let word = core::slice::from_mut(u);
            check_vector(self.bundle.check_seed(), repetition, self.group.0, self.next_row, word);
        }
        self.check.add_row(u, z);
        u.zeroize();
        Ok(())
    }

    /// Ends the unit: the store keeps it if every token's check holds, erases it otherwise.
    /// Returns whether it was kept. The key and all working memory are erased.
    ///
    /// # Errors
    /// As the store fails, or rows are missing.
    pub fn finish(self, store: &mut impl CorrelationStore) -> Result<bool, UnitError> {
        let mut poison = Poison::default();
        self.check.finish(&mut poison);
        let accept = !poison.reveal();
        store.finish_unit(accept)?;
        Ok(accept)
    }
}
