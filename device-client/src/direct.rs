//! Direct mode: activations encrypted as they come, nothing prepared.
//!
//! The key, the evaluation keys and the masks of ciphertexts are the session's own, from one seed
//! that is drawn for it. Evaluation keys are made block by block as they are sent; on a link that is
//! resumed they are made again, the same to the bit.
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
pub use memory::{DirectMemory, direct_fitting_chunk, direct_frame_bytes};

use crate::session::{Mode, Product, Session, SessionError};
use kernel::bundle::DeviceBundle;
use kernel::direct::DirectShape;
use kernel::mask::centre_into;
use kernel::model::ModelConfig;
use kernel::params::{DirectSet, ParameterId};
use kernel::prime::{Prime, T};
use kernel::ring::RingOps;
use kernel::schedule::Schedule;
use kernel::stream::Seed;
use kernel::trace::{Layout, session_automorphisms, session_products};
use kernel::wire::{
    BLOCK_PREFIX_BYTES, DirectSeeds, MAX_PAYLOAD, Purpose, ReplyFrames, SessionId, WireError,
    direct_payloads,
};

/// A session in direct mode.
pub type DirectSession<'a, S, R> = Session<'a, Direct<'a, S, R>>;

/// Numbers under the lattice scheme.
pub struct Direct<'a, S: DirectSet, R: RingOps> {
    cipher: Cipher<'a, S, R>,
    /// Payload bytes of answers' frames, at most.
    max_payload: usize,
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
        Ok(Self { cipher: Cipher::new(keys, seed, memory)?, max_payload: MAX_PAYLOAD })
    }

    pub(crate) const fn seeds(&self) -> DirectSeeds {
        self.cipher.seeds()
    }
}

impl<S: DirectSet, R: RingOps> Direct<'_, S, R> {
    /// Encrypts up to `layout.tokens()` rows of x into one packed body for each block of inputs.
    fn encrypt(
        &mut self,
        layout: &Layout,
        n: usize,
        x: &[i32],
        out: &mut [u8],
    ) -> Result<(), SessionError> {
        let factor = layout.normaliser::<T>();
        let columns = layout.columns();
        let bytes = DirectShape::of_set::<S>().body_bytes();
        for (block, out) in out.chunks_exact_mut(bytes).enumerate() {
            let fill = |message: &mut [u32]| {
                for (token, x) in x.chunks_exact(n).enumerate() {
                    let x = x.iter().skip(block * columns).take(columns);
                    for (j, &x) in x.enumerate() {
                        message[layout.input_exponent(j, token)] = T::mul(T::from_i32(x), factor);
                    }
                }
            };
            self.cipher.encrypt(fill, out)?;
        }
        Ok(())
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

    fn opening(&mut self, index: u32, payload: &mut [u8]) -> Result<usize, SessionError> {
        Ok(self.cipher.key_frame(index, payload)?)
    }

    fn hide(
        &mut self,
        product: &Product,
        x: &[i32],
        payload: &mut [u8],
    ) -> Result<usize, SessionError> {
        let Product { tokens, rows, columns: n, .. } = *product;
        let (layout, request, _) = plan::<S>((rows, n), tokens, self.max_payload);
        let length = request - BLOCK_PREFIX_BYTES;
        let packed = payload.get_mut(..length).ok_or(WireError::Length)?;
        let bytes = layout.input_blocks(n) * DirectShape::of_set::<S>().body_bytes();
        for (x, packed) in x.chunks(layout.tokens() * n).zip(packed.chunks_exact_mut(bytes)) {
            self.encrypt(&layout, n, x, packed)?;
        }
        Ok(length)
    }

    fn reveal(
        &mut self,
        product: &Product,
        index: usize,
        payload: &[u8],
        y: &mut [i32],
        mut outputs: impl FnMut(usize, usize, &[u32]),
    ) -> Result<bool, SessionError> {
        let Product { tokens, rows: m, columns, .. } = *product;
        let (layout, _, reply) = plan::<S>((m, columns), tokens, self.max_payload);
        let blocks = layout.output_blocks(m);
        for (result, packed) in reply.results_of(index, payload)? {
            let first_token = result / blocks * layout.tokens();
            let first_row = result % blocks * layout.rows();
            let rows = layout.rows().min(m - first_row);
            let found = self.cipher.decrypt(&layout, packed)?.chunks_exact(layout.rows());
            for (token, found) in (first_token..tokens).zip(found) {
                let found = &found[..rows];
                outputs(token, first_row, found);
                centre_into(found, &mut y[token * m + first_row..][..rows]);
            }
        }
        self.cipher.erase();
        Ok(reply.is_last(index))
    }
}

/// The layout of a product of an `m x n` matrix, the payload bytes of the request, and the frames of
/// the reply.
fn plan<S: DirectSet>(
    (m, n): (usize, usize),
    tokens: usize,
    max_payload: usize,
) -> (Layout, usize, ReplyFrames) {
    let layout = Layout::for_product(S::N, m, n, tokens);
    let set = DirectShape::of_set::<S>();
    let (request, reply) = direct_payloads(&set, &layout, (m, n), tokens, max_payload);
    (layout, request, reply)
}
