//! How much memory a device needs for a model and a mode, before there is either: in bytes, by purpose, and
//! known when a program is compiled.
//!
//! Every number is what the constructor of the same purpose takes, and not one byte more. What the two
//! phases lend from one another, and what a stack holds, is the program's affair:
//!
//! ```
//! use device_client::sizes::Sizes;
//! use kernel::model::ModelConfig;
//! use kernel::params::{Direct4096, Masked256x16};
//! use kernel::schedule::Schedule;
//!
//! const MODEL: ModelConfig = ModelConfig {
//!     vocab: 1024,
//!     hidden: 128,
//!     layers: 5,
//!     heads: 4,
//!     kv_heads: 2,
//!     head_dim: 32,
//!     intermediate: 352,
//!     context: 512,
//!     rms_eps: 1e-5,
//! };
//! // Prompts of up to 32 tokens in chunks of 8, and 16 tokens of answer.
//! const SCHEDULE: Schedule = match Schedule::for_request(&MODEL, 32, 16, 8) {
//!     Ok(schedule) => schedule,
//!     Err(_) => panic!("the request does not fit the model's context"),
//! };
//! // Units of one key, and parts of frames of 4096 bytes.
//! const MASKED: Sizes = Sizes::masked::<Masked256x16>(&MODEL, &SCHEDULE, 1, 4096);
//! const DIRECT: Sizes = Sizes::direct::<Direct4096>(&MODEL, &SCHEDULE, 4096);
//!
//! // A controller that has 96 KiB for protocol and cryptography, whatever the mode.
//! const _: () = assert!(MASKED.protocol() <= 96 << 10 && DIRECT.protocol() <= 96 << 10);
//! static CACHE: [u8; MASKED.cache] = [0; MASKED.cache];
//! assert_eq!(CACHE.len(), 4 * 5 * 2 * 2 * 32 * 47);
//! assert_eq!((DIRECT.direct, DIRECT.preparation, DIRECT.store), (52 << 10, 0, 0));
//! ```

#[cfg(test)]
mod tests;
mod traffic;

pub use traffic::Traffic;

use crate::decoder::Decoder;
use crate::direct::{DirectMemory, DirectSession};
use crate::masked::{MaskedSession, masked_words};
use crate::mixed::MixedSession;
use crate::prepare::prepare_frame_bytes;
use crate::prepare_direct::prepare_direct_words;
use crate::store::WindowStore;
use crate::unit::unit_words;
use kernel::model::ModelConfig;
use kernel::params::{DirectSet, MaskedSet};
use kernel::ring::Scalar;
use kernel::schedule::Schedule;
use kernel::trace::PreparationRule;

/// The memory of a device that serves one kind of request, in bytes.
///
/// What a mode does without is 0. Numbers that no `usize` holds are `usize::MAX`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Sizes {
    /// The cache of keys and values, of [`Decoder`]'s floats.
    pub cache: usize,
    /// The rest of the decoder's workspace: activations, products, logits.
    pub activations: usize,
    /// Indices for the choice of a token.
    pub choice: usize,
    /// The words of [masked mode](masked_words).
    pub masked: usize,
    /// The memory of direct mode, [`DirectMemory`].
    pub direct: usize,
    /// The session itself, as this target lays it out: less where addresses have 32 bits.
    pub session: usize,
    /// A part of a frame.
    pub part: usize,
    /// What a preparation works in, [`UnitWorkspace`](crate::unit::UnitWorkspace), which is over before the
    /// session begins.
    pub preparation: usize,
    /// Its frame, or a part of one.
    pub preparation_part: usize,
    /// Correlations of a session, in a [`WindowStore`] with its windows: those of one request.
    pub store: usize,
}

impl Sizes {
    /// The decoder and the choice, which all modes have.
    const fn clear(config: &ModelConfig, schedule: &Schedule, part: usize) -> Self {
        let (positions, chunk) = (schedule.positions() as usize, schedule.chunk() as usize);
        let workspace = Decoder::workspace_len(config, positions, chunk);
        let cache = Decoder::cache_len(config, positions);
        let rest = (workspace.floats - cache).saturating_add(workspace.integers);
        Self {
            cache: words(cache),
            activations: words(rest),
            choice: words(config.vocab as usize),
            masked: 0,
            direct: 0,
            session: 0,
            part,
            preparation: 0,
            preparation_part: 0,
            store: 0,
        }
    }

    /// Masked mode, whose correlations are prepared by the masked method in units of `keys` keys of set
    /// `S`. Frames pass in parts of `part` bytes, [`PART_BYTES`](crate::session::PART_BYTES) or more.
    #[must_use]
    pub const fn masked<S: MaskedSet>(
        config: &ModelConfig,
        schedule: &Schedule,
        keys: usize,
        part: usize,
    ) -> Self {
        Self {
            masked: words(masked_words(config, schedule.chunk() as usize)),
            // As large with every store, of which it has the address.
            session: size_of::<MaskedSession<'_, WindowStore<'_>>>(),
            preparation: words(unit_words::<S>(keys)).saturating_add(S::N),
            preparation_part: prepare_frame_bytes::<S>(),
            store: WindowStore::bytes(config, schedule.positions() as usize),
            ..Self::clear(config, schedule, part)
        }
    }

    /// Direct mode under set `D`, with nothing prepared.
    #[must_use]
    pub const fn direct<D: DirectSet>(
        config: &ModelConfig,
        schedule: &Schedule,
        part: usize,
    ) -> Self {
        Self {
            direct: DirectMemory::bytes::<D>(),
            session: size_of::<DirectSession<'_, D, Scalar>>(),
            ..Self::clear(config, schedule, part)
        }
    }

    /// Mixed mode, with both modes' memory. The store has room for a whole request.
    #[must_use]
    pub const fn mixed<S: MaskedSet, D: DirectSet>(
        config: &ModelConfig,
        schedule: &Schedule,
        keys: usize,
        part: usize,
    ) -> Self {
        Self {
            direct: DirectMemory::bytes::<D>(),
            session: size_of::<MixedSession<'_, WindowStore<'_>, D, Scalar>>(),
            ..Self::masked::<S>(config, schedule, keys, part)
        }
    }

    /// The same, with correlations that are [prepared through direct mode](crate::prepare_direct) under set
    /// `D`.
    #[must_use]
    pub const fn prepared_direct<D: DirectSet>(self, rule: &PreparationRule) -> Self {
        let of_rule = words(prepare_direct_words(rule));
        Self {
            preparation: DirectMemory::bytes::<D>().saturating_add(of_rule),
            preparation_part: self.part,
            ..self
        }
    }

    /// The decoder, with its cache, and the choice of tokens.
    #[must_use]
    pub const fn decoder(&self) -> usize {
        self.cache.saturating_add(self.activations).saturating_add(self.choice)
    }

    /// Protocol and cryptography of a session.
    #[must_use]
    pub const fn online(&self) -> usize {
        let buffers = self.masked.saturating_add(self.direct);
        buffers.saturating_add(self.session).saturating_add(self.part)
    }

    /// Protocol and cryptography of a preparation.
    #[must_use]
    pub const fn offline(&self) -> usize {
        self.preparation.saturating_add(self.preparation_part)
    }

    /// Protocol and cryptography: one phase after the other, in the same memory.
    #[must_use]
    pub const fn protocol(&self) -> usize {
        if self.online() > self.offline() { self.online() } else { self.offline() }
    }
}

/// Bytes of so many words.
const fn words(count: usize) -> usize {
    count.saturating_mul(size_of::<u32>())
}
