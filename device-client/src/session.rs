//! What the sessions of all modes have in common, sans I/O: quantised activations in, frames out;
//! frames in, products out.

use crate::decoder::Request;
use crate::store::StoreError;
use kernel::check::Poison;
use kernel::params::ParameterId;
use kernel::wire::{FrameType, HEADER_BYTES, Header, SessionId, WireError};

/// Largest prefill chunk.
pub const MAX_CHUNK: usize = 64;

/// Why a session ended early. Everything here is visible to the host, or happens before it starts.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum SessionError {
    /// The chunk is above [`MAX_CHUNK`] or its products do not fit a frame.
    #[error("the prefill chunk does not fit a frame")]
    Chunk,
    /// The caller's memory is too small, or a request is not the schedule's next.
    #[error("the session was used out of order")]
    Order,
    /// The host broke the protocol, visibly.
    #[error(transparent)]
    Wire(#[from] WireError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What a finished session has to report.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Verdict {
    /// Linear checks made, one for each row of each product.
    pub checks: u32,
    /// Checks that failed. If any did, no output of the session may be used.
    pub failed: u32,
}

/// The device's side of a session.
///
/// Nothing that leaves depends on a decryption: the lengths and the order are the schedule's, and a
/// failed check only sets a flag that turns later products into zeros.
pub trait Session {
    /// Writes the frame that opens the session, or resumes it, and returns its length.
    ///
    /// # Errors
    /// [`WireError::Length`] if `frame` is too short.
    fn hello(&self, frame: &mut [u8]) -> Result<usize, SessionError>;

    /// Takes in the frame that opens the session.
    ///
    /// # Errors
    /// A [`WireError`], [`WireError::Model`] among them, or as the store fails.
    fn welcome(&mut self, header: &Header, payload: &[u8]) -> Result<(), SessionError>;

    /// Writes frame `index` of those that follow the welcome on every link, the same each time, and
    /// returns its length; `None` after the last.
    ///
    /// # Errors
    /// [`WireError::Length`] if `frame` is too short.
    fn opening(&mut self, index: u32, frame: &mut [u8]) -> Result<Option<usize>, SessionError>;

    /// Writes a request into a frame and returns the frame's length. The frame is kept by the
    /// caller until it is answered: after a broken link the same bytes are sent again.
    ///
    /// # Errors
    /// [`SessionError::Order`] if another request is under way or sizes do not fit.
    fn request(&mut self, request: &Request<'_>, frame: &mut [u8]) -> Result<usize, SessionError>;

    /// Takes in and checks the host's answer: `y`, `tokens x m`.
    ///
    /// *Security*: straight-line after the visible checks. If this or an earlier product is
    /// wrong, `y` is zero, and nothing else changes.
    ///
    /// # Errors
    /// Only for what the host can see by itself: length, order, a residue not below its modulus.
    fn response(
        &mut self,
        header: &Header,
        payload: &[u8],
        y: &mut [i32],
    ) -> Result<(), SessionError>;

    /// The flag of failed checks: what is shown to the user may depend on it, what is sent never.
    fn poison(&self) -> &Poison;

    /// Writes the frame that ends the session, whatever happened in it.
    ///
    /// # Errors
    /// [`WireError::Length`] if `frame` is too short.
    fn bye(&self, frame: &mut [u8]) -> Result<usize, SessionError>;

    /// Ends the session; its working memory is erased.
    fn finish(self) -> Verdict;
}

/// Writes a frame around a payload of `length` bytes that is in place already.
pub(crate) fn seal_frame(
    frame: &mut [u8],
    kind: FrameType,
    (session, set): (SessionId, ParameterId),
    sequence: u32,
    length: usize,
) -> Result<usize, WireError> {
    let header = Header { frame: kind, set, session, sequence, length: length as u32 };
    let whole = HEADER_BYTES + length;
    let frame = frame.get_mut(..whole).ok_or(WireError::Length)?;
    frame[..HEADER_BYTES].copy_from_slice(&header.encode());
    Ok(whole)
}

/// The part of a frame that is its payload.
pub(crate) fn payload_of(frame: &mut [u8]) -> Result<&mut [u8], WireError> {
    frame.get_mut(HEADER_BYTES..).ok_or(WireError::Length)
}
