use super::bits::result_bytes;
use super::{BLOCK_PREFIX_BYTES, Block, MAX_PAYLOAD};
use crate::trace::Layout;

/// Bytes before the results of a frame: the product's block, then the results' own.
pub const REPLY_PREFIX_BYTES: usize = 2 * BLOCK_PREFIX_BYTES;

/// The frames of the reply to a direct product: each holds as many whole results as fit, the last
/// what is left.
///
/// A public function of the layout and of the largest payload that the device takes: both sides
/// compute it, so that nothing about the cut is believed that comes over the wire.
///
/// ```
/// use kernel::trace::Layout;
/// use kernel::wire::{Block, MAX_PAYLOAD, ReplyFrames};
///
/// // The head of a vocabulary of 128,256: 32 results of 39,936 bytes.
/// let layout = Layout::for_product(4096, 128_256, 4096, 1);
/// let frames = ReplyFrames::new(&layout, 128_256, 1, MAX_PAYLOAD);
/// assert_eq!((frames.results(), frames.count()), (32, 2));
/// let parts: Vec<_> = frames.parts().collect();
/// assert_eq!(parts, [Block { index: 0, count: 26 }, Block { index: 26, count: 6 }]);
/// assert_eq!(frames.payload_bytes(&parts[1]), 16 + 6 * 39_936);
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct ReplyFrames {
    results: usize,
    result_bytes: usize,
    /// Results of each frame but the last.
    each: usize,
}

impl ReplyFrames {
    /// The frames of a product of a matrix of `m` rows for `tokens` tokens, with payloads of at most
    /// `max_payload` bytes and [`MAX_PAYLOAD`]. If not one result fits, frames hold one and are longer:
    /// [`Self::largest_payload`] tells.
    #[must_use]
    pub fn new(layout: &Layout, m: usize, tokens: usize, max_payload: usize) -> Self {
        let results = tokens.div_ceil(layout.tokens()) * layout.output_blocks(m);
        let result_bytes = result_bytes(layout);
        let room = max_payload.min(MAX_PAYLOAD).saturating_sub(REPLY_PREFIX_BYTES);
        Self { results, result_bytes, each: (room / result_bytes).max(1) }
    }

    /// Results in all frames.
    #[must_use]
    pub const fn results(&self) -> usize {
        self.results
    }

    /// Frames.
    #[must_use]
    pub const fn count(&self) -> usize {
        self.results.div_ceil(self.each)
    }

    /// Which results frame `index` holds, as (first result, count); `None` after the last frame.
    #[must_use]
    pub fn part(&self, index: usize) -> Option<Block> {
        let first = index.checked_mul(self.each).filter(|&first| first < self.results)?;
        let count = self.each.min(self.results - first);
        Some(Block { index: first as u32, count: count as u32 })
    }

    /// The parts of all frames, in order.
    pub fn parts(self) -> impl Iterator<Item = Block> {
        (0..self.count()).filter_map(move |index| self.part(index))
    }

    /// Payload bytes of the frame that holds `part`.
    #[must_use]
    pub const fn payload_bytes(&self, part: &Block) -> usize {
        REPLY_PREFIX_BYTES + part.count as usize * self.result_bytes
    }

    /// Payload bytes of the largest frame.
    #[must_use]
    pub fn largest_payload(&self) -> usize {
        self.part(0).map_or(0, |part| self.payload_bytes(&part))
    }

    /// Payload bytes of all frames together.
    #[must_use]
    pub const fn bytes(&self) -> usize {
        self.count() * REPLY_PREFIX_BYTES + self.results * self.result_bytes
    }

    /// The bytes of a part's results among those of all.
    #[must_use]
    pub fn of<'r>(&self, part: &Block, results: &'r [u8]) -> Option<&'r [u8]> {
        let first = self.result_bytes * part.index as usize;
        results.get(first..)?.get(..self.result_bytes * part.count as usize)
    }

    /// Whether frame `index` is the last.
    #[must_use]
    pub const fn is_last(&self, index: usize) -> bool {
        index + 1 == self.count()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::vec::Vec;

    proptest! {
        /// Frames are filled one after the other, none is longer than it may be, and none could hold
        /// a result more.
        #[test]
        fn frames_hold_all_results_in_order(
            m in 1_usize..3000,
            tokens in 1_usize..70,
            room in 0_usize..40_000,
        ) {
            let layout = Layout::for_product(64, m, 40, tokens);
            let one = result_bytes(&layout);
            let frames = ReplyFrames::new(&layout, m, tokens, room);
            let results = tokens.div_ceil(layout.tokens()) * m.div_ceil(layout.rows());
            prop_assert_eq!(frames.results(), results);
            let (mut next, mut bytes) = (0, 0);
            for (index, part) in frames.parts().enumerate() {
                prop_assert_eq!(part.index as usize, next);
                next += part.count as usize;
                let payload = frames.payload_bytes(&part);
                prop_assert_eq!(payload, 16 + one * part.count as usize);
                bytes += payload;
                prop_assert!(payload <= room || part.count == 1);
                let last = index + 1 == frames.count();
                prop_assert_eq!(frames.is_last(index), last);
                prop_assert!(last || payload + one > room);
                prop_assert!(payload <= frames.largest_payload());
            }
            prop_assert_eq!((next, bytes), (results, frames.bytes()));
            prop_assert_eq!(frames.part(frames.count()), None);
            prop_assert_eq!(frames.part(usize::MAX), None);
            prop_assert_eq!(frames.largest_payload() <= room, room >= 16 + one);
        }
    }

    #[test]
    fn no_room_is_larger_than_a_payload() {
        let layout = Layout::for_product(4096, 128_256, 4096, 1);
        let frames = |room| ReplyFrames::new(&layout, 128_256, 1, room);
        assert_eq!(frames(usize::MAX), frames(MAX_PAYLOAD));
        assert!(frames(usize::MAX).largest_payload() <= MAX_PAYLOAD);
        assert_eq!(frames(39_952).count(), 32);
    }

    #[test]
    fn parts_are_found_among_all_results() {
        let layout = Layout::for_product(8, 40, 8, 1);
        let one = result_bytes(&layout);
        let frames = ReplyFrames::new(&layout, 40, 1, 16 + 2 * one);
        let all: Vec<u8> = (0..5 * one).map(|at| at as u8).collect();
        let parts: Vec<_> = frames.parts().map(|part| frames.of(&part, &all).unwrap()).collect();
        assert_eq!(parts.concat(), all);
        assert_eq!(frames.of(&Block { index: 4, count: 2 }, &all), None);
    }
}
