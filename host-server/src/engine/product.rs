use super::{Engine, Keys};
use kernel::accel::AccelError;
use kernel::accel::ring::Ciphertexts;
use kernel::direct::{BODY_BITS, MASK_BITS};
use kernel::model::{GroupId, GroupShape};
use kernel::prime::PrimeId;
use kernel::stream::PublicSeed;
use kernel::trace::Layout;
use kernel::wire::{
    BLOCK_PREFIX_BYTES, Block, ReplyFrames, WireError, direct_payloads, pack_bits, packed_bits_len,
    packed_len, result_bytes, unpack_body, unpack_residues,
};
use std::sync::Arc;

/// One product of the online phase, or one unit of a preparation in direct mode.
#[derive(Debug)]
pub struct ProductJob {
    group: GroupId,
    tokens: usize,
    input: Input,
}

#[derive(Debug)]
enum Input {
    /// `tokens x n` residues modulo t.
    Masked(Vec<u32>),
    /// Ciphertexts: their bodies.
    Direct {
        keys: Arc<Keys>,
        seed: PublicSeed,
        first: u64,
        layout: Layout,
        bodies: Vec<u32>,
        reply: ReplyFrames,
    },
}

impl ProductJob {
    /// A product of masked numbers, packed in `payload` after the block's prefix.
    ///
    /// # Errors
    /// [`WireError`].
    pub fn masked(
        group: GroupId,
        tokens: usize,
        shape: GroupShape,
        packed: &[u8],
    ) -> Result<Self, WireError> {
        let words = shape.columns * tokens;
        if packed.len() != packed_len(PrimeId::T, words) {
            return Err(WireError::Length);
        }
        let mut x = vec![0; words];
        unpack_residues(PrimeId::T, packed, &mut x)?;
        Ok(Self { group, tokens, input: Input::Masked(x) })
    }

    /// A product of ciphertexts in `layout`, the first of which has coordinate `first` under `seed`, for a
    /// device that takes payloads of `max_payload` bytes.
    ///
    /// # Errors
    /// [`WireError`].
    pub fn direct(
        group: GroupId,
        tokens: usize,
        shape: GroupShape,
        layout: Layout,
        max_payload: usize,
        keys: &Arc<Keys>,
        seed: PublicSeed,
        first: u64,
        packed: &[u8],
    ) -> Result<Self, WireError> {
        let set = keys.shape();
        let size = (shape.rows, shape.columns);
        let (request, reply) = direct_payloads(set, &layout, size, tokens, max_payload);
        if packed.len() + BLOCK_PREFIX_BYTES != request {
            return Err(WireError::Length);
        }
        let count = packed.len() / set.body_bytes();
        let mut bodies = vec![0; count * set.body_words()];
        for (packed, body) in
            packed.chunks_exact(set.body_bytes()).zip(bodies.chunks_exact_mut(set.body_words()))
        {
            unpack_body(set, packed, body)?;
        }
        let keys = Arc::clone(keys);
        let input = Input::Direct { keys, seed, first, layout, bodies, reply };
        Ok(Self { group, tokens, input })
    }

    /// Ciphertexts of a direct product of `tokens` rows.
    #[must_use]
    pub const fn ciphertexts(layout: &Layout, shape: GroupShape, tokens: usize) -> u64 {
        (tokens.div_ceil(layout.tokens()) * layout.input_blocks(shape.columns)) as u64
    }

    /// Multiplies.
    ///
    /// # Errors
    /// As the accelerator fails.
    pub fn run(&self, engine: &Engine) -> Result<Reply, AccelError> {
        let block = Block { index: self.group.0, count: self.tokens as u32 };
        let (packed, frames) = match &self.input {
            Input::Masked(x) => {
                let product = engine.product(self.group, self.tokens, x)?;
                (product.iter().flat_map(|word| word.to_le_bytes()).collect(), None)
            }
            Input::Direct { keys, seed, first, layout, bodies, reply } => {
                let input = Ciphertexts { seed, first: *first, bodies };
                (self.trace_product(engine, keys, layout, reply, &input)?, Some(*reply))
            }
        };
        Ok(Reply { block, packed, frames, next: 0 })
    }

    fn trace_product(
        &self,
        engine: &Engine,
        keys: &Keys,
        layout: &Layout,
        reply: &ReplyFrames,
        input: &Ciphertexts<'_>,
    ) -> Result<Vec<u8>, AccelError> {
        let ring = engine.ring.as_deref().ok_or(AccelError::UnknownSet)?;
        let (matrix, shape) = engine.matrix(self.group)?;
        engine.encoded.ensure(ring, (self.group, matrix, shape), keys.set(), layout);
        let degree = keys.shape().degree;
        let (results, outputs) = (reply.results(), layout.rows() * layout.tokens());
        let (mut masks, mut bodies) = (vec![0; results * degree], vec![0; results * outputs]);
        ring.trace_product(matrix, keys.id(), layout, input, &mut masks, &mut bodies)?;
        let mut packed = vec![0; results * result_bytes(layout)];
        let split = packed_bits_len(MASK_BITS, degree);
        for ((mask, body), out) in masks
            .chunks_exact(degree)
            .zip(bodies.chunks_exact(outputs))
            .zip(packed.chunks_exact_mut(result_bytes(layout)))
        {
            let (mask_bytes, body_bytes) = out.split_at_mut(split);
            let mask = pack_bits(MASK_BITS, mask.iter().copied(), mask_bytes);
            let body = pack_bits(BODY_BITS, body.iter().copied(), body_bytes);
            debug_assert!(mask.is_ok() && body.is_ok(), "the lengths agree by construction");
        }
        Ok(packed)
    }
}

/// The answer to a product, from which its frames are cut.
#[derive(Debug)]
pub struct Reply {
    block: Block,
    packed: Vec<u8>,
    /// For a direct product; a masked one has a single frame.
    frames: Option<ReplyFrames>,
    /// The next frame.
    next: usize,
}

impl Reply {
    /// Whether all frames have been taken.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.next == self.frames.map_or(1, |frames| frames.count())
    }

    /// What the next frame begins with, and what it carries; `None` after the last.
    pub fn next_part(&mut self) -> Option<(Vec<u8>, &[u8])> {
        if self.is_complete() {
            return None;
        }
        let mut prefix = self.block.encode().to_vec();
        let packed = match &self.frames {
            None => &self.packed,
            Some(frames) => {
                let part = frames.part(self.next)?;
                prefix.extend(part.encode());
                frames.of(&part, &self.packed)?
            }
        };
        self.next += 1;
        Some((prefix, packed))
    }
}
