//! The results of direct mode in an answer, for those who lie about them.

use super::model::Model;
use super::run::Set;
use super::wire;
use kernel::direct::{BODY_BITS, MASK_BITS};
use kernel::model::{GroupId, GroupShape};
use kernel::params::ParameterSet;
use kernel::trace::Layout;
use kernel::wire::{
    Block, FrameType, HEADER_BYTES, MAX_PAYLOAD, REPLY_PREFIX_BYTES, ReplyFrames, pack_bits,
    packed_bits_len, result_bytes, unpack_bits,
};

const AT: usize = HEADER_BYTES + REPLY_PREFIX_BYTES;

/// One result: N words of mask, and a body for each output of each token of a block.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Outcome {
    /// Modulo `2^MASK_BITS`.
    pub(crate) mask: Vec<u64>,
    /// Modulo `2^BODY_BITS`.
    pub(crate) body: Vec<u64>,
}

/// The answer to a direct product, as its host made it, in one frame.
#[derive(Clone, Debug)]
pub(crate) struct Results {
    pub(crate) group: GroupId,
    pub(crate) tokens: usize,
    pub(crate) shape: GroupShape,
    pub(crate) layout: Layout,
    /// For each ciphertext of tokens its blocks of outputs.
    pub(crate) all: Vec<Outcome>,
}

impl Results {
    pub(crate) fn of(model: &Model, frame: &[u8]) -> Self {
        let (block, packed) = Block::split(&frame[HEADER_BYTES..]).unwrap();
        let (group, tokens) = (GroupId(block.index), block.count as usize);
        let shape = model.shape(group);
        let layout = Layout::for_product(Set::N, shape.rows, shape.columns, tokens);
        let (part, packed) = Block::split(packed).unwrap();
        let frames = ReplyFrames::new(&layout, shape.rows, tokens, MAX_PAYLOAD);
        assert_eq!((frames.count(), frames.part(0)), (1, Some(part)));
        let all = packed.chunks_exact(result_bytes(&layout)).map(|packed| {
            let (mask, body) = packed.split_at(packed_bits_len(MASK_BITS, Set::N));
            let outputs = layout.rows() * layout.tokens();
            Outcome {
                mask: numbers(MASK_BITS, Set::N, mask),
                body: numbers(BODY_BITS, outputs, body),
            }
        });
        let all: Vec<_> = all.collect();
        assert_eq!(all.len(), frames.results());
        Self { group, tokens, shape, layout, all }
    }

    pub(crate) fn put(&self, frame: &mut [u8]) {
        let size = result_bytes(&self.layout);
        for (packed, result) in frame[AT..].chunks_exact_mut(size).zip(&self.all) {
            let (mask, body) = packed.split_at_mut(packed_bits_len(MASK_BITS, Set::N));
            pack_bits(MASK_BITS, result.mask.iter().copied(), mask).unwrap();
            pack_bits(BODY_BITS, result.body.iter().copied(), body).unwrap();
        }
    }

    /// Where an output of a token is: the result, and the body in it.
    pub(crate) fn place(&self, token: usize, row: usize) -> (usize, usize) {
        let blocks = self.layout.output_blocks(self.shape.rows);
        let result = token / self.layout.tokens() * blocks + row / self.layout.rows();
        let rows = self.layout.rows();
        (result, token % self.layout.tokens() * rows + row % rows)
    }
}

fn numbers(bits: u32, count: usize, packed: &[u8]) -> Vec<u64> {
    let mut numbers = Vec::with_capacity(count);
    unpack_bits(bits, count, packed, |number| numbers.push(number)).unwrap();
    numbers
}

/// The number of the product that a frame answers, if it does.
pub(crate) fn answers(frame: &[u8]) -> Option<usize> {
    let header = wire::header(frame);
    (header.frame == FrameType::ProductReply).then(|| header.sequence as usize - 1)
}
