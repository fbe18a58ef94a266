use super::{CheckpointError, TokenTableError};
use kernel::quant::BoundError;
use std::io;
use std::path::{Path, PathBuf};

/// Why a conversion failed. An earlier bundle is as it was, unless it was one of the last renames
/// that failed: then there is no bundle, never half of one.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConvertError {
    /// The checkpoint cannot be read or is not supported.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// A group's matrix is too heavy for an exact result.
    #[error("group {group} ({name}): {error}")]
    Bound {
        /// Number of the group.
        group: u32,
        /// Its name, such as `layers.3.mlp_out`.
        name: String,
        /// What cannot be promised.
        error: BoundError,
    },
    /// The output folder holds something else, which is left alone.
    #[error("{}: holds `{found}` and is no {wanted} of an earlier conversion; name a new or empty folder", path.display())]
    Occupied {
        /// The output folder.
        path: PathBuf,
        /// Something that it holds.
        found: String,
        /// What would have been replaced.
        wanted: &'static str,
    },
    /// Reading or writing failed.
    #[error("{}: {error}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        error: io::Error,
    },
    /// The tokenizer cannot be turned into a table of texts.
    #[error("{}: {error}", path.display())]
    Tokens {
        /// The tokenizer's file.
        path: PathBuf,
        /// What is wrong with it.
        error: TokenTableError,
    },
    /// There was no randomness for the check vectors.
    #[error("no randomness for the check vectors: {0}")]
    Entropy(String),
    /// The device bundle could not be encoded, or does not read back.
    #[error("{}: {problem}", path.display())]
    DeviceBundle {
        /// The bundle's file.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
}

impl ConvertError {
    /// Wraps an I/O error with the path that it is about.
    pub(super) fn io(path: &Path) -> impl FnOnce(io::Error) -> Self + '_ {
        |error| Self::Io { path: path.to_owned(), error }
    }
}
