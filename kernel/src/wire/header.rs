use super::WireError;
use crate::params::ParameterId;

/// Bytes of a header.
pub const HEADER_BYTES: usize = 32;
/// Largest payload.
pub const MAX_PAYLOAD: usize = 1 << 20;
/// Version of the protocol.
pub const VERSION: u8 = 1;
const MAGIC: [u8; 4] = *b"SbRo";

/// A session, drawn at random by the device; used for one session and its resumptions.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Hash)]
pub struct SessionId(pub [u8; 16]);

/// What a frame carries; the discriminant is the type's number on the wire.
///
/// | number | frame | from | payload |
/// |---|---|---|---|
/// | 1 | `Hello` | device | [`Hello`](super::Hello) |
/// | 2 | `Welcome` | host | [`Welcome`](super::Welcome) |
/// | 3 | `Product` | device | [`Block`](super::Block), residues mod t |
/// | 4 | `ProductReply` | host | [`Block`](super::Block), residues mod t |
/// | 5 | `UnitOpen` | device | [`UnitOpen`](super::UnitOpen) |
/// | 6 | `UnitBodies` | device | [`Block`](super::Block), bodies |
/// | 7 | `UnitRows` | host | [`Block`](super::Block), ciphertexts |
/// | 8 | `Bye` | device | none |
/// | 9 | `Fault` | host | [`Fault`](super::Fault) |
/// | 10 | `EvaluationKey` | device | [`Block`](super::Block), one packed body |
#[derive(Clone, Copy, Debug, Eq, PartialEq, Hash)]
#[repr(u8)]
#[non_exhaustive]
pub enum FrameType {
    /// Device: opens or resumes a session. Body: [`Hello`](super::Hello).
    Hello = 1,
    /// Host: the session is open. Body: [`Welcome`](super::Welcome).
    Welcome = 2,
    /// Device: a product, or a unit of a preparation in direct mode. A [`Block`](super::Block) of
    /// (group, tokens), then residues mod t in masked mode, packed bodies in direct mode.
    Product = 3,
    /// Host: its answer. The same block, then residues mod t, or the results of direct mode.
    ProductReply = 4,
    /// Device: a unit begins. Body: [`UnitOpen`](super::UnitOpen).
    UnitOpen = 5,
    /// Device: bodies of seeded ciphertexts. A block of (first coordinate, count).
    UnitBodies = 6,
    /// Host: result ciphertexts. A block of (first row, count).
    UnitRows = 7,
    /// Device: the session ends. No body.
    Bye = 8,
    /// Host: a fault that both sides can see. Body: [`Fault`](super::Fault).
    Fault = 9,
    /// Device: a ciphertext of an evaluation key. A block of (exponent of the automorphism, element).
    EvaluationKey = 10,
}

impl FrameType {
    const fn from_code(code: u8) -> Option<Self> {
        Some(match code {
            1 => Self::Hello,
            2 => Self::Welcome,
            3 => Self::Product,
            4 => Self::ProductReply,
            5 => Self::UnitOpen,
            6 => Self::UnitBodies,
            7 => Self::UnitRows,
            8 => Self::Bye,
            9 => Self::Fault,
            10 => Self::EvaluationKey,
            _ => return None,
        })
    }
}

/// The header of a frame.
///
/// | byte | 0..4 | 4 | 5 | 6 | 7 | 8..24 | 24..28 | 28..32 |
/// |---|---|---|---|---|---|---|---|---|
/// | | magic `SbRo` | version | type | parameter set | flags, zero | session | sequence | length |
///
/// The version is [`VERSION`], the type a [`FrameType`], the parameter set a [`ParameterId`].
/// Sequence and length are little-endian.
///
/// ```
/// use kernel::params::ParameterId;
/// use kernel::wire::{FrameType, Header, SessionId, WireError};
///
/// let header = Header {
///     frame: FrameType::Bye,
///     set: ParameterId::Masked256x16,
///     session: SessionId([9; 16]),
///     sequence: 3,
///     length: 0,
/// };
/// let mut bytes = header.encode();
/// assert_eq!(Header::decode(&bytes), Ok(header));
/// bytes[4] = 2;
/// assert_eq!(Header::decode(&bytes), Err(WireError::Version(2)));
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Header {
    /// What the frame carries.
    pub frame: FrameType,
    /// The parameter set of the session.
    pub set: ParameterId,
    /// The session.
    pub session: SessionId,
    /// The frame's number in its direction, from 0.
    pub sequence: u32,
    /// Bytes of payload that follow.
    pub length: u32,
}

impl Header {
    /// The header's bytes.
    #[must_use]
    pub fn encode(&self) -> [u8; HEADER_BYTES] {
        let mut out = [0; HEADER_BYTES];
        out[..4].copy_from_slice(&MAGIC);
        out[4] = VERSION;
        out[5] = self.frame as u8;
        out[6] = self.set as u8;
        out[8..24].copy_from_slice(&self.session.0);
        out[24..28].copy_from_slice(&self.sequence.to_le_bytes());
        out[28..].copy_from_slice(&self.length.to_le_bytes());
        out
    }

    /// Checks that this is the frame that is due: of this session and set, this type and this
    /// number.
    ///
    /// # Errors
    /// [`WireError::Session`] before [`WireError::Order`].
    pub fn expect(
        &self,
        (session, set): (SessionId, ParameterId),
        frame: FrameType,
        sequence: u32,
    ) -> Result<(), WireError> {
        if self.session != session || self.set != set {
            return Err(WireError::Session);
        }
        if self.frame != frame || self.sequence != sequence {
            return Err(WireError::Order);
        }
        Ok(())
    }

    /// Reads a header.
    ///
    /// # Errors
    /// For anything that this version does not write, the first of: [`WireError::Magic`],
    /// [`WireError::Version`], [`WireError::Unknown`] (type, parameter set or flags),
    /// [`WireError::Length`] (above [`MAX_PAYLOAD`]).
    pub fn decode(bytes: &[u8; HEADER_BYTES]) -> Result<Self, WireError> {
        let word = |at: usize| {
            u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
        };
        if bytes[..4] != MAGIC {
            return Err(WireError::Magic);
        }
        if bytes[4] != VERSION {
            return Err(WireError::Version(bytes[4]));
        }
        let (Some(frame), Some(set), 0) =
            (FrameType::from_code(bytes[5]), ParameterId::from_wire(bytes[6]), bytes[7])
        else {
            return Err(WireError::Unknown);
        };
        let mut session = SessionId([0; 16]);
        session.0.copy_from_slice(&bytes[8..24]);
        let length = word(28);
        if length as usize > MAX_PAYLOAD {
            return Err(WireError::Length);
        }
        Ok(Self { frame, set, session, sequence: word(24), length })
    }
}
