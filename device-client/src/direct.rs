//! Direct mode: activations encrypted as they come, nothing prepared.
//!
//! The key, the evaluation keys and the masks of ciphertexts are the session's own, from one seed
//! that is drawn for it. Evaluation keys and requests are made limb by limb as they are sent; on a link that
//! is resumed they are made again, the same to the bit. Results are taken in number by number.
//!
//! # Memory
//! [`DirectMemory`] is 52 KiB for `Direct4096`, which is overlaid:
//!
//! | bytes | sending | receiving |
//! |---|---|---|
//! | 16,384 | one limb of a body; before, the message | the mask modulo the first limb, then the message |
//! | 16,384 | the key, transformed modulo that limb | the mask modulo the second limb |
//! | 16,384 | the noise, in 4096 of them | the key, transformed modulo one limb |
//! | 4096 | the key's coefficients | the key's coefficients |
//!
//! The session itself takes 3 KiB at most, and the caller lends one part of a frame in or out, of any length
//! from [`PART_BYTES`](crate::session::PART_BYTES) on. In mixed mode the words of
//! [masked mode](crate::masked::masked_words) are beside it.
//!
//! What a caught cheat learns here is at most one bit about the prompt in a session, since a host
//! may make a check pass or fail on a property of what was encrypted: after a session with a failed
//! check, use masked mode only with that host.

mod cipher;
mod exact;
mod memory;
#[cfg(test)]
pub(crate) mod tests;

pub(crate) use cipher::{Cipher, CipherError};
pub use memory::{DirectMemory, direct_fitting_chunk};

use crate::session::{Mode, Prefix, Product, Session, SessionError};
use kernel::bundle::DeviceBundle;
use kernel::direct::DirectShape;
use kernel::model::ModelConfig;
use kernel::params::{DirectSet, ParameterId};
use kernel::prime::{Prime, T};
use kernel::ring::RingOps;
use kernel::schedule::Schedule;
use kernel::stream::Seed;
use kernel::trace::{Layout, session_automorphisms, session_products};
use kernel::wire::{
    BLOCK_PREFIX_BYTES, Block, DirectSeeds, MAX_PAYLOAD, Purpose, ReplyFrames, SessionId,
    WireError, direct_payloads,
};

/// A session in direct mode.
pub type DirectSession<'a, S, R> = Session<'a, Direct<'a, S, R>>;

/// Numbers under the lattice scheme.
pub struct Direct<'a, S: DirectSet, R: RingOps> {
    cipher: Cipher<'a, S, R>,
    /// Payload bytes of answers' frames, at most.
    max_payload: usize,
    /// The coordinate of the first ciphertext of the product under way.
    first: u64,
    incoming: Incoming,
}

/// The frame of an answer that is coming in.
struct Incoming {
    /// The results that it is to hold.
    due: Block,
    prefix: Prefix,
    /// The next result.
    result: usize,
}

impl<S: DirectSet, R: RingOps> core::fmt::Debug for Direct<'_, S, R> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let ciphertexts = self.cipher.ciphertexts();
        f.debug_struct("Direct").field("ciphertexts", &ciphertexts).finish_non_exhaustive()
    }
}

impl From<CipherError> for SessionError {
    fn from(error: CipherError) -> Self {
        match error {
            CipherError::Memory => Self::Order,
            CipherError::Wire(error) => error.into(),
        }
    }
}

impl<'a, S: DirectSet, R: RingOps> DirectSession<'a, S, R> {
    /// Prepares a session under the keys of `seed`, which is fresh and used for no other.
    ///
    /// # Errors
    /// [`SessionError::Chunk`], [`SessionError::Inexact`], or [`SessionError::Order`] if the memory does
    /// not have its lengths.
    pub fn open(
        bundle: &'a DeviceBundle<'a>,
        schedule: Schedule,
        id: SessionId,
        seed: Seed,
        memory: DirectMemory<'a>,
    ) -> Result<Self, SessionError> {
        let direct = Direct::new(bundle, &schedule, seed, memory)?;
        Self::new(bundle, schedule, id, direct)
    }
}

impl<'a, S: DirectSet, R: RingOps> Direct<'a, S, R> {
    pub(crate) fn new(
        bundle: &DeviceBundle<'_>,
        schedule: &Schedule,
        seed: Seed,
        memory: DirectMemory<'a>,
    ) -> Result<Self, SessionError> {
        let config = bundle.config();
        let chunk = schedule.chunk() as usize;
        if chunk != direct_fitting_chunk::<S>(config, chunk) {
            return Err(SessionError::Chunk);
        }
        exact::check_exact::<S>(bundle, schedule)?;
        let keys = session_automorphisms(config, schedule, S::N);
        let cipher = Cipher::new(keys, seed, memory)?;
        let due = Block { index: 0, count: 0 };
        let incoming = Incoming { due, prefix: Prefix::default(), result: 0 };
        Ok(Self { cipher, max_payload: MAX_PAYLOAD, first: 0, incoming })
    }

    pub(crate) const fn seeds(&self) -> DirectSeeds {
        self.cipher.seeds()
    }
}

impl<S: DirectSet, R: RingOps> Mode for Direct<'_, S, R> {
    fn set(&self) -> ParameterId {
        S::ID
    }

    fn purpose(&self, schedule: &Schedule) -> Purpose {
        Purpose::Direct {
            seeds: self.seeds(),
            prompt_bucket: schedule.prompt_bucket(),
            output_bucket: schedule.output_bucket(),
            chunk: schedule.chunk(),
        }
    }

    fn limit(
        &mut self,
        config: &ModelConfig,
        schedule: &Schedule,
        bytes: usize,
    ) -> Result<(), SessionError> {
        let fits = session_products(config, schedule).all(|(_, shape, tokens)| {
            let (.., reply) = plan::<S>((shape.rows, shape.columns), tokens, bytes);
            reply.largest_payload() <= bytes
        });
        if !fits {
            return Err(SessionError::Chunk);
        }
        self.max_payload = bytes;
        Ok(())
    }

    fn opening_frames(&self) -> u32 {
        self.cipher.key_frames()
    }

    fn opening_bytes(&self) -> usize {
        Cipher::<S, R>::key_bytes()
    }

    fn opening(&mut self, index: u32, first: usize, out: &mut [u8]) -> Result<(), SessionError> {
        Ok(self.cipher.key_part(index, first, out)?)
    }

    fn begin(&mut self, product: &Product, _x: &[i32]) -> Result<usize, SessionError> {
        let (_, request, _) = self.plan(product);
        let bytes = request - BLOCK_PREFIX_BYTES;
        self.first = self.cipher.reserve(bytes / DirectShape::of_set::<S>().body_bytes());
        Ok(bytes)
    }

    fn hide(
        &mut self,
        product: &Product,
        x: &[i32],
        mut first: usize,
        mut out: &mut [u8],
    ) -> Result<(), SessionError> {
        let (layout, request, _) = self.plan(product);
        let end = BLOCK_PREFIX_BYTES + first + out.len();
        if end > request {
            return Err(WireError::Length.into());
        }
        let n = product.columns;
        let (blocks, columns) = (layout.input_blocks(n), layout.columns());
        let (each, factor) = (DirectShape::of_set::<S>().body_bytes(), layout.normaliser::<T>());
        while !out.is_empty() {
            let (body, within) = (first / each, first % each);
            let (group, block) = (body / blocks, body % blocks);
            let fill = |message: &mut [u32]| {
                let rows = x.chunks_exact(n).skip(group * layout.tokens()).take(layout.tokens());
                for (token, x) in rows.enumerate() {
                    let x = x.iter().skip(block * columns).take(columns);
                    for (j, &x) in x.enumerate() {
                        message[layout.input_exponent(j, token)] = T::mul(T::from_i32(x), factor);
                    }
                }
            };
            let (now, later) = out.split_at_mut(out.len().min(each - within));
            self.cipher.message_part(self.first + body as u64, within, now, fill)?;
            (first, out) = (first + now.len(), later);
        }
        if end == request {
            self.cipher.erase();
        }
        Ok(())
    }

    fn answer(&mut self, product: &Product, index: usize) -> Result<usize, SessionError> {
        let (_, _, reply) = self.plan(product);
        let due = reply.part(index).ok_or(WireError::Order)?;
        if index == 0 {
            self.cipher.erase();
        }
        self.incoming = Incoming { due, prefix: Prefix::default(), result: due.index as usize };
        Ok(reply.payload_bytes(&due) - BLOCK_PREFIX_BYTES)
    }

    fn reveal(
        &mut self,
        product: &Product,
        mut part: &[u8],
        y: &mut [i32],
    ) -> Result<bool, SessionError> {
        let (layout, _, reply) = self.plan(product);
        let m = product.rows;
        let Incoming { due, prefix, result } = &mut self.incoming;
        if prefix.take(&mut part).is_some_and(|block| block != *due) {
            return Err(WireError::Order.into());
        }
        let blocks = layout.output_blocks(m);
        while !part.is_empty() && self.cipher.take(&layout, &mut part)? {
            let first_token = *result / blocks * layout.tokens();
            let first_row = *result % blocks * layout.rows();
            let output = self.cipher.outputs(&layout);
            let of_tokens = y.chunks_exact_mut(m).skip(first_token).take(layout.tokens());
            for (token, y) in of_tokens.enumerate() {
                let y = y.iter_mut().skip(first_row).take(layout.rows());
                y.enumerate().for_each(|(row, y)| *y = output(row, token) as i32);
            }
            *result += 1;
        }
        let whole = *result == reply.results();
        if whole {
            self.cipher.erase();
        }
        Ok(whole)
    }
}

impl<S: DirectSet, R: RingOps> Direct<'_, S, R> {
    /// The layout of a product, the payload bytes of the request, and the frames of the reply.
    fn plan(&self, product: &Product) -> (Layout, usize, ReplyFrames) {
        plan::<S>((product.rows, product.columns), product.tokens, self.max_payload)
    }
}

/// The layout of a product of an `m x n` matrix, the payload bytes of the request, and the frames of
/// the reply.
pub(crate) fn plan<S: DirectSet>(
    (m, n): (usize, usize),
    tokens: usize,
    max_payload: usize,
) -> (Layout, usize, ReplyFrames) {
    let layout = Layout::for_product(S::N, m, n, tokens);
    let set = DirectShape::of_set::<S>();
    let (request, reply) = direct_payloads(&set, &layout, (m, n), tokens, max_payload);
    (layout, request, reply)
}
