use super::plan;
use crate::session::MAX_CHUNK;
use kernel::direct::DirectShape;
use kernel::glwe::SecretKey;
use kernel::model::{GroupKind, GroupShape, ModelConfig};
use kernel::params::DirectSet;
use kernel::wire::{BLOCK_PREFIX_BYTES, HEADER_BYTES, MAX_PAYLOAD};
use zeroize::Zeroize;

/// The memory of a session in direct mode.
pub struct DirectMemory<'a> {
    /// [`Self::words`] words: the key, and residues.
    pub words: &'a mut [u32],
    /// [`Self::results`] numbers: a result on its way in.
    pub results: &'a mut [u64],
    /// N bytes: noise.
    pub noise: &'a mut [i8],
}

impl core::fmt::Debug for DirectMemory<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("DirectMemory")
    }
}

/// What of the memory is worked in.
pub(super) struct Work<'a> {
    /// A message, then a body or what decryption works in.
    pub(super) residues: &'a mut [u32],
    pub(super) mask: &'a mut [u32],
    pub(super) results: &'a mut [u64],
    pub(super) noise: &'a mut [i8],
}

impl Drop for Work<'_> {
    fn drop(&mut self) {
        self.erase();
    }
}

impl Work<'_> {
    /// Erases what was decrypted.
    pub(super) fn erase(&mut self) {
        self.residues.zeroize();
    }
}

/// Words to work in: a message and a body, which is longer than what decryption needs.
const fn work_words<S: DirectSet>() -> usize {
    S::N + if S::BODY_WORDS > 2 * S::N { S::BODY_WORDS } else { 2 * S::N }
}

impl<'a> DirectMemory<'a> {
    /// Words of [`DirectMemory::words`].
    #[must_use]
    pub const fn words<S: DirectSet>() -> usize {
        SecretKey::<S>::WORDS + work_words::<S>() + S::N
    }

    /// Numbers of [`DirectMemory::results`].
    #[must_use]
    pub const fn results<S: DirectSet>() -> usize {
        2 * S::N
    }

    /// The key's words, and the rest; `None` if a length is wrong.
    pub(super) fn split<S: DirectSet>(self) -> Option<(&'a mut [u32], Work<'a>)> {
        let fits = self.words.len() == Self::words::<S>()
            && self.results.len() == Self::results::<S>()
            && self.noise.len() == S::N;
        if !fits {
            return None;
        }
        let (key, rest) = self.words.split_at_mut(SecretKey::<S>::WORDS);
        let (residues, mask) = rest.split_at_mut(work_words::<S>());
        Some((key, Work { residues, mask, results: self.results, noise: self.noise }))
    }
}

/// Payload bytes of the largest frame of any product of a step of `chunk` rows, or of the head, which
/// has one.
fn largest_payload<S: DirectSet>(config: &ModelConfig, chunk: usize) -> usize {
    let set = DirectShape::of_set::<S>();
    let payload = |group| {
        let GroupShape { rows, columns } = config.shape(group)?;
        let head = matches!(config.kind(group), Some((_, GroupKind::LmHead)));
        let tokens = if head { 1 } else { chunk };
        let (_, request, reply) = plan::<S>((rows, columns), tokens, MAX_PAYLOAD);
        Some(request.max(reply.largest_payload()))
    };
    let products = config.groups().filter_map(payload).max().unwrap_or(0);
    products.max(BLOCK_PREFIX_BYTES + set.body_bytes())
}

/// Bytes of the largest frame of a session, header included, unless it
/// [takes less](crate::session::Session::with_max_payload).
#[must_use]
pub fn direct_frame_bytes<S: DirectSet>(config: &ModelConfig, chunk: usize) -> usize {
    let largest = (1..=chunk).map(|chunk| largest_payload::<S>(config, chunk)).max();
    HEADER_BYTES + largest.unwrap_or(0)
}

/// The largest chunk up to `wanted` whose requests fit a frame, and single results of its replies.
#[must_use]
pub fn direct_fitting_chunk<S: DirectSet>(config: &ModelConfig, wanted: usize) -> usize {
    let wanted = wanted.clamp(1, MAX_CHUNK);
    let fits =
        |&chunk: &usize| direct_frame_bytes::<S>(config, chunk) <= HEADER_BYTES + MAX_PAYLOAD;
    (1..=wanted).rev().find(fits).unwrap_or(1)
}
