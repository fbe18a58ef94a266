use super::DirectMemory;
use super::memory::{Encrypting, Work};
use core::marker::PhantomData;
use kernel::direct::{
    BODY_BITS, DirectShape, MASK_BITS, TernaryKey, encrypt_limb_into, evaluation_key_limb_into,
    key_coordinate,
};
use kernel::galois::Automorphism;
use kernel::glwe::LengthError;
use kernel::params::DirectSet;
use kernel::ring::RingOps;
use kernel::stream::{Label, PublicSeed, Seed, centred_binomial};
use kernel::trace::Layout;
use kernel::wire::{
    BLOCK_PREFIX_BYTES, BitReader, Block, DirectSeeds, WireError, pack_bits_part, packed_bits_len,
};

/// Evaluation keys of a session, at most: those of three layouts, and of the folds.
const MAX_KEYS: usize = 128;

/// Why ciphertexts could not be made or read.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum CipherError {
    /// Memory, or a list of keys, that does not have its length.
    Memory,
    /// What the host sent, or a part that is none.
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

/// What a body is of.
#[derive(Clone, Copy, Eq, PartialEq)]
enum What {
    /// A message: its ciphertext's coordinate.
    Message(u64),
    /// An element of an evaluation key.
    Key(Automorphism, usize),
}

/// A session's key, its evaluation keys and its ciphertexts, out and in, in parts.
///
/// A body is a function of the session's seed, of its place and of its message: any part of it can be
/// made at any time, and again. Parts in order are cheap: a limb is kept until another is needed.
pub(crate) struct Cipher<'a, S: DirectSet, R: RingOps> {
    seed: Seed,
    public: PublicSeed,
    key_seed: Seed,
    key_public: PublicSeed,
    key: TernaryKey<'a, S>,
    /// Whose keys the host needs.
    keys: heapless::Vec<Automorphism, MAX_KEYS>,
    work: Work<'a>,
    /// The body and the limb that are in the memory, and its noise.
    held: Option<(What, usize)>,
    /// Ciphertexts so far: the coordinate of the next.
    ciphertexts: u64,
    /// The result that is coming in: its bits, and how many of its numbers are there.
    reader: BitReader,
    numbers: usize,
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
        let key = TernaryKey::generate(&seed, key)?;
        let (public, key_seed) = (seed.derive_public(), seed.derive(Label::EvaluationKey));
        let key_public = key_seed.derive_public();
        Ok(Self {
            seed,
            public,
            key_seed,
            key_public,
            key,
            keys,
            work,
            held: None,
            ciphertexts: 0,
            reader: BitReader::default(),
            numbers: 0,
            ring: PhantomData,
        })
    }

    pub(crate) const fn seeds(&self) -> DirectSeeds {
        DirectSeeds { ciphertexts: self.public.0, keys: self.key_public.0 }
    }

    pub(crate) const fn ciphertexts(&self) -> u64 {
        self.ciphertexts
    }

    /// Elements of all keys: a frame each.
    pub(crate) fn key_frames(&self) -> u32 {
        (self.keys.len() * S::GADGET) as u32
    }

    /// Payload bytes of each of their frames.
    pub(crate) fn key_bytes() -> usize {
        BLOCK_PREFIX_BYTES + DirectShape::of_set::<S>().body_bytes()
    }

    /// Writes the bytes from `first` on of the payload of frame `index` of the keys, the same each time.
    pub(crate) fn key_part(
        &mut self,
        index: u32,
        first: usize,
        out: &mut [u8],
    ) -> Result<(), CipherError> {
        let (key, element) = (index as usize / S::GADGET, index as usize % S::GADGET);
        let sigma = *self.keys.get(key).ok_or(CipherError::Memory)?;
        let prefix = Block { index: sigma.exponent(), count: element as u32 }.encode();
        let prefix = prefix.get(first..).unwrap_or_default();
        let (head, body) = out.split_at_mut(out.len().min(prefix.len()));
        head.copy_from_slice(&prefix[..head.len()]);
        let first = first.saturating_sub(BLOCK_PREFIX_BYTES);
        self.part(What::Key(sigma, element), first, body, |_| {})
    }

    /// Takes the coordinates of `count` ciphertexts, of which it returns the first.
    pub(crate) const fn reserve(&mut self, count: usize) -> u64 {
        let first = self.ciphertexts;
        self.ciphertexts += count as u64;
        first
    }

    /// Writes the bytes from `first` on of the packed body of ciphertext `coordinate`, whose message
    /// `fill` writes over N zeros.
    ///
    /// *Security*: under one coordinate the message is always the same.
    pub(crate) fn message_part(
        &mut self,
        coordinate: u64,
        first: usize,
        out: &mut [u8],
        fill: impl FnMut(&mut [u32]),
    ) -> Result<(), CipherError> {
        self.part(What::Message(coordinate), first, out, fill)
    }

    fn part(
        &mut self,
        what: What,
        mut first: usize,
        mut out: &mut [u8],
        mut fill: impl FnMut(&mut [u32]),
    ) -> Result<(), CipherError> {
        for (limb, shape) in DirectShape::of_set::<S>().limbs().iter().enumerate() {
            let bytes = packed_bits_len(shape.bits, S::N);
            let here = out.len().min(bytes.saturating_sub(first));
            let (now, later) = out.split_at_mut(here);
            if !now.is_empty() {
                self.make(what, limb, &mut fill)?;
                pack_bits_part(shape.bits, self.work.encrypting::<S>().body, first, now)?;
            }
            (first, out) = (first.saturating_sub(bytes), later);
        }
        if out.is_empty() { Ok(()) } else { Err(WireError::Length.into()) }
    }

    /// Brings a limb of a body into the memory.
    fn make(
        &mut self,
        what: What,
        limb: usize,
        fill: &mut impl FnMut(&mut [u32]),
    ) -> Result<(), CipherError> {
        if self.held == Some((what, limb)) {
            return Ok(());
        }
        let has_noise = self.held.is_some_and(|(held, _)| held == what);
        self.held = None;
        let Encrypting { body, key: scratch, noise } = self.work.encrypting::<S>();
        match what {
            What::Message(coordinate) => {
                if !has_noise {
                    centred_binomial(&self.seed, coordinate, noise);
                }
                // The message is in the first limb alone.
                if limb == 0 {
                    body.fill(0);
                    fill(body);
                }
                let (key, public) = (&self.key, &self.public);
                encrypt_limb_into::<S, R>(key, public, coordinate, limb, noise, body, scratch)?;
            }
            What::Key(sigma, element) => {
                if !has_noise {
                    centred_binomial(&self.key_seed, key_coordinate::<S>(sigma, element), noise);
                }
                evaluation_key_limb_into::<S, R>(
                    &self.key,
                    &self.key_public,
                    sigma,
                    element,
                    limb,
                    noise,
                    body,
                    scratch,
                )?;
            }
        }
        self.held = Some((what, limb));
        Ok(())
    }

    /// Takes bytes of a result off `bytes`: the first of another one, or the next. Returns whether it is
    /// whole: then it is [there](Self::outputs) until more are taken.
    pub(crate) fn take(&mut self, layout: &Layout, bytes: &mut &[u8]) -> Result<bool, CipherError> {
        self.held = None;
        let (mut result, scratch) = self.work.decrypting::<S>().ok_or(CipherError::Memory)?;
        while self.numbers < S::N {
            let Some(number) = self.reader.next(MASK_BITS, bytes) else { return Ok(false) };
            result.put_mask(self.numbers, number);
            self.numbers += 1;
            if self.numbers == S::N {
                self.reader.end()?;
                result.multiply::<R>(&self.key, scratch)?;
            }
        }
        let rows = layout.rows();
        while self.numbers < S::N + rows * layout.tokens() {
            let Some(number) = self.reader.next(BODY_BITS, bytes) else { return Ok(false) };
            let at = self.numbers - S::N;
            result.put_body(layout.output_exponent(at % rows, at / rows), number);
            self.numbers += 1;
        }
        self.reader.end()?;
        self.numbers = 0;
        Ok(true)
    }

    /// The outputs `(row, token)` of the result that is whole.
    pub(crate) fn outputs(&mut self, layout: &Layout) -> impl Fn(usize, usize) -> u32 {
        let result = self.work.decrypting::<S>().map(|(result, _)| result);
        move |row, token| {
            let exponent = layout.output_exponent(row, token);
            result.as_ref().map_or(0, |result| result.message(exponent))
        }
    }

    /// Erases what was encrypted and decrypted, and forgets the part of a result that has come.
    pub(crate) fn erase(&mut self) {
        self.work.erase();
        (self.held, self.reader, self.numbers) = (None, BitReader::default(), 0);
    }
}
