use super::COORDINATES;
use crate::direct::Cipher;
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
use kernel::wire::{BLOCK_PREFIX_BYTES, Block, WireError};
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
    /// Frames of the reply that have been taken in.
    frames: usize,
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
            frames: 0,
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

    /// Writes the payload of the request, the encrypted masks, and returns its length.
    ///
    /// # Errors
    /// [`UnitError::Wire`] if it does not fit.
    pub fn request(&mut self, payload: &mut [u8]) -> Result<usize, UnitError> {
        let (length, _) = self.rule.payloads(self.shape, self.max_payload);
        let payload = payload.get_mut(..length).ok_or(WireError::Length)?;
        let (prefix, packed) = payload.split_at_mut(BLOCK_PREFIX_BYTES);
        prefix.copy_from_slice(&self.block().encode());
        let (layout, tokens) = (self.rule.layout(self.shape), self.rule.tokens());
        let factor = layout.normaliser::<T>();
        let bodies = packed.chunks_exact_mut(DirectShape::of_set::<S>().body_bytes());
        for (block, body) in bodies.enumerate() {
            let first = block * layout.columns();
            let count = layout.columns().min(self.shape.columns - first);
            let fill = |message: &mut [u32]| {
                for (j, coordinate) in (first..first + count).enumerate() {
                    let (tile, within) = (coordinate / COORDINATES, coordinate % COORDINATES);
                    if j == 0 || within == 0 {
                        let masks = &mut *self.scratch.masks;
                        one_time_mask_coordinates(&self.masks, tile as u32, 0..tokens, masks);
                    }
                    let r = &self.scratch.masks[within * tokens..][..tokens];
                    let v = core::array::from_fn::<u32, CHECK_REPETITIONS, _>(|repetition| {
                        self.bundle.check_vector(self.group, repetition)[coordinate]
                    });
                    self.check.subtract_coordinate(v, 0, r);
                    for (token, &r) in r.iter().enumerate() {
                        message[layout.input_exponent(j, token)] = T::mul(r, factor);
                    }
                }
            };
            self.cipher.encrypt(fill, body)?;
        }
        Ok(length)
    }

    /// Takes in the reply's next frame: decrypts its images into the store. With the last the images are
    /// checked, the store holds the unit, and there is nothing left of it here. What the check says shows
    /// nowhere before the session's end.
    ///
    /// # Errors
    /// [`UnitError::Wire`] for what the host can see by itself, or as the store fails.
    pub fn response(
        mut self,
        payload: &[u8],
        store: &mut impl CorrelationStore,
    ) -> Result<Option<Self>, UnitError> {
        let (block, packed) = Block::split(payload)?;
        if block != self.block() {
            return Err(WireError::Order.into());
        }
        let (_, reply) = self.rule.payloads(self.shape, self.max_payload);
        let layout = self.rule.layout(self.shape);
        for (result, packed) in reply.results_of(self.frames, packed)? {
            let first = result * layout.rows();
            let images = self.cipher.decrypt(&layout, packed)?;
            for row in first..self.shape.rows.min(first + layout.rows()) {
                let z = &mut *self.scratch.row;
                let of_row = images.iter().skip(row - first).step_by(layout.rows());
                z.iter_mut().zip(of_row).for_each(|(z, &image)| *z = image);
                let mut u = [0; CHECK_REPETITIONS];
                for (repetition, u) in (0..).zip(&mut u) {
                    let word = core::slice::from_mut(u);
                    check_vector(self.bundle.check_seed(), repetition, self.group.0, row, word);
                }
                self.check.add_row(u, z);
                u.zeroize();
                store.put_row(z)?;
            }
        }
        self.cipher.erase();
        if !reply.is_last(self.frames) {
            self.frames += 1;
            return Ok(Some(self));
        }
        self.check.finish(self.poison);
        store.hold_unit()?;
        Ok(None)
    }
}
