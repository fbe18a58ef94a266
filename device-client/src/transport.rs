//! Frames over any ordered byte stream that speaks `embedded-io-async`.

use embedded_io_async::{Read, ReadExactError, Write};
use kernel::wire::{Fault, FaultCode, FrameType, HEADER_BYTES, Header, WireError, decode_body};

/// Why a frame could not be sent or received.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum TransportError<E> {
    /// The stream failed.
    #[error("the link to the host failed: {0}")]
    Link(E),
    /// The stream ended in the middle of a frame or where a frame was due.
    #[error("the host closed the connection")]
    Closed,
    /// The frame broke the protocol.
    #[error("the host broke the protocol: {0}")]
    Wire(#[from] WireError),
    /// The host said why it closes.
    #[error(transparent)]
    Fault(#[from] Fault),
}

impl<E> TransportError<E> {
    /// Whether the same bytes may be sent again over a new link.
    #[must_use]
    pub const fn is_broken_link(&self) -> bool {
        matches!(self, Self::Link(_) | Self::Closed)
    }

    /// Whether a session that has begun may be resumed over a new link: as for a broken one, or the
    /// host has said that it cannot serve now.
    #[must_use]
    pub const fn is_passing(&self) -> bool {
        use FaultCode::{Busy, Deadline, Shutdown};
        matches!(self, Self::Fault(Fault { code: Busy | Deadline | Shutdown }))
            || self.is_broken_link()
    }
}

/// A stream, and the bytes that have passed through it.
#[derive(Debug)]
pub struct Transport<Io> {
    io: Io,
    /// Bytes sent, headers included.
    pub bytes_up: u64,
    /// Bytes received, headers included.
    pub bytes_down: u64,
}

impl<Io: Read + Write> Transport<Io> {
    /// Wraps a connected stream.
    pub const fn new(io: Io) -> Self {
        Self { io, bytes_up: 0, bytes_down: 0 }
    }

    /// Sends a whole frame and flushes it.
    ///
    /// # Errors
    /// [`TransportError::Link`].
    pub async fn send(&mut self, frame: &[u8]) -> Result<(), TransportError<Io::Error>> {
        self.io.write_all(frame).await.map_err(TransportError::Link)?;
        self.io.flush().await.map_err(TransportError::Link)?;
        self.bytes_up += frame.len() as u64;
        Ok(())
    }

    /// Receives a frame into `payload`, and returns its header and its part of `payload`.
    /// A fault frame becomes an error.
    ///
    /// # Errors
    /// [`TransportError`]; a payload that is longer than `payload` is a [`WireError::Length`].
    pub async fn receive<'p>(
        &mut self,
        payload: &'p mut [u8],
    ) -> Result<(Header, &'p [u8]), TransportError<Io::Error>> {
        let mut header = [0; HEADER_BYTES];
        self.read(&mut header).await?;
        let header = Header::decode(&header)?;
        let payload = payload.get_mut(..header.length as usize).ok_or(WireError::Length)?;
        self.read(payload).await?;
        if header.frame == FrameType::Fault {
            return Err(decode_body::<Fault>(payload)?.into());
        }
        Ok((header, payload))
    }

    async fn read(&mut self, out: &mut [u8]) -> Result<(), TransportError<Io::Error>> {
        self.io.read_exact(out).await.map_err(|error| match error {
            ReadExactError::UnexpectedEof => TransportError::Closed,
            ReadExactError::Other(error) => TransportError::Link(error),
        })?;
        self.bytes_down += out.len() as u64;
        Ok(())
    }
}

/// How a device reaches its host, and reaches it again.
#[expect(async_fn_in_trait, reason = "drivers run on one executor; no Send bound is wanted")]
pub trait Connector {
    /// The stream.
    type Io: Read + Write;

    /// Opens a stream to the host.
    ///
    /// # Errors
    /// As the network fails.
    async fn connect(
        &mut self,
    ) -> Result<Self::Io, <Self::Io as embedded_io_async::ErrorType>::Error>;

    /// Hears that a frame of the host's answer is there, before anything is done with it. The host knows
    /// the moment of the last: the next deadline may depend on it.
    fn answered(&mut self) {}

    /// Waits for the public deadline at which the next request leaves.
    ///
    /// Where the platform has a clock, requests leave at moments that follow from the host's own
    /// answers, so that the time of the float half, which may depend on secrets, does not show.
    /// Without one, it does.
    async fn departure(&mut self) {}

    /// Waits for the fixed pause before another attempt; `false` when no attempt is left.
    ///
    /// The pause and the number of attempts are constants: they do not depend on the text, on a
    /// failed check or on the user.
    async fn retry(&mut self) -> bool;
}
