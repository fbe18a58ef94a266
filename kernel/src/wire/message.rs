use super::{RowForm, WireError};
use crate::bundle::ModelDigest;
use crate::stream::SEED_BYTES;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// The device opens a session, or resumes one after a broken link.
///
/// ```
/// use kernel::bundle::ModelDigest;
/// use kernel::wire::{Hello, MAX_PAYLOAD, Purpose, decode_body, encode_body};
///
/// let purpose = Purpose::Masked { prompt_bucket: 32, output_bucket: 48, chunk: 16 };
/// let digest = ModelDigest([7; 32]);
/// let hello = Hello { digest, purpose, answered: 0, max_payload: MAX_PAYLOAD as u32 };
/// let mut payload = [0; 64];
/// let length = encode_body(&hello, &mut payload)?;
/// assert_eq!(payload[32..length], [1, 32, 48, 16, 0, 0x80, 0x80, 0x40]);
/// assert_eq!(decode_body(&payload[..length]), Ok(hello));
/// # Ok::<(), kernel::wire::WireError>(())
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub struct Hello {
    /// The model that the device's bundle was made from.
    pub digest: ModelDigest,
    /// What the session is for.
    pub purpose: Purpose,
    /// Products that are already answered: 0 at first, more when resuming.
    pub answered: u32,
    /// Largest payload that the device takes.
    pub max_payload: u32,
}

/// What a session is for.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Purpose {
    /// Fetch correlations: this many units follow.
    Prepare {
        /// Number of units.
        units: u32,
    },
    /// Generate in masked mode, on the schedule of these buckets.
    Masked {
        /// Prompt bucket P.
        prompt_bucket: u32,
        /// Output bucket T.
        output_bucket: u32,
        /// Prefill chunk C.
        chunk: u32,
    },
    /// Generate in direct mode, on the schedule of these buckets. Evaluation keys follow.
    Direct {
        /// The seeds of the session's masks.
        seeds: DirectSeeds,
        /// Prompt bucket P.
        prompt_bucket: u32,
        /// Output bucket T.
        output_bucket: u32,
        /// Prefill chunk C.
        chunk: u32,
    },
    /// Generate in masked mode at first, in direct mode for the rest. Evaluation keys follow.
    Mixed {
        /// The seeds of the session's masks.
        seeds: DirectSeeds,
        /// Prompt bucket P.
        prompt_bucket: u32,
        /// Output bucket T.
        output_bucket: u32,
        /// Prefill chunk C.
        chunk: u32,
        /// Products that are masked: the schedule's first.
        masked: u32,
    },
    /// Fetch correlations through direct mode's products of the masks. Evaluation keys follow, then
    /// this many units. Such a session is not resumed.
    PrepareDirect {
        /// The seeds of the session's masks.
        seeds: DirectSeeds,
        /// Number of units.
        units: u32,
    },
}

/// The public seeds of a session in direct mode.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub struct DirectSeeds {
    /// Of the masks of its ciphertexts.
    pub ciphertexts: [u8; SEED_BYTES],
    /// Of the masks of its evaluation keys.
    pub keys: [u8; SEED_BYTES],
}

/// The host accepts a session.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub struct Welcome {
    /// The model that the host serves.
    pub digest: ModelDigest,
}

/// Keys that a unit may have, at most.
pub const MAX_KEYS: usize = 16;

/// A unit begins: one group, one or several keys of its own, N tokens for each.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub struct UnitOpen {
    /// The group whose matrix the masks are for.
    pub group: u32,
    /// Where the mask polynomials come from.
    pub seed: MaskSeed,
    /// What the host sends its rows modulo.
    pub rows: RowForm,
    /// Keys, from 1 to [`MAX_KEYS`].
    pub keys: u8,
}

/// The public seed of a unit's mask polynomials.
///
/// ```
/// use kernel::wire::{MaskSeed, RowForm, UnitOpen, decode_body, encode_body};
///
/// let open = UnitOpen { group: 9, seed: MaskSeed::Model, rows: RowForm::Full, keys: 2 };
/// let mut payload = [0; 64];
/// let length = encode_body(&open, &mut payload)?;
/// assert_eq!(payload[..length], [9, 1, 0, 2]);
/// assert_eq!(decode_body(&payload[..length]), Ok(open));
/// # Ok::<(), kernel::wire::WireError>(())
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub enum MaskSeed {
    /// The unit's own.
    Unit([u8; SEED_BYTES]),
    /// The [model's](crate::stream::PublicSeed::of_model), of the session's parameter set.
    Model,
}

/// A fault that both sides can see.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize, Deserialize, thiserror::Error)]
#[error("the host refused: {code}")]
pub struct Fault {
    /// Which.
    pub code: FaultCode,
}

/// Why a host closes a session.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize, Deserialize, thiserror::Error)]
#[non_exhaustive]
pub enum FaultCode {
    /// A frame broke the protocol.
    #[error("a frame broke the protocol")]
    Protocol,
    /// The host serves another model.
    #[error("it serves another model (the digests of the weights differ)")]
    Model,
    /// The request is beyond the host's limits.
    #[error("the request is beyond its limits")]
    Limits,
    /// The host has no room for another session now.
    #[error("it is busy; try again later")]
    Busy,
    /// A deadline has passed.
    #[error("a deadline has passed")]
    Deadline,
    /// The host is shutting down.
    #[error("it is shutting down")]
    Shutdown,
    /// The host failed.
    #[error("it failed internally")]
    Internal,
    /// The host does not speak in the clear with this peer.
    #[error("it wants a secured link: give the key that it shows when it starts (--host-key)")]
    Link,
}

/// Bytes of a block's prefix.
pub const BLOCK_PREFIX_BYTES: usize = 8;

/// The prefix of a payload of residues: two little-endian words.
///
/// (group, tokens) for products, (first body, count) for bodies, (first row, count) for rows,
/// (first result, count) behind the first block of a direct product's reply.
///
/// ```
/// use kernel::wire::{Block, WireError};
///
/// let block = Block { index: 258, count: 1 };
/// assert_eq!(block.encode(), [2, 1, 0, 0, 1, 0, 0, 0]);
/// assert_eq!(Block::split(&[2, 1, 0, 0, 1, 0, 0, 0, 99]), Ok((block, &[99][..])));
/// assert_eq!(Block::split(&[0; 7]), Err(WireError::Length));
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Block {
    /// Group, first body, first row or first result.
    pub index: u32,
    /// Tokens, bodies, rows or results.
    pub count: u32,
}

impl Block {
    /// The prefix's bytes.
    #[must_use]
    pub fn encode(&self) -> [u8; BLOCK_PREFIX_BYTES] {
        let mut out = [0; BLOCK_PREFIX_BYTES];
        out[..4].copy_from_slice(&self.index.to_le_bytes());
        out[4..].copy_from_slice(&self.count.to_le_bytes());
        out
    }

    /// Splits a payload into its prefix and its residues.
    ///
    /// # Errors
    /// [`WireError::Length`].
    pub fn split(payload: &[u8]) -> Result<(Self, &[u8]), WireError> {
        let (prefix, rest) =
            payload.split_first_chunk::<BLOCK_PREFIX_BYTES>().ok_or(WireError::Length)?;
        let [a, b, c, d, e, f, g, h] = *prefix;
        let block = Self {
            index: u32::from_le_bytes([a, b, c, d]),
            count: u32::from_le_bytes([e, f, g, h]),
        };
        Ok((block, rest))
    }
}

/// Encodes a small body into `out` and returns its length: at most 127 bytes for those of this
/// module.
///
/// ```
/// use kernel::wire::{Fault, FaultCode, WireError, encode_body};
///
/// let mut out = [0; 8];
/// assert_eq!(encode_body(&Fault { code: FaultCode::Busy }, &mut out), Ok(1));
/// assert_eq!(encode_body(&Fault { code: FaultCode::Busy }, &mut []), Err(WireError::Length));
/// ```
///
/// # Errors
/// [`WireError::Length`] if `out` is too short.
pub fn encode_body<B: Serialize>(body: &B, out: &mut [u8]) -> Result<usize, WireError> {
    postcard::to_slice(body, out).map(|used| used.len()).map_err(|_| WireError::Length)
}

/// Decodes a small body that fills `payload` exactly.
///
/// ```
/// use kernel::wire::{Fault, FaultCode, WireError, decode_body};
///
/// assert_eq!(decode_body(&[3]), Ok(Fault { code: FaultCode::Busy }));
/// assert_eq!(decode_body::<Fault>(&[3, 0]), Err(WireError::Body));
/// ```
///
/// # Errors
/// [`WireError::Body`].
pub fn decode_body<B: DeserializeOwned>(payload: &[u8]) -> Result<B, WireError> {
    match postcard::take_from_bytes(payload) {
        Ok((body, [])) => Ok(body),
        _ => Err(WireError::Body),
    }
}
