use super::plan;
use crate::session::MAX_CHUNK;
use kernel::direct::{DirectShape, SwitchedResult};
use kernel::model::{GroupKind, GroupShape, ModelConfig};
use kernel::params::{Direct4096, DirectSet};
use kernel::wire::{BLOCK_PREFIX_BYTES, MAX_PAYLOAD};
use zeroize::Zeroize;

/// The memory of a session in direct mode, [`Self::bytes`] bytes: 52 KiB at N = 4096.
pub struct DirectMemory<'a> {
    /// [`Self::words`] words: ring elements modulo one limb.
    pub words: &'a mut [u32],
    /// N bytes: the key.
    pub key: &'a mut [i8],
}

impl core::fmt::Debug for DirectMemory<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("DirectMemory")
    }
}

impl<'a> DirectMemory<'a> {
    /// Words of [`DirectMemory::words`].
    #[must_use]
    pub const fn words<S: DirectSet>() -> usize {
        3 * S::N
    }

    /// Bytes in all.
    #[must_use]
    pub const fn bytes<S: DirectSet>() -> usize {
        size_of::<u32>() * Self::words::<S>() + S::N
    }

    /// The key's bytes, and the rest; `None` if a length is wrong.
    pub(super) fn split<S: DirectSet>(self) -> Option<(&'a mut [i8], Work<'a>)> {
        let fits = self.words.len() == Self::words::<S>() && self.key.len() == S::N;
        fits.then_some((self.key, Work { words: self.words }))
    }
}

// A controller has 96 KiB for all of the protocol: 16 KiB are a socket's, and some a link's.
const _: () = assert!(DirectMemory::bytes::<Direct4096>() <= 52 * 1024);

/// Three ring elements modulo one limb, which are
///
/// | | encryption | decryption |
/// |---|---|---|
/// | 0 | the message, then the body | the mask modulo the first limb, then the message |
/// | 1 | the key | the mask modulo the second limb |
/// | 2 | the noise, a byte each | the key |
pub(super) struct Work<'a> {
    words: &'a mut [u32],
}

impl Drop for Work<'_> {
    fn drop(&mut self) {
        self.erase();
    }
}

/// What encryption works in.
pub(super) struct Encrypting<'w> {
    pub(super) body: &'w mut [u32],
    pub(super) key: &'w mut [u32],
    pub(super) noise: &'w mut [i8],
}

impl Work<'_> {
    pub(super) fn erase(&mut self) {
        self.words.zeroize();
    }

    pub(super) fn encrypting<S: DirectSet>(&mut self) -> Encrypting<'_> {
        let (body, rest) = self.words.split_at_mut(S::N);
        let (key, rest) = rest.split_at_mut(S::N);
        let noise = &mut bytemuck::cast_slice_mut(rest)[..S::N];
        Encrypting { body, key, noise }
    }

    /// A result, and what its key is worked on in.
    pub(super) fn decrypting<S: DirectSet>(
        &mut self,
    ) -> Option<(SwitchedResult<'_, S>, &mut [u32])> {
        let (result, key) = self.words.split_at_mut(2 * S::N);
        Some((SwitchedResult::new(result).ok()?, key))
    }
}

/// Payload bytes of the largest frame of any product of a step of `chunk` rows, or of the head, which
/// has one.
pub(super) fn largest_payload<S: DirectSet>(config: &ModelConfig, chunk: usize) -> usize {
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

/// The largest chunk up to `wanted` whose requests fit a frame, and single results of its replies.
#[must_use]
pub fn direct_fitting_chunk<S: DirectSet>(config: &ModelConfig, wanted: usize) -> usize {
    let wanted = wanted.clamp(1, MAX_CHUNK);
    // A step of a prompt's end may have fewer rows.
    let fits =
        |&chunk: &usize| (1..=chunk).all(|rows| largest_payload::<S>(config, rows) <= MAX_PAYLOAD);
    (1..=wanted).rev().find(fits).unwrap_or(1)
}
