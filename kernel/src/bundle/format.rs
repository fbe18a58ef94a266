use super::ModelDigest;
use crate::model::{ModelConfig, ModelError};
use crate::quant::BoundError;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

pub(super) const MAGIC: [u8; 8] = *b"subrosaD";
pub(super) const VERSION: u32 = 1;
pub(super) const HEADER_BYTES: usize = 64;
pub(super) const ENTRY_BYTES: usize = 32;
pub(super) const ALIGNMENT: usize = 64;
/// Offset of the digest in the header.
pub(super) const DIGEST_AT: usize = 32;

/// SHA-256 of a file less its digest.
pub(super) fn contents_digest(file: &[u8]) -> [u8; 32] {
    let mut hash = Sha256::new();
    hash.update(&file[..DIGEST_AT]);
    hash.update(&file[HEADER_BYTES..]);
    hash.finalize().into()
}

/// What a section holds. Each kind appears exactly once, but for [`Self::RowBiases`].
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[repr(u32)]
pub enum SectionKind {
    /// [`DeviceManifest`], in postcard.
    Manifest = 1,
    /// f32: per layer the attention norm and the feed-forward norm; then the final norm.
    Norms = 2,
    /// Token embeddings, `vocab x hidden`, as f32, f16 or bf16.
    Embeddings = 3,
    /// `vocab + 1` offsets (u32), then the bytes of all tokens.
    TokenTable = 4,
    /// f32: the scale of every row of every group.
    RowScales = 5,
    /// u64: per group the largest squared norm and the largest absolute sum of its rows.
    Bounds = 6,
    /// f32: `head_dim / 2` rotary frequencies, radians per position; then, where it is not 1, the
    /// factor of all cosines and sines.
    RotaryFrequencies = 7,
    /// u32: tokens that end a text.
    StopTokens = 8,
    /// The 32-byte seed of the check vectors u. Secret.
    CheckSeed = 9,
    /// u32: per group, for each repetition, v = u^T W mod t. Secret.
    CheckVectors = 10,
    /// f32: the bias of every row of every group but the head, which has none. The section is
    /// absent where the model has no biases.
    RowBiases = 11,
}

impl SectionKind {
    /// All kinds, in file order.
    pub const ALL: [Self; 11] = [
        Self::Manifest,
        Self::Norms,
        Self::Embeddings,
        Self::TokenTable,
        Self::RowScales,
        Self::Bounds,
        Self::RotaryFrequencies,
        Self::StopTokens,
        Self::CheckSeed,
        Self::CheckVectors,
        Self::RowBiases,
    ];
}

/// How a section's elements are stored.
///
/// ```
/// assert_eq!(kernel::bundle::ElementType::Bf16.bytes(), 2);
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[repr(u32)]
pub enum ElementType {
    /// Bytes.
    U8 = 0,
    /// 32-bit unsigned.
    U32 = 1,
    /// 64-bit unsigned.
    U64 = 2,
    /// IEEE binary32.
    F32 = 3,
    /// IEEE binary16.
    F16 = 4,
    /// The high half of a binary32.
    Bf16 = 5,
}

impl ElementType {
    /// Bytes of one element.
    #[must_use]
    pub const fn bytes(self) -> usize {
        match self {
            Self::U8 => 1,
            Self::F16 | Self::Bf16 => 2,
            Self::U32 | Self::F32 => 4,
            Self::U64 => 8,
        }
    }

    pub(super) const fn from_code(code: u32) -> Option<Self> {
        Some(match code {
            0 => Self::U8,
            1 => Self::U32,
            2 => Self::U64,
            3 => Self::F32,
            4 => Self::F16,
            5 => Self::Bf16,
            _ => return None,
        })
    }
}

/// The small facts of a device bundle.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct DeviceManifest {
    /// The model's shape.
    pub config: ModelConfig,
    /// Digest of the int8 rows that the host must hold.
    pub digest: ModelDigest,
    /// The token that begins a text, if the model has one.
    pub bos: Option<u32>,
}

/// Why a device bundle was refused.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum BundleError {
    /// The file is shorter or longer than its header says, or too short for a header.
    #[error("the device bundle is truncated or has trailing bytes")]
    Length,
    /// The magic is not that of a device bundle.
    #[error("not a subrosa device bundle")]
    Magic,
    /// Another version of the format.
    #[error("device bundle version {0} is not supported (this build reads version 1)")]
    Version(u32),
    /// The contents do not have the digest of the header.
    #[error("the device bundle is damaged: its contents do not match its digest")]
    Damaged,
    /// A section is missing, repeated, misplaced, or has the wrong type or length.
    #[error("section {0:?} of the device bundle is missing or malformed")]
    Section(SectionKind),
    /// A section of a kind that this build does not know. To pass over it might run another model
    /// than the one that was converted.
    #[error("the device bundle has a section of unknown kind {0}")]
    UnknownSection(u32),
    /// The bytes are not aligned for reading in place, or the machine is big-endian.
    #[error(
        "the device bundle cannot be read in place here: not aligned to 8 bytes, or big-endian"
    )]
    NotInPlace,
    /// The model's shape is not supported.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// A group's matrix is too heavy for an exact result.
    #[error("group {group}: {error}")]
    Bound {
        /// Number of the group.
        group: u32,
        /// What cannot be promised.
        error: BoundError,
    },
}
