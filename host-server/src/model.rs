//! Checkpoints in, bundles out.
//!
//! A [`Checkpoint`] is a folder as Hugging Face publishes it. Two separate commands read it:
//! [`convert_host`] writes the int8 rows that the host multiplies with, [`convert_device`] what
//! the device needs to drive the host and to catch it cheating. Both make one pass of
//! [`for_each_row`], so both carry the same [`ModelDigest`](kernel::bundle::ModelDigest) where
//! they were made from the same weights.
//!
//! Whoever publishes a checkpoint or a bundle is not trusted: every length is checked before it
//! is used, malformed input is an error that names the file and what is wrong, never a panic.

pub mod checkpoint;
mod device_bundle;
mod error;
mod host_bundle;
#[expect(unsafe_code, reason = "memory maps; the only unsafe code of the crate")]
mod mapped;
mod rotary;
mod rows;
mod staging;
mod synthetic;
mod tokens;

pub use checkpoint::{Checkpoint, CheckpointError};
pub use device_bundle::{DEVICE_BUNDLE, DeviceSummary, convert_device};
pub use error::ConvertError;
pub use host_bundle::{
    GroupEntry, GroupRows, HostBundle, HostBundleError, HostManifest, convert_host,
};
pub use mapped::MappedFile;
pub use rotary::rotary_frequencies;
pub use rows::{Row, RowsSummary, for_each_row};
pub use synthetic::{synthetic_device, synthetic_host};
pub use tokens::{TokenTableError, token_table};
