//! An online session, sans I/O: quantised activations in, frames out; frames in, products out.
//!
//! What all modes share is here: the order of frames, the linear checks, and what a failed one
//! does. How numbers are hidden on their way is a [`Mode`]'s.
//!
//! Nothing that leaves here depends on a decryption: the lengths and the order are the schedule's,
//! and a failed check only sets a flag that turns later products into zeros.

use crate::decoder::Request;
use crate::store::StoreError;
use kernel::bundle::{CHECK_REPETITIONS, DeviceBundle};
use kernel::check::{LinearCheck, Poison};
use kernel::model::{GroupId, ModelConfig};
use kernel::params::ParameterId;
use kernel::prime::{Prime, T};
use kernel::schedule::Schedule;
use kernel::wire::{
    BLOCK_PREFIX_BYTES, Block, FrameType, HEADER_BYTES, Header, Hello, MAX_PAYLOAD, Purpose,
    SessionId, Welcome, WireError, decode_body, encode_body,
};

/// Largest prefill chunk.
pub const MAX_CHUNK: usize = 64;

/// Why a session ended early. Everything here is visible to the host, or happens before it starts.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum SessionError {
    /// The chunk is above [`MAX_CHUNK`], or its products do not fit the frames.
    #[error("the prefill chunk does not fit a frame")]
    Chunk,
    /// The caller's memory is too small, or a request is not the schedule's next.
    #[error("the session was used out of order")]
    Order,
    /// A matrix whose rows are so heavy that direct mode cannot promise exact products of it.
    #[error(
        "direct mode cannot promise exact products for group {group}, whose weights are too heavy: \
         masked mode serves this model"
    )]
    Inexact {
        /// The group's number.
        group: u32,
    },
    /// The host broke the protocol, visibly.
    #[error(transparent)]
    Wire(#[from] WireError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What a finished session has to report.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Verdict {
    /// Linear checks made, one for each row of each product.
    pub checks: u32,
    /// Checks that failed. If any did, no output of the session may be used.
    pub failed: u32,
}

/// A product under way.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Product {
    /// Its number in the session, from 0.
    pub index: u32,
    /// The matrix.
    pub group: GroupId,
    /// Rows of x.
    pub tokens: usize,
    /// Outputs, m.
    pub rows: usize,
    /// Inputs, n.
    pub columns: usize,
}

/// How a session hides its numbers.
pub trait Mode {
    /// The parameter set of the session's headers.
    fn set(&self) -> ParameterId;

    /// What a session on this schedule is for.
    fn purpose(&self, schedule: &Schedule) -> Purpose;

    /// Prepares for answers whose frames have payloads of at most `bytes`.
    ///
    /// # Errors
    /// [`SessionError::Chunk`] if an answer of the schedule cannot come in such frames.
    fn limit(
        &mut self,
        config: &ModelConfig,
        schedule: &Schedule,
        bytes: usize,
    ) -> Result<(), SessionError>;

    /// The host has opened the session, or resumed it.
    ///
    /// # Errors
    /// As the store fails.
    fn welcomed(&mut self) -> Result<(), SessionError> {
        Ok(())
    }

    /// Frames that follow the welcome on every link.
    fn opening_frames(&self) -> u32 {
        0
    }

    /// Writes the payload of one of them, the same each time, and returns its length.
    ///
    /// # Errors
    /// [`WireError::Length`] if `payload` is too short.
    fn opening(&mut self, _index: u32, _payload: &mut [u8]) -> Result<usize, SessionError> {
        Err(SessionError::Order)
    }

    /// Hides `x`, `tokens x n`, in `payload`, and returns the length.
    ///
    /// # Errors
    /// [`SessionError::Order`] for sizes that do not fit, or as the store fails.
    fn hide(
        &mut self,
        product: &Product,
        x: &[i32],
        payload: &mut [u8],
    ) -> Result<usize, SessionError>;

    /// Finds the outputs in frame `index` of the host's answer and writes them, centred, to their places
    /// in `y`, `tokens x m`. Every output is given to `outputs` too, as (token, first row, residues).
    /// Returns whether the answer is whole.
    ///
    /// *Security*: once the lengths and residues are found good, nothing fails and nothing branches on
    /// what the host sent.
    ///
    /// # Errors
    /// Only for what the host can see by itself: a length, an order, a residue not below its modulus.
    fn reveal(
        &mut self,
        product: &Product,
        index: usize,
        payload: &[u8],
        y: &mut [i32],
        outputs: impl FnMut(usize, usize, &[u32]),
    ) -> Result<bool, SessionError>;
}

/// The device's side of a session.
pub struct Session<'a, M: Mode> {
    bundle: &'a DeviceBundle<'a>,
    schedule: Schedule,
    id: SessionId,
    mode: M,
    max_payload: usize,
    pending: Option<Pending>,
    opened: bool,
    answered: u32,
    poison: Poison,
    checks: u32,
}

struct Pending {
    product: Product,
    /// The checks of its inputs: with them every answer begins.
    inputs: Checks,
    checks: Checks,
    /// Frames of the answer that have been taken in.
    frames: usize,
}

type Checks = heapless::Vec<LinearCheck, MAX_CHUNK>;

impl Pending {
    fn new(product: Product, inputs: Checks) -> Self {
        let checks = inputs.clone();
        Self { product, inputs, checks, frames: 0 }
    }

    /// Forgets the part of an answer that has come: on a new link all of it comes again.
    fn restart(&mut self) {
        self.checks.clone_from(&self.inputs);
        self.frames = 0;
    }
}

impl<M: Mode> core::fmt::Debug for Session<'_, M> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Session").field("answered", &self.answered).finish_non_exhaustive()
    }
}

impl<'a, M: Mode> Session<'a, M> {
    /// A session that has not begun.
    ///
    /// # Errors
    /// [`SessionError::Chunk`].
    pub fn new(
        bundle: &'a DeviceBundle<'a>,
        schedule: Schedule,
        id: SessionId,
        mode: M,
    ) -> Result<Self, SessionError> {
        if schedule.chunk() as usize > MAX_CHUNK {
            return Err(SessionError::Chunk);
        }
        Ok(Self {
            bundle,
            schedule,
            id,
            mode,
            max_payload: MAX_PAYLOAD,
            pending: None,
            opened: false,
            answered: 0,
            poison: Poison::default(),
            checks: 0,
        })
    }

    /// Announces to the host that answers come in frames with payloads of at most `bytes`, where it would
    /// be [`MAX_PAYLOAD`]: for a device with less memory.
    ///
    /// # Errors
    /// [`SessionError::Chunk`] if an answer cannot be cut so small, [`SessionError::Order`] for a session
    /// that has begun.
    pub fn with_max_payload(mut self, bytes: usize) -> Result<Self, SessionError> {
        if self.opened {
            return Err(SessionError::Order);
        }
        let bytes = bytes.min(MAX_PAYLOAD);
        self.mode.limit(self.bundle.config(), &self.schedule, bytes)?;
        self.max_payload = bytes;
        Ok(self)
    }

    /// Writes the header before a payload of `length` bytes that is in place, and returns the length
    /// of the frame.
    fn frame(
        &self,
        frame: &mut [u8],
        kind: FrameType,
        sequence: u32,
        length: usize,
    ) -> Result<usize, WireError> {
        let (set, session) = (self.mode.set(), self.id);
        let header = Header { frame: kind, set, session, sequence, length: length as u32 };
        let whole = HEADER_BYTES + length;
        let frame = frame.get_mut(..whole).ok_or(WireError::Length)?;
        frame[..HEADER_BYTES].copy_from_slice(&header.encode());
        Ok(whole)
    }

    /// The number of the next frame after the opening.
    fn sequence(&self) -> u32 {
        self.mode.opening_frames() + self.answered + 1
    }

    /// Checks that a header is what the host owes: this session, this type, this number.
    fn expect(&self, header: &Header, frame: FrameType) -> Result<(), WireError> {
        let sequence = if frame == FrameType::Welcome { 0 } else { self.answered + 1 };
        header.expect((self.id, self.mode.set()), frame, sequence)
    }

    /// Writes the frame that opens the session, or resumes it, and returns its length.
    ///
    /// # Errors
    /// [`WireError::Length`] if `frame` is too short.
    pub fn hello(&self, frame: &mut [u8]) -> Result<usize, SessionError> {
        let hello = Hello {
            digest: self.bundle.digest(),
            purpose: self.mode.purpose(&self.schedule),
            answered: self.answered,
            max_payload: self.max_payload as u32,
        };
        let length = encode_body(&hello, payload_of(frame)?)?;
        Ok(self.frame(frame, FrameType::Hello, 0, length)?)
    }

    /// Takes in the frame that opens the session; in masked mode all correlations are then reserved in
    /// one durable step, and a session that is resumed has them already.
    ///
    /// # Errors
    /// A [`WireError`], [`WireError::Model`] among them, or as the store fails.
    pub fn welcome(&mut self, header: &Header, payload: &[u8]) -> Result<(), SessionError> {
        self.expect(header, FrameType::Welcome)?;
        if decode_body::<Welcome>(payload)?.digest != self.bundle.digest() {
            return Err(WireError::Model.into());
        }
        self.mode.welcomed()?;
        self.opened = true;
        if let Some(pending) = &mut self.pending {
            pending.restart();
        }
        Ok(())
    }

    /// Writes frame `index` of those that follow the welcome on every link, the same each time, and
    /// returns its length; `None` after the last.
    ///
    /// # Errors
    /// [`WireError::Length`] if `frame` is too short.
    pub fn opening(&mut self, index: u32, frame: &mut [u8]) -> Result<Option<usize>, SessionError> {
        if index >= self.mode.opening_frames() {
            return Ok(None);
        }
        let length = self.mode.opening(index, payload_of(frame)?)?;
        Ok(Some(self.frame(frame, FrameType::EvaluationKey, index + 1, length)?))
    }

    /// Writes a request into a frame and returns the frame's length. The frame is kept by the
    /// caller until it is answered: after a broken link the same bytes are sent again.
    ///
    /// # Errors
    /// [`SessionError::Order`] if another request is under way or sizes do not fit.
    pub fn request(
        &mut self,
        request: &Request<'_>,
        frame: &mut [u8],
    ) -> Result<usize, SessionError> {
        let shape = self.bundle.shape(request.group);
        let (group, tokens) = (request.group, request.tokens);
        let (rows, columns) = (shape.rows, shape.columns);
        let product = Product { index: self.answered, group, tokens, rows, columns };
        if !self.opened || self.pending.is_some() || request.x.len() != tokens * columns {
            return Err(SessionError::Order);
        }
        let mut checks = Checks::new();
        for x in request.x.chunks_exact(columns) {
            let mut check = LinearCheck::default();
            for repetition in 0..CHECK_REPETITIONS {
                let v = self.bundle.check_vector(group, repetition);
                check.subtract_inputs(repetition, v, x.iter().map(|&x| T::from_i32(x)));
            }
            checks.push(check).map_err(|_| SessionError::Order)?;
        }
        let payload = payload_of(frame)?;
        let (prefix, hidden) =
            payload.split_at_mut_checked(BLOCK_PREFIX_BYTES).ok_or(WireError::Length)?;
        prefix.copy_from_slice(&Block { index: group.0, count: tokens as u32 }.encode());
        let length = BLOCK_PREFIX_BYTES + self.mode.hide(&product, request.x, hidden)?;
        self.pending = Some(Pending::new(product, checks));
        Ok(self.frame(frame, FrameType::Product, self.sequence(), length)?)
    }

    /// Takes in the next frame of the host's answer, which ends in `y`, `tokens x m`, and is checked with
    /// its last frame. Returns whether it is whole: until then the caller keeps the same `y` for all frames,
    /// and does not read it.
    ///
    /// *Security*: straight-line after the visible checks. If this or an earlier product is
    /// wrong, `y` is zero, and nothing else changes.
    ///
    /// # Errors
    /// Only for what the host can see by itself: length, order, a residue not below its modulus.
    pub fn response(
        &mut self,
        header: &Header,
        payload: &[u8],
        y: &mut [i32],
    ) -> Result<bool, SessionError> {
        self.expect(header, FrameType::ProductReply)?;
        let pending = self.pending.as_mut().ok_or(SessionError::Order)?;
        let product = pending.product;
        let (block, hidden) = Block::split(payload)?;
        if block != (Block { index: product.group.0, count: product.tokens as u32 }) {
            return Err(WireError::Order.into());
        }
        if y.len() != product.tokens * product.rows {
            return Err(SessionError::Order);
        }
        let (seed, checks) = (self.bundle.check_seed(), &mut pending.checks);
        let take = |token: usize, first_row, outputs: &[u32]| {
            if let Some(check) = checks.get_mut(token) {
                check.add_outputs(seed, product.group.0, first_row, outputs);
            }
        };
        if !self.mode.reveal(&product, pending.frames, hidden, y, take)? {
            pending.frames += 1;
            return Ok(false);
        }
        // From here on nothing fails and nothing branches on what the host sent.
        for check in self.pending.take().map(|pending| pending.checks).unwrap_or_default() {
            check.finish(&mut self.poison);
        }
        self.poison.select(y);
        self.checks += product.tokens as u32;
        self.answered += 1;
        Ok(true)
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

    /// The flag of failed checks: what is shown to the user may depend on it, what is sent never.
    #[must_use]
    pub const fn poison(&self) -> &Poison {
        &self.poison
    }

    /// Writes the frame that ends the session, whatever happened in it.
    ///
    /// # Errors
    /// [`WireError::Length`] if `frame` is too short.
    pub fn bye(&self, frame: &mut [u8]) -> Result<usize, SessionError> {
        Ok(self.frame(frame, FrameType::Bye, self.sequence(), 0)?)
    }

    /// Ends the session; its working memory is erased.
    #[must_use]
    pub fn finish(self) -> Verdict {
        Verdict { checks: self.checks, failed: self.poison.reveal_failures() }
    }
}

fn payload_of(frame: &mut [u8]) -> Result<&mut [u8], WireError> {
    frame.get_mut(HEADER_BYTES..).ok_or(WireError::Length)
}
