use super::COORDINATES;
use crate::direct::Cipher;
use crate::session::Prefix;
use crate::store::CorrelationStore;
use crate::unit::UnitError;
use kernel::bundle::{CHECK_REPETITIONS, DeviceBundle};
use kernel::check::{Poison, UnitCheck};
use kernel::direct::DirectShape;
use kernel::model::{GroupId, GroupShape};
use kernel::params::DirectSet;
use kernel::prime::{Prime, T};
use kernel::ring::RingOps;
use kernel::stream::{Label, Seed, check_vector, one_time_mask_coordinates};
use kernel::trace::PreparationRule;
use kernel::wire::{BLOCK_PREFIX_BYTES, Block, ReplyFrames, WireError};
use zeroize::Zeroize;

/// A unit in progress: T tokens of one group.
pub struct DirectUnit<'u, 'a, S: DirectSet, R: RingOps> {
    bundle: &'a DeviceBundle<'a>,
    rule: PreparationRule,
    max_payload: usize,
    group: GroupId,
    shape: GroupShape,
    masks: Seed,
    cipher: &'u mut Cipher<'a, S, R>,
    check: UnitCheck<'u>,
    scratch: Scratch<'u>,
    poison: &'u mut Poison,
    /// Bytes of the request that have been made, and the coordinate of the ciphertext under way.
    sent: usize,
    ciphertext: u64,
    incoming: Incoming,
}

/// The reply that is coming in.
#[derive(Default)]
struct Incoming {
    /// Frames that have been taken in.
    frames: usize,
    /// Bytes of the next one that are missing.
    left: usize,
    /// Its prefixes: the unit's block, and its results'.
    block: Prefix,
    part: Prefix,
    /// Results that have been taken in.
    results: usize,
}

impl<S: DirectSet, R: RingOps> core::fmt::Debug for DirectUnit<'_, '_, S, R> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("DirectUnit").field("group", &self.group).finish_non_exhaustive()
    }
}

struct Scratch<'u> {
    /// The masks of four coordinates.
    masks: &'u mut [u32],
    /// A row of images.
    row: &'u mut [u32],
}

impl Drop for Scratch<'_> {
    fn drop(&mut self) {
        self.masks.zeroize();
        self.row.zeroize();
    }
}

impl<'u, 'a, S: DirectSet, R: RingOps> DirectUnit<'u, 'a, S, R> {
    pub(super) fn open(
        bundle: &'a DeviceBundle<'a>,
        rule: PreparationRule,
        max_payload: usize,
        group: GroupId,
        seed: &Seed,
        cipher: &'u mut Cipher<'a, S, R>,
        words: &'u mut [u32],
        poison: &'u mut Poison,
    ) -> Result<Self, UnitError> {
        let shape = bundle.config().shape(group).ok_or(UnitError::Workspace)?;
        let tokens = rule.tokens();
        let (sums, rest) = words.split_at_mut(UnitCheck::words(tokens));
        let (masks, row) = rest.split_at_mut(COORDINATES * tokens);
        let check = UnitCheck::new(tokens, sums).ok_or(UnitError::Workspace)?;
        let scratch = Scratch { masks, row };
        let masks = seed.derive(Label::OneTimeMask);
        Ok(Self {
            bundle,
            rule,
            max_payload,
            group,
            shape,
            masks,
            cipher,
            check,
            scratch,
            poison,
            sent: 0,
            ciphertext: 0,
            incoming: Incoming::default(),
        })
    }

    /// Tells the store what is coming.
    ///
    /// # Errors
    /// As the store fails.
    pub fn begin(&self, store: &mut impl CorrelationStore) -> Result<(), UnitError> {
        let masks = Seed::from_bytes(*self.masks.expose());
        Ok(store.begin_unit(self.group, self.rule.tokens(), masks)?)
    }

    /// The block that the request and the reply begin with.
    const fn block(&self) -> Block {
        Block { index: self.group.0, count: self.rule.tokens() as u32 }
    }

    /// The frames of the reply, and the payload bytes of the request.
    fn plan(&self) -> (usize, ReplyFrames) {
        self.rule.payloads(self.shape, self.max_payload)
    }

    /// Payload bytes of the request.
    #[must_use]
    pub fn request_bytes(&self) -> usize {
        self.plan().0
    }

    /// Writes the next bytes of the payload of the request, the encrypted masks; those from `first` on.
    ///
    /// # Errors
    /// [`UnitError::Workspace`] for bytes that are not the next, [`UnitError::Wire`] for more than there are.
    pub fn request(&mut self, mut first: usize, mut out: &mut [u8]) -> Result<(), UnitError> {
        if first != self.sent {
            return Err(UnitError::Workspace);
        }
        self.sent += out.len();
        if self.sent > self.request_bytes() {
            return Err(WireError::Length.into());
        }
        let last = self.sent == self.request_bytes();
        if let Some(prefix) = self.block().encode().get(first..) {
            let (now, later) = out.split_at_mut(out.len().min(prefix.len()));
            now.copy_from_slice(&prefix[..now.len()]);
            (first, out) = (first + now.len(), later);
        }
        let each = DirectShape::of_set::<S>().body_bytes();
        while !out.is_empty() {
            let place = first - BLOCK_PREFIX_BYTES;
            let (block, within) = (place / each, place % each);
            let (now, later) = out.split_at_mut(out.len().min(each - within));
            self.encrypt(block, within, now)?;
            (first, out) = (first + now.len(), later);
        }
        if last {
            self.cipher.erase();
        }
        Ok(())
    }

    /// Writes the next bytes, from `within` on, of the ciphertext of a block of coordinates. With its
    /// first the masks go into the check.
    fn encrypt(&mut self, block: usize, within: usize, out: &mut [u8]) -> Result<(), UnitError> {
        if within == 0 {
            self.ciphertext = self.cipher.reserve(1);
        }
        let (layout, tokens) = (self.rule.layout(self.shape), self.rule.tokens());
        let factor = layout.normaliser::<T>();
        let first = block * layout.columns();
        let count = layout.columns().min(self.shape.columns - first);
        let fill = |message: &mut [u32]| {
            for (j, coordinate) in (first..first + count).enumerate() {
                let (tile, in_tile) = (coordinate / COORDINATES, coordinate % COORDINATES);
                if j == 0 || in_tile == 0 {
                    let masks = &mut *self.scratch.masks;
                    one_time_mask_coordinates(&self.masks, tile as u32, 0..tokens, masks);
                }
                let r = &self.scratch.masks[in_tile * tokens..][..tokens];
                if within == 0 {
                    let v = core::array::from_fn::<u32, CHECK_REPETITIONS, _>(|repetition| {
                        self.bundle.check_vector(self.group, repetition)[coordinate]
                    });
                    self.check.subtract_coordinate(v, 0, r);
                }
                for (token, &r) in r.iter().enumerate() {
                    message[layout.input_exponent(j, token)] = T::mul(r, factor);
                }
            }
        };
        Ok(self.cipher.message_part(self.ciphertext, within, out, fill)?)
    }

    /// The next frame of the reply begins, of `bytes` of payload.
    ///
    /// # Errors
    /// [`UnitError::Wire`] for a frame that is not due, for a payload of another length or before the last
    /// one's end.
    pub fn answer(&mut self, bytes: usize) -> Result<(), UnitError> {
        let (_, reply) = self.plan();
        let Incoming { frames, left, results, .. } = self.incoming;
        let due = reply.part(frames).ok_or(WireError::Order)?;
        if left != 0 || bytes != reply.payload_bytes(&due) {
            return Err(WireError::Length.into());
        }
        self.incoming = Incoming { frames, left: bytes, results, ..Incoming::default() };
        Ok(())
    }

    /// Takes in the next bytes of that frame's payload, cut anywhere: decrypts its images into the store.
    /// Returns whether the reply is whole, and the unit to be [finished](Self::finish).
    ///
    /// # Errors
    /// [`UnitError::Wire`] for what the host can see by itself, or as the store fails.
    pub fn take(
        &mut self,
        mut part: &[u8],
        store: &mut impl CorrelationStore,
    ) -> Result<bool, UnitError> {
        let (block, (_, reply)) = (self.block(), self.plan());
        let Incoming { frames, left, block: of_unit, part: of_results, results } =
            &mut self.incoming;
        *left = left.checked_sub(part.len()).ok_or(WireError::Length)?;
        if of_unit.take(&mut part).is_some_and(|found| found != block) {
            return Err(WireError::Order.into());
        }
        if of_results.take(&mut part).is_some_and(|found| Some(found) != reply.part(*frames)) {
            return Err(WireError::Order.into());
        }
        let layout = self.rule.layout(self.shape);
        while !part.is_empty() && self.cipher.take(&layout, &mut part)? {
            let first = *results * layout.rows();
            let image = self.cipher.outputs(&layout);
            for row in first..self.shape.rows.min(first + layout.rows()) {
                let z = &mut *self.scratch.row;
                z.iter_mut().enumerate().for_each(|(token, z)| *z = image(row - first, token));
                let mut u = [0; CHECK_REPETITIONS];
                for (repetition, u) in (0..).zip(&mut u) {
                    let word = core::slice::from_mut(u);
                    check_vector(self.bundle.check_seed(), repetition, self.group.0, row, word);
                }
                self.check.add_row(u, z);
                u.zeroize();
                store.put_row(z)?;
            }
            *results += 1;
        }
        *frames += usize::from(*left == 0);
        Ok(*results == reply.results())
    }

    /// Ends a unit whose reply is whole: the images are checked, and the store holds them. What the check
    /// says shows nowhere before the session's end.
    ///
    /// # Errors
    /// [`UnitError::Workspace`] for a reply that is not whole, or as the store fails.
    pub fn finish(self, store: &mut impl CorrelationStore) -> Result<(), UnitError> {
        if self.incoming.results != self.plan().1.results() {
            return Err(UnitError::Workspace);
        }
        self.cipher.erase();
        self.check.finish(self.poison);
        Ok(store.hold_unit()?)
    }
}
