//! Direct mode: activations encrypted as they come, nothing prepared.
//!
//! The key, the evaluation keys and the masks of ciphertexts are the session's own, from one seed
//! that is drawn for it. Evaluation keys are made block by block as they are sent; on a link that is
//! resumed they are made again, the same to the bit.
//!
//! What a caught cheat learns here is at most one bit about the prompt in a session, since a host
//! may make a check pass or fail on a property of what was encrypted: after a session with a failed
//! check, use masked mode only with that host.

mod exact;
mod memory;
#[cfg(test)]
mod tests;

pub use memory::{DirectMemory, direct_fitting_chunk, direct_frame_bytes};

use crate::session::{Mode, Product, Session, SessionError};
use core::marker::PhantomData;
use kernel::bundle::DeviceBundle;
use kernel::direct::{
    BODY_BITS, DirectShape, MASK_BITS, decrypt_switched_into, evaluation_key_body_into,
};
use kernel::galois::Automorphism;
use kernel::glwe::{EncryptScratch, SecretKey, encrypt_seeded_into};
use kernel::mask::centre_into;
use kernel::params::{DirectSet, ParameterId};
use kernel::prime::{Prime, T};
use kernel::ring::RingOps;
use kernel::schedule::Schedule;
use kernel::stream::{Label, PublicSeed, Seed};
use kernel::trace::{Layout, session_automorphisms};
use kernel::wire::{
    BLOCK_PREFIX_BYTES, Block, DirectSeeds, Purpose, SessionId, WireError, direct_payloads,
    pack_body, packed_bits_len, result_bytes, unpack_bits,
};

/// Evaluation keys of a session, at most: those of three layouts, and of the folds.
const MAX_KEYS: usize = 128;

/// A session in direct mode.
pub type DirectSession<'a, S, R> = Session<'a, Direct<'a, S, R>>;

/// Numbers under the lattice scheme.
pub struct Direct<'a, S: DirectSet, R: RingOps> {
    seed: Seed,
    public: PublicSeed,
    key_seed: Seed,
    key_public: PublicSeed,
    key: SecretKey<'a, S>,
    /// Whose keys the host needs.
    keys: heapless::Vec<Automorphism, MAX_KEYS>,
    work: memory::Work<'a>,
    /// Ciphertexts encrypted so far: the coordinate of the next.
    ciphertexts: usize,
    ring: PhantomData<R>,
}

impl<S: DirectSet, R: RingOps> core::fmt::Debug for Direct<'_, S, R> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Direct").field("ciphertexts", &self.ciphertexts).finish_non_exhaustive()
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
        let mut keys = heapless::Vec::new();
        for sigma in session_automorphisms(config, schedule, S::N) {
            keys.push(sigma).map_err(|_| SessionError::Order)?;
        }
        let (key, work) = memory.split::<S>()?;
        let key = SecretKey::generate::<R>(&seed, key).map_err(|_| SessionError::Order)?;
        let (public, key_seed) = (seed.derive_public(), seed.derive(Label::EvaluationKey));
        let key_public = key_seed.derive_public();
        let (ciphertexts, ring) = (0, PhantomData);
        Ok(Self { seed, public, key_seed, key_public, key, keys, work, ciphertexts, ring })
    }

    pub(crate) const fn seeds(&self) -> DirectSeeds {
        DirectSeeds { ciphertexts: self.public.0, keys: self.key_public.0 }
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
        let shape = DirectShape::of_set::<S>();
        let columns = layout.columns();
        for (block, out) in out.chunks_exact_mut(shape.body_bytes()).enumerate() {
            let (message, body) = self.work.residues.split_at_mut(S::N);
            let body = &mut body[..S::BODY_WORDS];
            message.fill(0);
            for (token, x) in x.chunks_exact(n).enumerate() {
                let x = x.iter().skip(block * columns).take(columns);
                for (j, &x) in x.enumerate() {
                    message[layout.input_exponent(j, token)] = T::mul(T::from_i32(x), factor);
                }
            }
            let mut scratch = EncryptScratch { mask: self.work.mask, noise: self.work.noise };
            encrypt_seeded_into::<S, R>(
                &self.key,
                &self.seed,
                &self.public,
                self.ciphertexts,
                message,
                body,
                &mut scratch,
            )
            .map_err(|_| SessionError::Order)?;
            pack_body(&shape, body, out)?;
            self.ciphertexts += 1;
        }
        Ok(())
    }

    /// Decrypts one result into `message`, `rows` outputs for each token of the layout.
    fn decrypt(&mut self, layout: &Layout, packed: &[u8]) -> Result<(), SessionError> {
        let (mask, body) = packed.split_at(packed_bits_len(MASK_BITS, S::N));
        let outputs = layout.rows() * layout.tokens();
        let (masks, bodies) = self.work.results.split_at_mut(S::N);
        let bodies = &mut bodies[..outputs];
        take(MASK_BITS, mask, masks)?;
        take(BODY_BITS, body, bodies)?;
        let places =
            (0..outputs).map(|at| layout.output_exponent(at % layout.rows(), at / layout.rows()));
        let (message, scratch) = self.work.residues.split_at_mut(S::N);
        decrypt_switched_into::<S, R>(
            &self.key,
            masks,
            bodies,
            places,
            &mut message[..outputs],
            &mut scratch[..2 * S::N],
        )
        .map_err(|_| SessionError::Order)
    }
}

fn take(bits: u32, bytes: &[u8], out: &mut [u64]) -> Result<(), WireError> {
    let count = out.len();
    let mut words = out.iter_mut();
    unpack_bits(bits, count, bytes, |number| {
        if let Some(word) = words.next() {
            *word = number;
        }
    })
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

    /// Elements of all keys.
    fn opening_frames(&self) -> u32 {
        (self.keys.len() * S::GADGET) as u32
    }

    fn opening(&mut self, index: u32, payload: &mut [u8]) -> Result<usize, SessionError> {
        let (key, element) = (index as usize / S::GADGET, index as usize % S::GADGET);
        let sigma = *self.keys.get(key).ok_or(SessionError::Order)?;
        let shape = DirectShape::of_set::<S>();
        let length = BLOCK_PREFIX_BYTES + shape.body_bytes();
        let payload = payload.get_mut(..length).ok_or(WireError::Length)?;
        let (prefix, packed) = payload.split_at_mut(BLOCK_PREFIX_BYTES);
        prefix.copy_from_slice(&Block { index: sigma.exponent(), count: element as u32 }.encode());
        let body = &mut self.work.residues[..S::BODY_WORDS];
        let mut scratch = EncryptScratch { mask: self.work.mask, noise: self.work.noise };
        for (limb, body) in body.chunks_exact_mut(S::N).enumerate() {
            evaluation_key_body_into::<S, R>(
                &self.key,
                &self.key_seed,
                &self.key_public,
                sigma,
                element,
                limb,
                body,
                &mut scratch,
            )
            .map_err(|_| SessionError::Order)?;
        }
        pack_body(&shape, body, packed)?;
        Ok(length)
    }

    fn hide(
        &mut self,
        product: &Product,
        x: &[i32],
        payload: &mut [u8],
    ) -> Result<usize, SessionError> {
        let (layout, (length, _)) = plan::<S>(product);
        let packed = payload.get_mut(..length).ok_or(WireError::Length)?;
        let n = product.columns;
        let bytes = layout.input_blocks(n) * DirectShape::of_set::<S>().body_bytes();
        for (x, packed) in x.chunks(layout.tokens() * n).zip(packed.chunks_exact_mut(bytes)) {
            self.encrypt(&layout, n, x, packed)?;
        }
        Ok(length)
    }

    fn reveal(
        &mut self,
        product: &Product,
        payload: &[u8],
        y: &mut [i32],
        mut outputs: impl FnMut(usize, usize, &[u32]),
    ) -> Result<(), SessionError> {
        let (layout, (_, length)) = plan::<S>(product);
        if payload.len() != length {
            return Err(WireError::Length.into());
        }
        let (m, blocks) = (product.rows, layout.output_blocks(product.rows));
        for (index, packed) in payload.chunks_exact(result_bytes(&layout)).enumerate() {
            let first_token = index / blocks * layout.tokens();
            let first_row = index % blocks * layout.rows();
            self.decrypt(&layout, packed)?;
            let rows = layout.rows().min(m - first_row);
            let found = self.work.residues[..S::N].chunks_exact(layout.rows());
            for (token, found) in (first_token..product.tokens).zip(found.take(layout.tokens())) {
                let found = &found[..rows];
                outputs(token, first_row, found);
                centre_into(found, &mut y[token * m + first_row..][..rows]);
            }
        }
        self.work.erase();
        Ok(())
    }
}

/// The layout of a product, and the bytes of the request and of the reply after the block's prefix.
fn plan<S: DirectSet>(product: &Product) -> (Layout, (usize, usize)) {
    let Product { tokens, rows, columns, .. } = *product;
    let layout = Layout::for_product(S::N, rows, columns, tokens);
    let shape = DirectShape::of_set::<S>();
    let (request, reply) = direct_payloads(&shape, &layout, (rows, columns), tokens);
    (layout, (request - BLOCK_PREFIX_BYTES, reply - BLOCK_PREFIX_BYTES))
}
