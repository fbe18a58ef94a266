use super::{Domain, SEED_BYTES};
use zeroize::Zeroize;

#[cfg(target_arch = "arm")]
use super::block::Blocks as Cipher;
#[cfg(not(target_arch = "arm"))]
use vectors::Blocks as Cipher;

/// Words in one block.
pub(super) const BLOCK_WORDS: usize = 16;

/// The keystream of one (key, nonce).
pub(crate) struct Keystream(Cipher);

impl Keystream {
    pub(crate) fn new(
        key: &[u8; SEED_BYTES],
        domain: Domain,
        attempt: u8,
        lane: u8,
        stream: u64,
    ) -> Self {
        let mut nonce = [0; 12];
        nonce[0] = domain as u8;
        nonce[1] = attempt;
        nonce[2] = lane;
        nonce[4..].copy_from_slice(&stream.to_le_bytes());
        Self(Cipher::new(key, &nonce))
    }

    /// Overwrites `out` with the words from block `counter` on.
    pub(crate) fn words(&mut self, counter: u32, out: &mut [u32]) {
        // Dimensions keep every position far below the end of a stream, at 2^32 blocks. If they did
        // not, no word may be used twice.
        let end = u64::from(counter) + out.len().div_ceil(BLOCK_WORDS) as u64;
        assert!(end <= 1 << 32, "a position beyond the end of a ChaCha20 stream");
        self.0.words(counter, out);
    }
}

/// The crate `chacha20`, which has the vector units of desktop processors.
#[cfg(any(not(target_arch = "arm"), test))]
pub(super) mod vectors {
    use super::{BLOCK_WORDS, SEED_BYTES};
    use chacha20::ChaCha20;
    use chacha20::cipher::{KeyIvInit, StreamCipher, StreamCipherSeek};

    pub(in crate::stream) struct Blocks(ChaCha20);

    impl Blocks {
        pub(in crate::stream) fn new(key: &[u8; SEED_BYTES], nonce: &[u8; 12]) -> Self {
            Self(ChaCha20::new(key.into(), nonce.into()))
        }

        pub(in crate::stream) fn words(&mut self, counter: u32, out: &mut [u32]) {
            out.fill(0);
            let bytes: &mut [u8] = bytemuck::cast_slice_mut(out);
            let seek = self.0.try_seek(u64::from(counter) * (4 * BLOCK_WORDS) as u64);
            let written = seek.and_then(|()| self.0.try_apply_keystream(bytes));
            // Zeros must never stand for random words: a mask of zeros would show what it hides.
            assert!(written.is_ok(), "a position beyond the end of a ChaCha20 stream");
            if cfg!(target_endian = "big") {
                out.iter_mut().for_each(|w| *w = u32::from_le(*w));
            }
        }
    }
}

/// The first 32 bytes of block 0 of the derivation stream `label`.
pub(super) fn derive_into(key: &[u8; SEED_BYTES], label: u64, out: &mut [u8; SEED_BYTES]) {
    let mut words = [0; BLOCK_WORDS];
    Keystream::new(key, Domain::Derivation, 0, 0, label).words(0, &mut words);
    for (bytes, word) in out.chunks_exact_mut(4).zip(&words) {
        bytes.copy_from_slice(&word.to_le_bytes());
    }
    words.zeroize();
}
