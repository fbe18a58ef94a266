//! The wire: frames over any ordered byte stream.
//!
//! A frame is a 32-byte little-endian [`Header`] and a payload of at most 1 MiB. Small bodies are
//! postcard; bulk residues are [packed](pack_residues), each limb in a run of its own. Every
//! length is checked before a byte is used or allocated.
//!
//! A frame out, and in:
//!
//! ```
//! use kernel::params::ParameterId;
//! use kernel::prime::PrimeId;
//! use kernel::wire::{
//!     Block, FrameType, HEADER_BYTES, Header, SessionId, pack_residues, packed_len,
//!     unpack_residues,
//! };
//!
//! // Three coordinates of c for group 8, one row.
//! let c = [1, 2, 4_000_000_000];
//! let block = Block { index: 8, count: 1 };
//! let mut payload = block.encode().to_vec();
//! payload.resize(payload.len() + packed_len(PrimeId::T, c.len()), 0);
//! pack_residues(PrimeId::T, &c, &mut payload[8..])?;
//! let (session, set) = (SessionId([9; 16]), ParameterId::Masked256x16);
//! let length = payload.len() as u32;
//! let header = Header { frame: FrameType::Product, set, session, sequence: 1, length };
//! let frame = [&header.encode()[..], &payload].concat();
//!
//! // The receiver knows which frame is due.
//! let (header, payload) = frame.split_first_chunk::<HEADER_BYTES>().ok_or("too short")?;
//! let header = Header::decode(header)?;
//! header.expect((session, set), FrameType::Product, 1)?;
//! assert_eq!(header.length as usize, payload.len());
//! let (found, packed) = Block::split(payload)?;
//! assert_eq!(found, block);
//! let mut words = [0; 3];
//! unpack_residues(PrimeId::T, packed, &mut words)?;
//! assert_eq!(words, c);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod bits;
mod header;
mod message;
mod reply;
mod residues;
mod rows;
#[cfg(test)]
mod tests;

pub use bits::{
    BitReader, direct_payloads, pack_bits, pack_bits_part, pack_body, packed_bits_len,
    result_bytes, unpack_bits, unpack_body,
};
pub use header::{FrameType, HEADER_BYTES, Header, MAX_PAYLOAD, SessionId, VERSION};
pub use message::{
    BLOCK_PREFIX_BYTES, Block, DirectSeeds, Fault, FaultCode, Hello, MAX_KEYS, MaskSeed, Purpose,
    UnitOpen, Welcome, decode_body, encode_body,
};
pub use reply::{REPLY_PREFIX_BYTES, ReplyFrames};
pub use residues::{body_bytes, pack_residues, packed_len, unpack_residues};
pub use rows::{RowForm, RowPart, RowShape};

/// A frame that breaks the protocol. All of it is visible to the peer: no secret is involved.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum WireError {
    /// The bytes are not a subrosa frame.
    #[error("not a subrosa frame: something else is at the other end")]
    Magic,
    /// Another version of the protocol.
    #[error("protocol version {0} is not supported (this build speaks version {VERSION})")]
    Version(u8),
    /// A frame type, parameter set or flag that is not known.
    #[error("unknown frame type, parameter set or flag")]
    Unknown,
    /// A payload that is longer than the limit, or not as long as its contents.
    #[error("frame length is wrong")]
    Length,
    /// A frame that is known but does not belong here.
    #[error("frame out of order")]
    Order,
    /// A frame of another session.
    #[error("frame of another session")]
    Session,
    /// A residue at or above its modulus.
    #[error("residue at or above its modulus")]
    Residue,
    /// The host welcomes with the digest of another model.
    #[error("the host serves another model")]
    Model,
    /// A body that does not decode.
    #[error("malformed frame body")]
    Body,
}
