//! The layout of the storage, and what is sealed in it.

use super::state::State;
use super::{Medium, SealedError, StoreError};
use alloc::vec::Vec;
use chacha20poly1305::{AeadInOut, ChaCha20Poly1305, KeyInit, XChaCha20Poly1305};
use kernel::bundle::ModelDigest;
use kernel::stream::{Entropy, Seed};
use zeroize::Zeroize;

const MAGIC: [u8; 8] = *b"subrosaS";
const VERSION: u32 = 1;
/// Bytes of the header; slots begin behind it.
pub(super) const HEADER_BYTES: usize = 4096;
const USED_BYTES: usize = 72;
const NONCE_BYTES: usize = 24;
/// Bytes of an authentication tag.
pub(super) const TAG_BYTES: usize = 16;
/// Slots and regions begin at multiples of this, so that no write touches two of them.
const ALIGNMENT: u64 = 4096;

/// The facts of a store that never change.
#[derive(Clone, Copy, Debug)]
pub(super) struct Header {
    pub(super) groups: usize,
    /// Bytes of a state before it is sealed.
    state_bytes: usize,
    pub(super) id: [u8; 16],
    pub(super) digest: ModelDigest,
}

impl Header {
    pub(super) const fn new(
        groups: usize,
        state_bytes: usize,
        id: [u8; 16],
        digest: ModelDigest,
    ) -> Self {
        Self { groups, state_bytes, id, digest }
    }

    pub(super) fn encode(&self) -> [u8; HEADER_BYTES] {
        let mut out = [0; HEADER_BYTES];
        out[..8].copy_from_slice(&MAGIC);
        out[8..12].copy_from_slice(&VERSION.to_le_bytes());
        out[12..16].copy_from_slice(&(self.groups as u32).to_le_bytes());
        out[16..24].copy_from_slice(&(self.state_bytes as u64).to_le_bytes());
        out[24..40].copy_from_slice(&self.id);
        out[40..USED_BYTES].copy_from_slice(&self.digest.0);
        out
    }

    pub(super) fn decode(bytes: &[u8; HEADER_BYTES]) -> Result<Self, SealedError> {
        let word = |at: usize| {
            u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
        };
        if bytes[..8] != MAGIC {
            return Err(SealedError::NotAStore);
        }
        if word(8) != VERSION {
            return Err(SealedError::Version(word(8)));
        }
        let mut header = Self {
            groups: word(12) as usize,
            state_bytes: word(16) as usize,
            id: [0; 16],
            digest: ModelDigest([0; 32]),
        };
        header.id.copy_from_slice(&bytes[24..40]);
        header.digest.0.copy_from_slice(&bytes[40..USED_BYTES]);
        // A state names at most a few hundred thousand units.
        if header.state_bytes > 64 << 20 || bytes != &header.encode() {
            return Err(SealedError::NotAStore);
        }
        Ok(header)
    }

    /// Units that a state has room for.
    pub(super) const fn capacity(&self) -> usize {
        State::capacity(self.groups, self.state_bytes)
    }

    const fn sealed_bytes(&self) -> usize {
        NONCE_BYTES + self.state_bytes + TAG_BYTES
    }

    pub(super) const fn slot_offset(&self, slot: usize) -> u64 {
        let slot_bytes = (self.sealed_bytes() as u64).next_multiple_of(ALIGNMENT);
        HEADER_BYTES as u64 + slot as u64 * slot_bytes
    }

    pub(super) const fn regions_offset(&self) -> u64 {
        self.slot_offset(2)
    }

    /// A state with its nonce and tag.
    pub(super) fn seal_state<E: Entropy>(
        &self,
        key: &Seed,
        state: &State,
        entropy: &mut E,
    ) -> Result<Vec<u8>, SealedError> {
        // In one piece: a vector that grew would leave copies of the seeds behind.
        let mut out = Vec::with_capacity(self.sealed_bytes());
        out.resize(NONCE_BYTES, 0);
        // A fresh random nonce: after a power cut the same number may be given to another state.
        entropy.fill(&mut out).map_err(|_| SealedError::Entropy)?;
        state.encode(self.state_bytes, &mut out);
        let (nonce, plain) = out.split_at_mut(NONCE_BYTES);
        let nonce: [u8; NONCE_BYTES] = nonce.try_into().map_err(|_| SealedError::Sealed)?;
        let tag = XChaCha20Poly1305::new(key.expose().into())
            .encrypt_inout_detached(&nonce.into(), &self.encode()[..USED_BYTES], plain.into())
            .map_err(|_| SealedError::Sealed)?;
        out.extend_from_slice(&tag);
        Ok(out)
    }

    /// The state in a slot, if it opens.
    pub(super) fn read_state(
        &self,
        medium: &mut impl Medium,
        key: &Seed,
        slot: usize,
    ) -> Option<State> {
        let mut sealed = alloc::vec![0; self.sealed_bytes()];
        medium.read(self.slot_offset(slot), &mut sealed).ok()?;
        let (nonce, rest) = sealed.split_at_mut(NONCE_BYTES);
        let (plain, tag) = rest.split_at_mut(self.state_bytes);
        let nonce: [u8; NONCE_BYTES] = (&*nonce).try_into().ok()?;
        let tag: [u8; TAG_BYTES] = (&*tag).try_into().ok()?;
        XChaCha20Poly1305::new(key.expose().into())
            .decrypt_inout_detached(
                &nonce.into(),
                &self.encode()[..USED_BYTES],
                (&mut *plain).into(),
                &tag.into(),
            )
            .ok()?;
        let state = State::decode(self.groups, plain);
        plain.zeroize();
        state
    }
}

fn token_nonce(token: usize) -> [u8; 12] {
    let mut nonce = [0; 12];
    nonce[..8].copy_from_slice(&(token as u64).to_le_bytes());
    nonce
}

/// The images of one token, sealed, into `out`.
pub(super) fn seal_token(
    key: &Seed,
    id: &[u8; 16],
    token: usize,
    z: &[u32],
    out: &mut Vec<u8>,
) -> Result<(), StoreError> {
    out.clear();
    out.extend(z.iter().flat_map(|word| word.to_le_bytes()));
    let tag = ChaCha20Poly1305::new(key.expose().into())
        .encrypt_inout_detached(&token_nonce(token).into(), id, out.as_mut_slice().into())
        .map_err(|_| StoreError::Storage)?;
    out.extend_from_slice(&tag);
    Ok(())
}

/// Opens the record of a token into `z`; `record` is left in the clear.
pub(super) fn open_token(
    key: &Seed,
    id: &[u8; 16],
    token: usize,
    record: &mut [u8],
    z: &mut [u32],
) -> Result<(), StoreError> {
    let (sealed, tag) = record.split_at_mut(record.len() - TAG_BYTES);
    let tag: [u8; TAG_BYTES] = (&*tag).try_into().map_err(|_| StoreError::Storage)?;
    ChaCha20Poly1305::new(key.expose().into())
        .decrypt_inout_detached(&token_nonce(token).into(), id, (&mut *sealed).into(), &tag.into())
        .map_err(|_| StoreError::Damaged)?;
    for (z, word) in z.iter_mut().zip(sealed.chunks_exact(4)) {
        *z = u32::from_le_bytes([word[0], word[1], word[2], word[3]]);
    }
    Ok(())
}
