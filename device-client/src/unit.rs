//! One offline unit, sans I/O: encrypted masks out, encrypted images in, one verdict at the end.
//!
//! A unit has one key or several, and N tokens for each. What leaves and what comes in passes in parts of
//! one packed polynomial at most.

mod rows;
#[cfg(test)]
mod tests;

pub use rows::UnitRows;

use crate::store::{CorrelationStore, StoreError};
use core::marker::PhantomData;
use kernel::bundle::{CHECK_REPETITIONS, DeviceBundle};
use kernel::check::UnitCheck;
use kernel::glwe::{EncryptScratch, LengthError, RowDecryptor, SecretKey, encrypt_seeded_into};
use kernel::model::{GroupId, GroupShape};
use kernel::params::{MASKED_LIMBS, MaskedSet};
use kernel::ring::RingOps;
use kernel::stream::{Label, PublicSeed, Seed, one_time_mask_coordinates};
use kernel::wire::{
    BLOCK_PREFIX_BYTES, Block, MAX_KEYS, MAX_PAYLOAD, MaskSeed, RowForm, UnitOpen, WireError,
    body_bytes, pack_residues, packed_len,
};
use zeroize::Zeroize;

/// Coordinates whose masks share ChaCha blocks.
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

/// What units are asked for as.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct UnitForm {
    /// Where their mask polynomials come from.
    pub masks: MaskSource,
    /// What their rows are modulo, of which a group has [full](row_form) ones where its weights demand it:
    /// switched rows are fewer bytes, and `2 K` transforms more for each to the device. No form takes more
    /// memory than the other.
    pub rows: RowForm,
    /// Keys of each, from 1 to [`MAX_KEYS`]: a row has the masks once for all, so that more keys are fewer
    /// bytes for each token, and more [memory](unit_words).
    pub keys: u8,
}

impl Default for UnitForm {
    fn default() -> Self {
        Self { masks: MaskSource::Model, rows: RowForm::Full, keys: 1 }
    }
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

/// Words that a unit of set `S` with `keys` keys needs, whatever the form of its rows: the keys, the check
/// sums, a polynomial, and either masks and a body or the sums of a row.
///
/// ```
/// use device_client::unit::unit_words;
/// use kernel::params::{Masked256x16, Masked4096x1};
///
/// // In KiB.
/// assert_eq!([1, 2, 16].map(|keys| 4 * unit_words::<Masked256x16>(keys) / 1024), [41, 75, 577]);
/// assert_eq!([1, 2, 16].map(|keys| 4 * unit_words::<Masked4096x1>(keys) / 1024), [176, 240, 1552]);
/// ```
#[must_use]
pub const fn unit_words<S: MaskedSet>(keys: usize) -> usize {
    keys * SecretKey::<S>::WORDS + UnitCheck::words(keys * S::N) + scratch_words::<S>(keys) + S::N
}

/// Words of four coordinates' masks and a body, or of the sums of a row.
const fn scratch_words<S: MaskedSet>(keys: usize) -> usize {
    let (out, back) = ((COORDINATES + MASKED_LIMBS.len()) * S::N, RowDecryptor::<S>::words(keys));
    if out > back { out } else { back }
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
    /// The workspace or the frame's buffer has the wrong size, the group is not of the model, or the
    /// number of keys not from 1 to 16.
    #[error(
        "the workspace does not fit the parameter set, or the group or number of keys is unknown"
    )]
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

/// Keys of a unit, in order.
type Keys<'b, S> = [Option<SecretKey<'b, S>>; MAX_KEYS];

/// Memory that is erased when it is dropped.
struct Erased<'b>(&'b mut [u32]);

impl Drop for Erased<'_> {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl<'b> Erased<'b> {
    /// The memory, erased.
    fn into_inner(mut self) -> &'b mut [u32] {
        self.0.zeroize();
        core::mem::take(&mut self.0)
    }
}

/// What a unit keeps from its first body to its verdict.
struct Common<'b, S: MaskedSet> {
    bundle: &'b DeviceBundle<'b>,
    group: GroupId,
    shape: GroupShape,
    form: RowForm,
    keys: Keys<'b, S>,
    check: UnitCheck<'b>,
    polynomial: Erased<'b>,
}

/// A unit whose bodies leave: all coordinates under the first key, then under the next.
pub struct Unit<'b, S: MaskedSet, R: RingOps> {
    common: Common<'b, S>,
    count: u8,
    seed: Seed,
    masks: Seed,
    source: MaskSource,
    public: PublicSeed,
    /// The masks of up to four coordinates for the tokens of one key, then a body.
    scratch: Erased<'b>,
    noise: Noise<'b>,
    /// The body that is due, and whether its limb t has left.
    next: usize,
    half: bool,
    ring: PhantomData<R>,
}

struct Noise<'b>(&'b mut [i8]);

impl Drop for Noise<'_> {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl<S: MaskedSet, R: RingOps> core::fmt::Debug for Unit<'_, S, R> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Unit").field("group", &self.common.group).finish_non_exhaustive()
    }
}

impl<'b, S: MaskedSet, R: RingOps> Unit<'b, S, R> {
    /// Begins a unit for `group` under a fresh seed, which it takes for good: from it come the keys, their
    /// noise and the one-time masks, so that no other unit has them.
    ///
    /// # Errors
    /// [`UnitError::Workspace`].
    pub fn open(
        bundle: &'b DeviceBundle<'b>,
        group: GroupId,
        seed: Seed,
        wanted: UnitForm,
        workspace: UnitWorkspace<'b>,
    ) -> Result<Self, UnitError> {
        let shape = bundle.config().shape(group).ok_or(UnitError::Workspace)?;
        let form = row_form(bundle, group, wanted.rows).ok_or(UnitError::Workspace)?;
        let count = usize::from(wanted.keys);
        let words = workspace.words;
        if !(1..=MAX_KEYS).contains(&count)
            || words.len() != unit_words::<S>(count)
            || workspace.noise.len() != S::N
        {
            return Err(UnitError::Workspace);
        }
        let (key_words, rest) = words.split_at_mut(count * SecretKey::<S>::WORDS);
        let (sums, rest) = rest.split_at_mut(UnitCheck::words(count * S::N));
        let (scratch, polynomial) = rest.split_at_mut(scratch_words::<S>(count));
        let mut keys = [const { None }; MAX_KEYS];
        let buffers = key_words.chunks_exact_mut(SecretKey::<S>::WORDS);
        for ((index, key), buffer) in (0..).zip(&mut keys).zip(buffers) {
            *key = Some(SecretKey::generate::<R>(&seed.derive_key(index), buffer)?);
        }
        let check = UnitCheck::new(count * S::N, sums).ok_or(UnitError::Workspace)?;
        let polynomial = Erased(polynomial);
        Ok(Self {
            common: Common { bundle, group, shape, form, keys, check, polynomial },
            count: wanted.keys,
            masks: seed.derive(Label::OneTimeMask),
            source: wanted.masks,
            public: match wanted.masks {
                MaskSource::Unit => seed.derive_public(),
                MaskSource::Model => PublicSeed::of_model(bundle.digest(), S::ID),
            },
            scratch: Erased(scratch),
            noise: Noise(workspace.noise),
            seed,
            next: 0,
            half: false,
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
        UnitOpen { group: self.common.group.0, seed, rows: self.common.form, keys: self.count }
    }

    /// Tells the store what is coming.
    ///
    /// # Errors
    /// As the store fails.
    pub fn begin(&self, store: &mut impl CorrelationStore) -> Result<(), UnitError> {
        let (tokens, masks) = (usize::from(self.count) * S::N, *self.masks.expose());
        Ok(store.begin_unit(self.common.group, tokens, Seed::from_bytes(masks))?)
    }

    /// The bodies of the next frame, whose payload has at most `max_payload` bytes, and its length; `None`
    /// when all have left. Twice as many [parts](Self::body_part) follow the block.
    ///
    /// # Errors
    /// [`UnitError::Wire`] if not even one body fits.
    pub fn bodies(&self, max_payload: usize) -> Result<Option<(Block, usize)>, UnitError> {
        let left = usize::from(self.count) * self.common.shape.columns - self.next;
        if left == 0 {
            return Ok(None);
        }
        let limit = max_payload.min(MAX_PAYLOAD);
        let fit = limit.saturating_sub(BLOCK_PREFIX_BYTES) / body_bytes(S::N);
        let count = left.min(fit);
        if count == 0 {
            return Err(WireError::Length.into());
        }
        let block = Block { index: self.next as u32, count: count as u32 };
        Ok(Some((block, BLOCK_PREFIX_BYTES + count * body_bytes(S::N))))
    }

    /// Writes the next part of a body, one limb, to the front of `out` and returns its bytes.
    ///
    /// # Errors
    /// [`UnitError::Workspace`] if `out` has no room for a packed polynomial, or all bodies have left.
    pub fn body_part(&mut self, out: &mut [u8]) -> Result<usize, UnitError> {
        let limb = usize::from(self.half);
        let (p, first) = (MASKED_LIMBS[limb], (COORDINATES + limb) * S::N);
        let length = packed_len(p, S::N);
        let out = out.get_mut(..length).ok_or(UnitError::Workspace)?;
        if !self.half {
            self.encrypt()?;
        }
        pack_residues(p, &self.scratch.0[first..first + S::N], out)?;
        self.next += limb;
        self.half = !self.half;
        Ok(length)
    }

    /// Encrypts the body that is due.
    fn encrypt(&mut self) -> Result<(), UnitError> {
        let Common { bundle, group, shape, keys, check, polynomial, .. } = &mut self.common;
        let (number, coordinate) = (self.next / shape.columns, self.next % shape.columns);
        let key = keys.get(number).and_then(Option::as_ref).ok_or(UnitError::Workspace)?;
        let (messages, body) = self.scratch.0.split_at_mut(COORDINATES * S::N);
        let (tokens, within) = (number * S::N..(number + 1) * S::N, coordinate % COORDINATES);
        if within == 0 {
            let tile = (shape.columns - coordinate).min(COORDINATES);
            let index = (coordinate / COORDINATES) as u32;
            let messages = &mut messages[..tile * S::N];
            one_time_mask_coordinates(&self.masks, index, tokens.clone(), messages);
        }
        let message = &messages[within * S::N..][..S::N];
        let v = core::array::from_fn::<u32, CHECK_REPETITIONS, _>(|repetition| {
            bundle.check_vector(*group, repetition)[coordinate]
        });
        check.subtract_coordinate(v, tokens.start, message);
        Ok(encrypt_seeded_into::<S, R>(
            key,
            &self.seed.derive_key(number as u8),
            &self.public,
            coordinate,
            message,
            &mut body[..MASKED_LIMBS.len() * S::N],
            &mut EncryptScratch { mask: polynomial.0, noise: self.noise.0 },
        )?)
    }

    /// Waits for result rows.
    ///
    /// # Errors
    /// [`UnitError::Workspace`] if bodies are still due.
    pub fn into_rows(self) -> Result<UnitRows<'b, S, R>, UnitError> {
        if self.next < usize::from(self.count) * self.common.shape.columns {
            return Err(UnitError::Workspace);
        }
        UnitRows::new(self.common, self.count.into(), self.scratch.into_inner())
    }
}
