//! A direct session, sans I/O: activations encrypted as they come, nothing prepared.
//!
//! The key, the evaluation keys and the masks of ciphertexts are the session's own, from one seed
//! that is drawn for it. Evaluation keys are made block by block as they are sent; on a link that is
//! resumed they are made again, the same to the bit.
//!
//! What a caught cheat learns here is at most one bit about the prompt in a session, since a host
//! may make a check pass or fail on a property of what was encrypted: after a session with a failed
//! check, use masked mode only with that host.

mod memory;

pub use memory::{DirectMemory, direct_fitting_chunk, direct_frame_bytes};

use crate::decoder::Request;
use crate::session::{MAX_CHUNK, Session, SessionError, Verdict, payload_of, seal_frame};
use core::marker::PhantomData;
use kernel::bundle::{CHECK_REPETITIONS, DeviceBundle};
use kernel::check::{LinearCheck, Poison};
use kernel::direct::{
    BODY_BITS, DirectShape, MASK_BITS, decrypt_switched_into, evaluation_key_body_into,
};
use kernel::galois::Automorphism;
use kernel::glwe::{EncryptScratch, SecretKey, encrypt_seeded_into};
use kernel::mask::centre_into;
use kernel::model::GroupId;
use kernel::params::DirectSet;
use kernel::prime::{Prime, T};
use kernel::ring::RingOps;
use kernel::schedule::Schedule;
use kernel::stream::{Label, PublicSeed, Seed};
use kernel::trace::{Layout, session_automorphisms};
use kernel::wire::{
    BLOCK_PREFIX_BYTES, Block, DirectSeeds, FrameType, Header, Hello, MAX_PAYLOAD, Purpose,
    SessionId, Welcome, WireError, decode_body, direct_payloads, encode_body, pack_body,
    packed_bits_len, result_bytes, unpack_bits,
};

/// Evaluation keys of a session, at most: those of three layouts, and of the folds.
const MAX_KEYS: usize = 128;

/// A session in direct mode.
pub struct DirectSession<'a, S: DirectSet, R: RingOps> {
    bundle: &'a DeviceBundle<'a>,
    schedule: Schedule,
    id: SessionId,
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
    pending: Option<Pending>,
    answered: u32,
    poison: Poison,
    checks: u32,
    ring: PhantomData<R>,
}

struct Pending {
    group: GroupId,
    tokens: usize,
    layout: Layout,
    checks: heapless::Vec<LinearCheck, MAX_CHUNK>,
}

impl<S: DirectSet, R: RingOps> core::fmt::Debug for DirectSession<'_, S, R> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("DirectSession").field("answered", &self.answered).finish_non_exhaustive()
    }
}

impl<'a, S: DirectSet, R: RingOps> DirectSession<'a, S, R> {
    /// Prepares a session under the keys of `seed`, which is fresh and used for no other.
    ///
    /// # Errors
    /// [`SessionError::Chunk`], or [`SessionError::Order`] if the memory does not have its lengths.
    pub fn open(
        bundle: &'a DeviceBundle<'a>,
        schedule: Schedule,
        id: SessionId,
        seed: Seed,
        memory: DirectMemory<'a>,
    ) -> Result<Self, SessionError> {
        let chunk = schedule.chunk() as usize;
        if chunk != direct_fitting_chunk::<S>(bundle.config(), chunk) {
            return Err(SessionError::Chunk);
        }
        let mut keys = heapless::Vec::new();
        for sigma in session_automorphisms(bundle.config(), &schedule, S::N) {
            keys.push(sigma).map_err(|_| SessionError::Order)?;
        }
        let (key, work) = memory.split::<S>()?;
        let key = SecretKey::generate::<R>(&seed, key).map_err(|_| SessionError::Order)?;
        let (public, key_seed) = (seed.derive_public(), seed.derive(Label::EvaluationKey));
        Ok(Self {
            bundle,
            schedule,
            id,
            public,
            key_public: key_seed.derive_public(),
            seed,
            key_seed,
            key,
            keys,
            work,
            ciphertexts: 0,
            pending: None,
            answered: 0,
            poison: Poison::default(),
            checks: 0,
            ring: PhantomData,
        })
    }

    const fn identity(&self) -> (SessionId, kernel::params::ParameterId) {
        (self.id, S::ID)
    }

    /// Elements of all keys: the frames that follow a welcome.
    fn opening_frames(&self) -> u32 {
        (self.keys.len() * S::GADGET) as u32
    }

    fn expect(&self, header: &Header, frame: FrameType) -> Result<(), WireError> {
        let sequence = if frame == FrameType::Welcome { 0 } else { self.answered + 1 };
        header.expect(self.identity(), frame, sequence)
    }

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

impl<S: DirectSet, R: RingOps> Session for DirectSession<'_, S, R> {
    fn hello(&self, frame: &mut [u8]) -> Result<usize, SessionError> {
        let hello = Hello {
            digest: self.bundle.digest(),
            purpose: Purpose::Direct {
                seeds: DirectSeeds { ciphertexts: self.public.0, keys: self.key_public.0 },
                prompt_bucket: self.schedule.prompt_bucket(),
                output_bucket: self.schedule.output_bucket(),
                chunk: self.schedule.chunk(),
            },
            answered: self.answered,
            max_payload: MAX_PAYLOAD as u32,
        };
        let length = encode_body(&hello, payload_of(frame)?)?;
        Ok(seal_frame(frame, FrameType::Hello, self.identity(), 0, length)?)
    }

    fn welcome(&mut self, header: &Header, payload: &[u8]) -> Result<(), SessionError> {
        self.expect(header, FrameType::Welcome)?;
        if decode_body::<Welcome>(payload)?.digest != self.bundle.digest() {
            return Err(WireError::Model.into());
        }
        Ok(())
    }

    fn opening(&mut self, index: u32, frame: &mut [u8]) -> Result<Option<usize>, SessionError> {
        let (key, element) = (index as usize / S::GADGET, index as usize % S::GADGET);
        let Some(&sigma) = self.keys.get(key) else { return Ok(None) };
        let shape = DirectShape::of_set::<S>();
        let length = BLOCK_PREFIX_BYTES + shape.body_bytes();
        let payload = payload_of(frame)?.get_mut(..length).ok_or(WireError::Length)?;
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
        Ok(Some(seal_frame(frame, FrameType::EvaluationKey, self.identity(), index + 1, length)?))
    }

    fn request(&mut self, request: &Request<'_>, frame: &mut [u8]) -> Result<usize, SessionError> {
        let shape = self.bundle.shape(request.group);
        let (tokens, n) = (request.tokens, shape.columns);
        if self.pending.is_some() || request.x.len() != tokens * n {
            return Err(SessionError::Order);
        }
        let layout = Layout::for_product(S::N, shape.rows, n, tokens);
        let direct = DirectShape::of_set::<S>();
        let (length, _) = direct_payloads(&direct, &layout, (shape.rows, n), tokens);
        let payload = payload_of(frame)?.get_mut(..length).ok_or(WireError::Length)?;
        let (prefix, packed) = payload.split_at_mut(BLOCK_PREFIX_BYTES);
        let block = Block { index: request.group.0, count: tokens as u32 };
        prefix.copy_from_slice(&block.encode());

        let mut checks = heapless::Vec::new();
        for x in request.x.chunks_exact(n) {
            let mut check = LinearCheck::default();
            for repetition in 0..CHECK_REPETITIONS {
                let v = self.bundle.check_vector(request.group, repetition);
                check.subtract_inputs(repetition, v, x.iter().map(|&x| T::from_i32(x)));
            }
            checks.push(check).map_err(|_| SessionError::Order)?;
        }
        let bytes = layout.input_blocks(n) * direct.body_bytes();
        for (x, packed) in request.x.chunks(layout.tokens() * n).zip(packed.chunks_exact_mut(bytes))
        {
            self.encrypt(&layout, n, x, packed)?;
        }
        self.pending = Some(Pending { group: request.group, tokens, layout, checks });
        let sequence = self.opening_frames() + self.answered + 1;
        Ok(seal_frame(frame, FrameType::Product, self.identity(), sequence, length)?)
    }

    fn response(
        &mut self,
        header: &Header,
        payload: &[u8],
        y: &mut [i32],
    ) -> Result<(), SessionError> {
        self.expect(header, FrameType::ProductReply)?;
        let pending = self.pending.as_ref().ok_or(SessionError::Order)?;
        let (group, tokens, layout) = (pending.group, pending.tokens, pending.layout);
        let shape = self.bundle.shape(group);
        let (m, n) = (shape.rows, shape.columns);
        let direct = DirectShape::of_set::<S>();
        let (block, packed) = Block::split(payload)?;
        if block != (Block { index: group.0, count: tokens as u32 }) {
            return Err(WireError::Order.into());
        }
        let (_, length) = direct_payloads(&direct, &layout, (m, n), tokens);
        if payload.len() != length {
            return Err(WireError::Length.into());
        }
        if y.len() != tokens * m {
            return Err(SessionError::Order);
        }
        // From here on nothing fails and nothing branches on what the host sent.
        let mut checks = self.pending.take().map(|pending| pending.checks).unwrap_or_default();
        let results = packed.chunks_exact(result_bytes(&layout));
        for (index, packed) in results.enumerate() {
            let blocks = layout.output_blocks(m);
            let (first_token, first_row) =
                (index / blocks * layout.tokens(), index % blocks * layout.rows());
            self.decrypt(&layout, packed)?;
            let rows = layout.rows().min(m - first_row);
            let outputs = self.work.residues[..S::N].chunks_exact(layout.rows());
            for (token, outputs) in (first_token..tokens).zip(outputs.take(layout.tokens())) {
                let outputs = &outputs[..rows];
                if let Some(check) = checks.get_mut(token) {
                    check.add_outputs(self.bundle.check_seed(), group.0, first_row, outputs);
                }
                centre_into(outputs, &mut y[token * m + first_row..][..rows]);
            }
        }
        for check in checks {
            check.finish(&mut self.poison);
        }
        self.poison.select(y);
        self.work.erase();
        self.checks += tokens as u32;
        self.answered += 1;
        Ok(())
    }

    fn poison(&self) -> &Poison {
        &self.poison
    }

    fn bye(&self, frame: &mut [u8]) -> Result<usize, SessionError> {
        let sequence = self.opening_frames() + self.answered + 1;
        Ok(seal_frame(frame, FrameType::Bye, self.identity(), sequence, 0)?)
    }

    fn finish(self) -> Verdict {
        Verdict { checks: self.checks, failed: self.poison.reveal_failures() }
    }
}
