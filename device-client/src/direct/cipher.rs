use super::DirectMemory;
use super::memory::Work;
use core::marker::PhantomData;
use kernel::direct::{
    BODY_BITS, DirectShape, MASK_BITS, decrypt_switched_into, evaluation_key_body_into,
};
use kernel::galois::Automorphism;
use kernel::glwe::{EncryptScratch, LengthError, SecretKey, encrypt_seeded_into};
use kernel::params::DirectSet;
use kernel::ring::RingOps;
use kernel::stream::{Label, PublicSeed, Seed};
use kernel::trace::Layout;
use kernel::wire::{
    BLOCK_PREFIX_BYTES, Block, DirectSeeds, WireError, pack_body, packed_bits_len, unpack_bits,
};

/// Evaluation keys of a session, at most: those of three layouts, and of the folds.
const MAX_KEYS: usize = 128;

/// Why ciphertexts could not be made or read.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum CipherError {
    /// Memory, or a list of keys, that does not have its length.
    Memory,
    /// What the host sent, or the room of a frame.
    Wire(WireError),
}

impl From<WireError> for CipherError {
    fn from(error: WireError) -> Self {
        Self::Wire(error)
    }
}

impl From<LengthError> for CipherError {
    fn from(_: LengthError) -> Self {
        Self::Memory
    }
}

/// A session's key, its evaluation keys and its ciphertexts.
pub(crate) struct Cipher<'a, S: DirectSet, R: RingOps> {
    seed: Seed,
    public: PublicSeed,
    key_seed: Seed,
    key_public: PublicSeed,
    key: SecretKey<'a, S>,
    /// Whose keys the host needs.
    keys: heapless::Vec<Automorphism, MAX_KEYS>,
    work: Work<'a>,
    /// Ciphertexts encrypted so far: the coordinate of the next.
    ciphertexts: usize,
    ring: PhantomData<R>,
}

impl<'a, S: DirectSet, R: RingOps> Cipher<'a, S, R> {
    /// Under the keys of `seed`, which is fresh and used for no other session.
    pub(crate) fn new(
        automorphisms: impl Iterator<Item = Automorphism>,
        seed: Seed,
        memory: DirectMemory<'a>,
    ) -> Result<Self, CipherError> {
        let mut keys = heapless::Vec::new();
        for sigma in automorphisms {
            keys.push(sigma).map_err(|_| CipherError::Memory)?;
        }
        let (key, work) = memory.split::<S>().ok_or(CipherError::Memory)?;
        let key = SecretKey::generate::<R>(&seed, key)?;
        let (public, key_seed) = (seed.derive_public(), seed.derive(Label::EvaluationKey));
        let key_public = key_seed.derive_public();
        let (ciphertexts, ring) = (0, PhantomData);
        Ok(Self { seed, public, key_seed, key_public, key, keys, work, ciphertexts, ring })
    }

    pub(crate) const fn seeds(&self) -> DirectSeeds {
        DirectSeeds { ciphertexts: self.public.0, keys: self.key_public.0 }
    }

    pub(crate) const fn ciphertexts(&self) -> usize {
        self.ciphertexts
    }

    /// Elements of all keys: a frame each.
    pub(crate) fn key_frames(&self) -> u32 {
        (self.keys.len() * S::GADGET) as u32
    }

    /// Writes the payload of frame `index` of the keys, the same each time, and returns its length.
    pub(crate) fn key_frame(
        &mut self,
        index: u32,
        payload: &mut [u8],
    ) -> Result<usize, CipherError> {
        let (key, element) = (index as usize / S::GADGET, index as usize % S::GADGET);
        let sigma = *self.keys.get(key).ok_or(CipherError::Memory)?;
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
            )?;
        }
        pack_body(&shape, body, packed)?;
        Ok(length)
    }

    /// Encrypts the message that `fill` writes over N zeros, and packs its body.
    pub(crate) fn encrypt(
        &mut self,
        fill: impl FnOnce(&mut [u32]),
        packed: &mut [u8],
    ) -> Result<(), CipherError> {
        let (message, body) = self.work.residues.split_at_mut(S::N);
        let body = &mut body[..S::BODY_WORDS];
        message.fill(0);
        fill(message);
        let mut scratch = EncryptScratch { mask: self.work.mask, noise: self.work.noise };
        encrypt_seeded_into::<S, R>(
            &self.key,
            &self.seed,
            &self.public,
            self.ciphertexts,
            message,
            body,
            &mut scratch,
        )?;
        pack_body(&DirectShape::of_set::<S>(), body, packed)?;
        self.ciphertexts += 1;
        Ok(())
    }

    /// Decrypts one result: `rows` outputs for each token of the layout.
    pub(crate) fn decrypt(
        &mut self,
        layout: &Layout,
        packed: &[u8],
    ) -> Result<&mut [u32], CipherError> {
        let split = packed_bits_len(MASK_BITS, S::N);
        let (mask, body) = packed.split_at_checked(split).ok_or(WireError::Length)?;
        let outputs = layout.rows() * layout.tokens();
        let (masks, bodies) = self.work.results.split_at_mut(S::N);
        let bodies = &mut bodies[..outputs];
        take(MASK_BITS, mask, masks)?;
        take(BODY_BITS, body, bodies)?;
        let places =
            (0..outputs).map(|at| layout.output_exponent(at % layout.rows(), at / layout.rows()));
        let (message, scratch) = self.work.residues.split_at_mut(S::N);
        let (message, scratch) = (&mut message[..outputs], &mut scratch[..2 * S::N]);
        decrypt_switched_into::<S, R>(&self.key, masks, bodies, places, message, scratch)?;
        Ok(message)
    }

    /// Erases what was decrypted.
    pub(crate) fn erase(&mut self) {
        self.work.erase();
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
