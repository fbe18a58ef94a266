use super::SEED_BYTES;
use super::keystream::BLOCK_WORDS;
use zeroize::Zeroize;

/// "expand 32-byte k".
const CONSTANTS: [u32; 4] = [0x6170_7865, 0x3320_646e, 0x7962_2d32, 0x6b20_6574];
/// Where the block counter stands.
const COUNTER: usize = 12;

/// The keystream of one (key, nonce), a block at a time: ChaCha20 for small cores.
///
/// Source: RFC 8439, section 2.3. A Cortex-M rotates an operand of an addition or an exclusive or at no
/// cost. So the words that a quarter round rotates last, rows b and d, are kept unrotated, and are
/// rotated where they are used: a quarter round is eight instructions, and a block 1040 in place of
/// the 1750 of the crate `chacha20` there.
pub(super) struct Blocks([u32; BLOCK_WORDS]);

impl Drop for Blocks {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

/// A quarter round, of words a and c, and of b and d that are `rotate_left(7)` and `rotate_left(8)`
/// of what stands for them, before and after.
macro_rules! quarter_round {
    ($a:ident $b:ident $c:ident $d:ident) => {
        $a = $a.wrapping_add($b.rotate_left(7));
        $d = $d.rotate_left(8) ^ $a;
        $c = $c.wrapping_add($d.rotate_left(16));
        $b = $b.rotate_left(7) ^ $c;
        $a = $a.wrapping_add($b.rotate_left(12));
        $d = $d.rotate_left(16) ^ $a;
        $c = $c.wrapping_add($d.rotate_left(8));
        $b = $b.rotate_left(12) ^ $c;
    };
}

impl Blocks {
    pub(super) fn new(key: &[u8; SEED_BYTES], nonce: &[u8; 12]) -> Self {
        let mut state = [0; BLOCK_WORDS];
        state[..4].copy_from_slice(&CONSTANTS);
        for (word, bytes) in state[4..COUNTER].iter_mut().zip(key.as_chunks().0) {
            *word = u32::from_le_bytes(*bytes);
        }
        for (word, bytes) in state[COUNTER + 1..].iter_mut().zip(nonce.as_chunks().0) {
            *word = u32::from_le_bytes(*bytes);
        }
        Self(state)
    }

    /// Overwrites `out` with the words from block `counter` on. Counters do not come to 2^32.
    pub(super) fn words(&mut self, counter: u32, out: &mut [u32]) {
        self.0[COUNTER] = counter;
        let (blocks, rest) = out.as_chunks_mut();
        for block in blocks {
            self.next(block);
        }
        if !rest.is_empty() {
            let mut block = [0; BLOCK_WORDS];
            self.next(&mut block);
            rest.copy_from_slice(&block[..rest.len()]);
            block.zeroize();
        }
    }

    /// Never inlined: the registers of a Cortex-M are few enough for this alone.
    #[inline(never)]
    fn next(&mut self, out: &mut [u32; BLOCK_WORDS]) {
        let [
            mut a0,
            mut a1,
            mut a2,
            mut a3,
            b0,
            b1,
            b2,
            b3,
            mut c0,
            mut c1,
            mut c2,
            mut c3,
            d0,
            d1,
            d2,
            d3,
        ] = self.0;
        let [mut b0, mut b1, mut b2, mut b3] = [b0, b1, b2, b3].map(|b| b.rotate_right(7));
        let [mut d0, mut d1, mut d2, mut d3] = [d0, d1, d2, d3].map(|d| d.rotate_right(8));
        for _ in 0..10 {
            quarter_round!(a0 b0 c0 d0);
            quarter_round!(a2 b2 c2 d2);
            quarter_round!(a3 b3 c3 d3);
            quarter_round!(a1 b1 c1 d1);
            // The diagonals do not touch each other: this order keeps most words in registers.
            quarter_round!(a1 b2 c3 d0);
            quarter_round!(a0 b1 c2 d3);
            quarter_round!(a3 b0 c1 d2);
            quarter_round!(a2 b3 c0 d1);
        }
        let [b0, b1, b2, b3] = [b0, b1, b2, b3].map(|b| b.rotate_left(7));
        let [d0, d1, d2, d3] = [d0, d1, d2, d3].map(|d| d.rotate_left(8));
        *out = [a0, a1, a2, a3, b0, b1, b2, b3, c0, c1, c2, c3, d0, d1, d2, d3];
        for (out, &word) in out.iter_mut().zip(&self.0) {
            *out = out.wrapping_add(word);
        }
        self.0[COUNTER] = self.0[COUNTER].wrapping_add(1);
    }
}
