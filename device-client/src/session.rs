//! An online session, sans I/O: quantised activations in, frames out; frames in, products out.
//!
//! Frames pass in parts of any length: a request is made part by part, as often as links break, and an
//! answer is taken in as it comes. So there is no buffer of a whole frame anywhere.
//!
//! What all modes share is here: the order of frames, the linear checks, and what a failed one
//! does. How numbers are hidden on their way is a [`Mode`]'s.
//!
//! Nothing that leaves here depends on a decryption: the lengths and the order are the schedule's,
//! and a failed check only sets a flag that turns later products into zeros.

mod dynamic;

pub use dynamic::DynamicSession;

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

/// Bytes of a part of a frame, in or out, at least: frames without bulk pass whole.
pub const PART_BYTES: usize = 256;

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

    /// Payload bytes of each of them.
    fn opening_bytes(&self) -> usize {
        0
    }

    /// Writes the bytes from `first` on of the payload of one of them, the same each time.
    ///
    /// # Errors
    /// [`SessionError::Order`] for a frame that there is not, [`WireError::Length`] for bytes beyond it.
    fn opening(&mut self, _index: u32, _first: usize, _out: &mut [u8]) -> Result<(), SessionError> {
        Err(SessionError::Order)
    }

    /// Begins a product of `x`, `tokens x n`, and returns the bytes in which it will be [hidden](Self::hide).
    ///
    /// # Errors
    /// [`SessionError::Order`] for sizes that do not fit, or as the store fails.
    fn begin(&mut self, product: &Product, x: &[i32]) -> Result<usize, SessionError>;

    /// Writes the bytes from `first` on of what hides `x`: of any part, and on a link that is resumed from
    /// 0 again, the same bytes.
    ///
    /// *Security*: `x` is that of [`Self::begin`].
    ///
    /// # Errors
    /// [`WireError::Length`] for bytes beyond them.
    fn hide(
        &mut self,
        product: &Product,
        x: &[i32],
        first: usize,
        out: &mut [u8],
    ) -> Result<(), SessionError>;

    /// Frame `index` of the host's answer begins: returns the bytes that it has behind its block. Frame 0
    /// begins the answer anew.
    ///
    /// # Errors
    /// [`WireError::Order`] behind the last frame.
    fn answer(&mut self, product: &Product, index: usize) -> Result<usize, SessionError>;

    /// Takes in the next bytes of that frame, cut anywhere. Outputs go to their places in `y`, `tokens x m`,
    /// as the bits of residues modulo t. Returns whether the answer is whole.
    ///
    /// *Security*: nothing fails and nothing branches on what the host sent but for what the host can see by
    /// itself.
    ///
    /// # Errors
    /// Only for that: a length, an order, a residue not below its modulus.
    fn reveal(
        &mut self,
        product: &Product,
        part: &[u8],
        y: &mut [i32],
    ) -> Result<bool, SessionError>;
}

/// The prefix of a payload, on its way in.
#[derive(Default)]
pub(crate) struct Prefix {
    bytes: [u8; BLOCK_PREFIX_BYTES],
    have: usize,
}

impl Prefix {
    /// Takes what is missing off `part`; the block, when that was the last of it.
    pub(crate) fn take(&mut self, part: &mut &[u8]) -> Option<Block> {
        let missing = &mut self.bytes[self.have..];
        if missing.is_empty() {
            return None;
        }
        let (now, later) = part.split_at(part.len().min(missing.len()));
        missing[..now.len()].copy_from_slice(now);
        self.have += now.len();
        *part = later;
        let whole = self.have == BLOCK_PREFIX_BYTES;
        whole.then(|| Block::split(&self.bytes).ok()).flatten().map(|(block, _)| block)
    }
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
    /// Bytes of the request behind its block.
    bytes: usize,
    /// The checks of its inputs, which the outputs complete.
    checks: Checks,
    /// Frames of the answer that have been taken in.
    frames: usize,
    /// Bytes of the next one that are missing, and its block.
    left: usize,
    prefix: Prefix,
}

type Checks = heapless::Vec<LinearCheck, MAX_CHUNK>;

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

    /// The header before a payload of `length` bytes.
    fn header(&self, frame: FrameType, sequence: u32, length: usize) -> [u8; HEADER_BYTES] {
        let (set, session) = (self.mode.set(), self.id);
        Header { frame, set, session, sequence, length: length as u32 }.encode()
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
        let (header, payload) =
            frame.split_first_chunk_mut::<HEADER_BYTES>().ok_or(WireError::Length)?;
        let length = encode_body(&hello, payload)?;
        *header = self.header(FrameType::Hello, 0, length);
        Ok(HEADER_BYTES + length)
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
            // On a new link all of the answer comes again.
            (pending.frames, pending.left) = (0, 0);
        }
        Ok(())
    }

    /// Writes the bytes from `first` on of frame `index` of those that follow the welcome on every link, the
    /// same each time, as many as fit `out`. Returns their number: 0 behind the frame's end, and
    /// `None` after the last frame.
    ///
    /// # Errors
    /// [`SessionError`], for memory that has been mixed up.
    pub fn opening(
        &mut self,
        index: u32,
        first: usize,
        out: &mut [u8],
    ) -> Result<Option<usize>, SessionError> {
        if index >= self.mode.opening_frames() {
            return Ok(None);
        }
        let bytes = self.mode.opening_bytes();
        let header = self.header(FrameType::EvaluationKey, index + 1, bytes);
        let (length, rest) = head_into(&header, bytes, first, out);
        self.mode.opening(index, first.saturating_sub(HEADER_BYTES), rest)?;
        Ok(Some(length))
    }

    /// Begins the exchange of a product: `request` up, its outputs down into `y`, `tokens x m`.
    ///
    /// # Errors
    /// [`SessionError::Order`] if another request is under way or sizes do not fit.
    pub fn exchange<'s, 'r>(
        &'s mut self,
        request: Request<'r>,
        y: &'r mut [i32],
    ) -> Result<Exchange<'s, 'a, 'r, M>, SessionError> {
        let shape = self.bundle.shape(request.group);
        let (group, tokens) = (request.group, request.tokens);
        let (rows, columns) = (shape.rows, shape.columns);
        let product = Product { index: self.answered, group, tokens, rows, columns };
        let fits = request.x.len() == tokens * columns && y.len() == tokens * rows;
        if !self.opened || self.pending.is_some() || !fits {
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
        let bytes = self.mode.begin(&product, request.x)?;
        let prefix = Prefix::default();
        self.pending = Some(Pending { product, bytes, checks, frames: 0, left: 0, prefix });
        Ok(Exchange { session: self, x: request.x, y })
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
        let header = frame.first_chunk_mut::<HEADER_BYTES>().ok_or(WireError::Length)?;
        *header = self.header(FrameType::Bye, self.sequence(), 0);
        Ok(HEADER_BYTES)
    }

    /// Ends the session; its working memory is erased.
    #[must_use]
    pub fn finish(self) -> Verdict {
        Verdict { checks: self.checks, failed: self.poison.reveal_failures() }
    }
}

/// A product under way: its request can be made again, and its answer has one place to go.
///
/// *Security*: a request's numbers are hidden once, however often it is sent. That they are the same
/// numbers each time is this type's to see to: it holds them until the answer is there.
pub struct Exchange<'s, 'a, 'r, M: Mode> {
    session: &'s mut Session<'a, M>,
    x: &'r [i32],
    y: &'r mut [i32],
}

impl<M: Mode> core::fmt::Debug for Exchange<'_, '_, '_, M> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Exchange").field("session", &self.session).finish_non_exhaustive()
    }
}

impl<'a, M: Mode> Exchange<'_, 'a, '_, M> {
    /// The session, to be resumed on a new link.
    pub const fn session(&mut self) -> &mut Session<'a, M> {
        self.session
    }

    /// Writes the bytes from `first` on of the request's frame, as many as fit `out`, and returns their
    /// number: 0 behind the frame's end. After a broken link they are asked for from 0 again, and are the
    /// same.
    ///
    /// # Errors
    /// [`SessionError::Order`] for a product that is answered.
    pub fn request(&mut self, first: usize, out: &mut [u8]) -> Result<usize, SessionError> {
        const HEAD: usize = HEADER_BYTES + BLOCK_PREFIX_BYTES;
        let pending = self.session.pending.as_ref().ok_or(SessionError::Order)?;
        let (product, bytes) = (pending.product, pending.bytes);
        let (kind, sequence) = (FrameType::Product, self.session.sequence());
        let block = Block { index: product.group.0, count: product.tokens as u32 };
        let mut head = [0; HEAD];
        let header = self.session.header(kind, sequence, BLOCK_PREFIX_BYTES + bytes);
        head[..HEADER_BYTES].copy_from_slice(&header);
        head[HEADER_BYTES..].copy_from_slice(&block.encode());
        let (length, rest) = head_into(&head, bytes, first, out);
        self.session.mode.hide(&product, self.x, first.saturating_sub(HEAD), rest)?;
        Ok(length)
    }

    /// The next frame of the host's answer begins.
    ///
    /// # Errors
    /// For a header that is not what the host owes, and [`WireError::Length`] for a payload of another length
    /// or before the last one's end.
    pub fn answer(&mut self, header: &Header) -> Result<(), SessionError> {
        self.session.expect(header, FrameType::ProductReply)?;
        let Session { pending, mode, .. } = &mut *self.session;
        let pending = pending.as_mut().ok_or(SessionError::Order)?;
        let due = BLOCK_PREFIX_BYTES + mode.answer(&pending.product, pending.frames)?;
        if header.length as usize != due || pending.left != 0 {
            return Err(WireError::Length.into());
        }
        (pending.left, pending.prefix) = (due, Prefix::default());
        Ok(())
    }

    /// Takes in the next bytes of that frame's payload, cut anywhere. With the answer's last its outputs
    /// are checked; returns whether it is whole. Until then nobody reads `y`.
    ///
    /// *Security*: straight-line after the visible checks. If this or an earlier product is
    /// wrong, `y` is zero, and nothing else changes.
    ///
    /// # Errors
    /// Only for what the host can see by itself: length, order, a residue not below its modulus.
    pub fn take(&mut self, mut part: &[u8]) -> Result<bool, SessionError> {
        let Session { pending, mode, .. } = &mut *self.session;
        let Some(Pending { product, frames, left, prefix, .. }) = pending else {
            return Err(SessionError::Order);
        };
        *left = left.checked_sub(part.len()).ok_or(WireError::Length)?;
        let due = Block { index: product.group.0, count: product.tokens as u32 };
        if prefix.take(&mut part).is_some_and(|block| block != due) {
            return Err(WireError::Order.into());
        }
        let whole = !part.is_empty() && mode.reveal(product, part, self.y)?;
        if *left != 0 {
            return Ok(false);
        }
        *frames += 1;
        if whole {
            self.finish();
        }
        Ok(whole)
    }

    /// From here on nothing fails and nothing branches on what the host sent.
    fn finish(&mut self) {
        let Session { bundle, pending, poison, checks, answered, .. } = &mut *self.session;
        let Some(Pending { product, checks: of_inputs, .. }) = pending.take() else { return };
        let residues = bytemuck::cast_slice(self.y).chunks_exact(product.rows);
        for (mut check, y) in of_inputs.into_iter().zip(residues) {
            check.add_outputs(bundle.check_seed(), product.group.0, 0, y);
            check.finish(poison);
        }
        self.y.iter_mut().for_each(|y| *y = T::centre(*y as u32));
        poison.select(self.y);
        *checks += product.tokens as u32;
        *answered += 1;
    }
}

/// Writes the part of `head` that lies from `first` on in a frame with `bytes` behind it. Returns how many
/// bytes of the frame `out` takes, and where in it those behind the head go.
fn head_into<'o>(
    head: &[u8],
    bytes: usize,
    first: usize,
    out: &'o mut [u8],
) -> (usize, &'o mut [u8]) {
    let length = out.len().min((head.len() + bytes).saturating_sub(first));
    let head = head.get(first..).unwrap_or_default();
    let (now, rest) = out[..length].split_at_mut(length.min(head.len()));
    now.copy_from_slice(&head[..now.len()]);
    (length, rest)
}
