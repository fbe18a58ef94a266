//! Records, sans I/O: what is written is gathered, sealed and kept until it has left; what comes is kept
//! until a record is whole, and opened.
//!
//! A record is the length of what follows (two bytes, little-endian), then 1 to [`PLAIN_BYTES`] bytes of
//! plaintext, sealed, and their tag. A record ends when it is full, or when its writer flushes; so its
//! length says nothing that lengths and moments of the frames do not.

mod incoming;
mod outgoing;
#[cfg(test)]
mod tests;

pub use incoming::Incoming;
pub use outgoing::Outgoing;

use crate::noise::TAG_BYTES;

/// Bytes of plaintext in a record, at most.
pub const PLAIN_BYTES: usize = 2048;
/// Bytes of a record's length.
pub const LENGTH_BYTES: usize = 2;
/// Bytes of a record, at most.
pub const RECORD_BYTES: usize = LENGTH_BYTES + PLAIN_BYTES + TAG_BYTES;

/// Why a record could not be sealed or opened.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum RecordError {
    /// It was forged, changed, left out, replayed or out of order.
    #[error("a record was changed on its way")]
    Changed,
    /// The stream ended within it.
    #[error("the link ended within a record")]
    Truncated,
    /// The link has carried as many records as its keys may protect.
    #[error("the link's keys are used up")]
    Exhausted,
}
