//! A masked session, sans I/O: quantised activations in, frames out; frames in, products out.
//!
//! Nothing that leaves here depends on a decryption: the lengths and the order are the schedule's,
//! the words are one-time-padded, and a failed check only sets a flag that turns later products
//! into zeros.

use crate::decoder::Request;
use crate::session::{MAX_CHUNK, Session, SessionError, Verdict, payload_of, seal_frame};
use crate::store::{CorrelationStore, StoreError};
use kernel::bundle::{CHECK_REPETITIONS, DeviceBundle};
use kernel::check::{LinearCheck, Poison};
use kernel::mask::{centre_into, mask_assign, unmask_assign};
use kernel::model::{GroupId, ModelConfig};
use kernel::params::ParameterId;
use kernel::prime::{Prime, PrimeId, T};
use kernel::schedule::Schedule;
use kernel::wire::{
    BLOCK_PREFIX_BYTES, Block, FrameType, HEADER_BYTES, Header, Hello, MAX_PAYLOAD, Purpose,
    SessionId, Welcome, WireError, decode_body, encode_body, pack_residues, unpack_residues,
};
use zeroize::Zeroize;

/// Words of memory for correlations and residues: the larger side of the largest chunk, twice.
#[must_use]
pub fn masked_words(config: &ModelConfig, chunk: usize) -> usize {
    let largest = config.largest();
    chunk * largest.rows + chunk * largest.rows.max(largest.columns)
}

/// Bytes of the largest frame of a session, header included.
#[must_use]
pub fn frame_bytes(config: &ModelConfig, chunk: usize) -> usize {
    let largest = config.largest();
    HEADER_BYTES + BLOCK_PREFIX_BYTES + 4 * chunk * largest.rows.max(largest.columns)
}

/// The largest chunk up to `wanted` whose products fit a frame.
#[must_use]
pub fn fitting_chunk(config: &ModelConfig, wanted: usize) -> usize {
    let largest = config.largest();
    let fit = (MAX_PAYLOAD - BLOCK_PREFIX_BYTES) / (4 * largest.rows.max(largest.columns)).max(1);
    wanted.min(fit).clamp(1, MAX_CHUNK)
}

/// A session in masked mode.
pub struct MaskedSession<'a, C: CorrelationStore> {
    bundle: &'a DeviceBundle<'a>,
    store: &'a mut C,
    schedule: Schedule,
    set: ParameterId,
    id: SessionId,
    /// z of the product under way, then residues on their way in or out.
    words: &'a mut [u32],
    pending: Option<Pending>,
    reserved: bool,
    answered: u32,
    poison: Poison,
    checks: u32,
}

struct Pending {
    group: GroupId,
    tokens: usize,
    checks: heapless::Vec<LinearCheck, MAX_CHUNK>,
}

impl<C: CorrelationStore> core::fmt::Debug for MaskedSession<'_, C> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("MaskedSession").field("answered", &self.answered).finish_non_exhaustive()
    }
}

impl<C: CorrelationStore> Drop for MaskedSession<'_, C> {
    fn drop(&mut self) {
        self.words.zeroize();
    }
}

impl<'a, C: CorrelationStore> MaskedSession<'a, C> {
    /// Prepares a session, for which the store must hold enough. `words` has [`masked_words`] words.
    ///
    /// The whole schedule's correlations are reserved when the host has opened the session, before
    /// the first product: a host that is busy, or serves another model, costs none.
    ///
    /// # Errors
    /// [`SessionError`]; nothing is reserved.
    pub fn open(
        bundle: &'a DeviceBundle<'a>,
        store: &'a mut C,
        schedule: Schedule,
        set: ParameterId,
        id: SessionId,
        words: &'a mut [u32],
    ) -> Result<Self, SessionError> {
        let config = bundle.config();
        let chunk = schedule.chunk() as usize;
        if chunk != fitting_chunk(config, chunk) {
            return Err(SessionError::Chunk);
        }
        if words.len() < masked_words(config, chunk) {
            return Err(SessionError::Order);
        }
        for group in config.groups() {
            let (available, needed) = (store.available(group), schedule.demand(config, group));
            if available < needed {
                return Err(StoreError::TooFew { group: group.0, available, needed }.into());
            }
        }
        Ok(Self {
            bundle,
            store,
            schedule,
            set,
            id,
            words,
            pending: None,
            reserved: false,
            answered: 0,
            poison: Poison::default(),
            checks: 0,
        })
    }

    /// Checks that a header is what the host owes: this session, this type, this number.
    ///
    /// # Errors
    /// [`WireError`].
    fn expect(&self, header: &Header, frame: FrameType) -> Result<(), WireError> {
        let sequence = if frame == FrameType::Welcome { 0 } else { self.answered + 1 };
        header.expect((self.id, self.set), frame, sequence)
    }

    /// Products answered so far.
    #[must_use]
    pub const fn answered(&self) -> u32 {
        self.answered
    }

    /// The schedule.
    #[must_use]
    pub const fn schedule(&self) -> &Schedule {
        &self.schedule
    }
}

impl<C: CorrelationStore> Session for MaskedSession<'_, C> {
    fn hello(&self, frame: &mut [u8]) -> Result<usize, SessionError> {
        let hello = Hello {
            digest: self.bundle.digest(),
            purpose: Purpose::Masked {
                prompt_bucket: self.schedule.prompt_bucket(),
                output_bucket: self.schedule.output_bucket(),
                chunk: self.schedule.chunk(),
            },
            answered: self.answered,
            max_payload: MAX_PAYLOAD as u32,
        };
        let length = encode_body(&hello, payload_of(frame)?)?;
        Ok(seal_frame(frame, FrameType::Hello, (self.id, self.set), 0, length)?)
    }

    fn welcome(&mut self, header: &Header, payload: &[u8]) -> Result<(), SessionError> {
        self.expect(header, FrameType::Welcome)?;
        if decode_body::<Welcome>(payload)?.digest != self.bundle.digest() {
            return Err(WireError::Model.into());
        }
        if !self.reserved {
            let (config, schedule) = (self.bundle.config(), &self.schedule);
            self.store.reserve(&|group| schedule.demand(config, group))?;
            self.reserved = true;
        }
        Ok(())
    }

    fn opening(&mut self, _: u32, _: &mut [u8]) -> Result<Option<usize>, SessionError> {
        Ok(None)
    }

    fn request(&mut self, request: &Request<'_>, frame: &mut [u8]) -> Result<usize, SessionError> {
        let shape = self.bundle.shape(request.group);
        let (tokens, n, m) = (request.tokens, shape.columns, shape.rows);
        if !self.reserved
            || self.pending.is_some()
            || request.x.len() != tokens * n
            || tokens * (n.max(m) + m) > self.words.len()
        {
            return Err(SessionError::Order);
        }
        let length = BLOCK_PREFIX_BYTES + 4 * tokens * n;
        let payload = payload_of(frame)?.get_mut(..length).ok_or(WireError::Length)?;
        let (prefix, packed) = payload.split_at_mut(BLOCK_PREFIX_BYTES);
        let block = Block { index: request.group.0, count: tokens as u32 };
        prefix.copy_from_slice(&block.encode());

        let mut checks = heapless::Vec::new();
        let (z, c) = self.words.split_at_mut(tokens * m);
        let c = &mut c[..tokens * n];
        let rows = request.x.chunks_exact(n).zip(z.chunks_exact_mut(m));
        for ((x, z), c) in rows.zip(c.chunks_exact_mut(n)) {
            self.store.take(request.group, c, z)?;
            mask_assign(x, c);
            let mut check = LinearCheck::default();
            for repetition in 0..CHECK_REPETITIONS {
                let v = self.bundle.check_vector(request.group, repetition);
                check.subtract_inputs(repetition, v, x.iter().map(|&x| T::from_i32(x)));
            }
            checks.push(check).map_err(|_| SessionError::Order)?;
        }
        pack_residues(PrimeId::T, c, packed)?;
        self.pending = Some(Pending { group: request.group, tokens, checks });
        let (session, sequence) = ((self.id, self.set), self.answered + 1);
        Ok(seal_frame(frame, FrameType::Product, session, sequence, length)?)
    }

    fn response(
        &mut self,
        header: &Header,
        payload: &[u8],
        y: &mut [i32],
    ) -> Result<(), SessionError> {
        self.expect(header, FrameType::ProductReply)?;
        let pending = self.pending.as_ref().ok_or(SessionError::Order)?;
        let (group, tokens) = (pending.group, pending.tokens);
        let m = self.bundle.shape(group).rows;
        let (block, packed) = Block::split(payload)?;
        if block != (Block { index: group.0, count: tokens as u32 }) {
            return Err(WireError::Order.into());
        }
        if y.len() != tokens * m {
            return Err(SessionError::Order);
        }
        let (z, d) = self.words.split_at_mut(tokens * m);
        let d = &mut d[..tokens * m];
        unpack_residues(PrimeId::T, packed, d)?;
        // From here on nothing fails and nothing branches on what the host sent.
        unmask_assign(d, z);
        let checks = self.pending.take().map(|pending| pending.checks).unwrap_or_default();
        for (mut check, y) in checks.into_iter().zip(z.chunks_exact(m)) {
            check.add_outputs(self.bundle.check_seed(), group.0, 0, y);
            check.finish(&mut self.poison);
        }
        centre_into(z, y);
        self.poison.select(y);
        z.zeroize();
        self.checks += tokens as u32;
        self.answered += 1;
        Ok(())
    }

    fn poison(&self) -> &Poison {
        &self.poison
    }

    fn bye(&self, frame: &mut [u8]) -> Result<usize, SessionError> {
        Ok(seal_frame(frame, FrameType::Bye, (self.id, self.set), self.answered + 1, 0)?)
    }

    fn finish(self) -> Verdict {
        Verdict { checks: self.checks, failed: self.poison.reveal_failures() }
    }
}
