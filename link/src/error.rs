use crate::noise::HandshakeError;
use crate::record::RecordError;
use embedded_io_async::{Error, ErrorKind};

/// Why a link failed, over a stream that fails with `E`.
///
/// After any of these but [`Io`](Self::Io) the link is of no more use.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum LinkError<E> {
    /// The stream below failed.
    #[error("{0}")]
    Io(E),
    /// The peer closed in the middle of the handshake. A host says no more to a device that does not
    /// know its key, or that it does not admit.
    #[error(
        "the peer closed the connection in the handshake: it has another key than the one expected, or \
         does not admit this one's"
    )]
    Refused,
    /// A message of the handshake is not what the owner of the expected key would have made.
    #[error(transparent)]
    Handshake(#[from] HandshakeError),
    /// The peer's first bytes announce something else than this handshake.
    #[error("the peer does not begin with this version's handshake")]
    Preamble,
    /// The device is not one of those that the host admits.
    #[error("this device's key is not admitted")]
    NotAdmitted,
    /// A record could not be sealed or opened.
    #[error(transparent)]
    Record(#[from] RecordError),
    /// The link has failed before, or the stream below takes nothing.
    #[error("the link has failed")]
    Failed,
    /// No randomness could be had.
    #[error("no randomness for the handshake")]
    Entropy,
    /// A buffer is too small for a record.
    #[error("a buffer of the link is too small")]
    Buffer,
}

impl<E: Error> Error for LinkError<E> {
    fn kind(&self) -> ErrorKind {
        match self {
            Self::Io(error) => error.kind(),
            Self::Refused => ErrorKind::ConnectionRefused,
            Self::NotAdmitted => ErrorKind::PermissionDenied,
            Self::Handshake(_) | Self::Preamble => ErrorKind::InvalidData,
            Self::Record(RecordError::Exhausted) | Self::Entropy => ErrorKind::Other,
            Self::Record(RecordError::Truncated) | Self::Failed => ErrorKind::ConnectionAborted,
            Self::Record(RecordError::Changed) => ErrorKind::InvalidData,
            Self::Buffer => ErrorKind::InvalidInput,
        }
    }
}
