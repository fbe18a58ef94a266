//! The device bundle: one file that a device reads in place, from flash or from a mapped file.
//!
//! A 64-byte header, a table of 32-byte entries, then sections at multiples of 64 bytes, all
//! little-endian:
//!
//! | header | bytes | | entry | bytes |
//! |---|---|---|---|---|
//! | magic `subrosaD` | 8 | | kind | 4 |
//! | version (1) | 4 | | element type | 4 |
//! | number of sections | 4 | | offset in the file | 8 |
//! | length of the file | 8 | | length in bytes | 8 |
//! | reserved, zero | 8 | | reserved, zero | 8 |
//! | SHA-256 of all but itself | 32 | | | |
//!
//! The bundle holds the seed of the check vectors and their products with the weights. Both are
//! secret: whoever knows them can lie to the device unnoticed. [`DeviceBundle`] has an example.

mod device;
mod format;
mod sections;
#[cfg(test)]
mod tests;
#[cfg(feature = "alloc")]
mod writer;

pub use device::{DeviceBundle, Embeddings};
pub use format::{BundleError, DeviceManifest, ElementType, SectionKind};
#[cfg(feature = "alloc")]
pub use writer::{DeviceParts, write_device};

use serde::{Deserialize, Serialize};

/// Independent check vectors for each group; two give an error of at most 2^-63.9 a check.
pub const CHECK_REPETITIONS: usize = 2;

/// SHA-256 over the unpadded int8 rows of all groups in manifest order.
///
/// Both bundles carry it; a session opens only where they agree. It covers the weights alone: not
/// the shape, which the rows do not show, and not what the device has for itself.
///
/// ```
/// use kernel::bundle::ModelDigest;
/// use sha2::{Digest, Sha256};
///
/// let rows: [[i8; 2]; 2] = [[1, -2], [3, 4]];
/// let mut hash = Sha256::new();
/// rows.iter().for_each(|row| hash.update(row.map(|weight| weight as u8)));
/// let digest = ModelDigest(hash.finalize().into());
/// assert!(digest.to_string().starts_with("5f50070c"));
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq, Hash, Serialize, Deserialize)]
pub struct ModelDigest(pub [u8; 32]);

impl core::fmt::Display for ModelDigest {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}
