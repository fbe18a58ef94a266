//! Frames over any ordered byte stream that speaks `embedded-io-async`.

#[cfg(test)]
mod tests;

use embedded_io_async::{Read, ReadExactError, Write};
use kernel::wire::{Fault, FaultCode, FrameType, HEADER_BYTES, Header, WireError, decode_body};

/// Bytes of a fault's body, at most: far more than it has.
const FAULT_BYTES: usize = 64;

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
///
/// Frames pass whole, or in parts where there is no memory for a whole one: a header, then pieces of the
/// payload of any length.
#[derive(Debug)]
pub struct Transport<Io> {
    io: Io,
    /// Bytes of the payload under way in that have not been read.
    left: usize,
    /// Bytes sent, headers included.
    pub bytes_up: u64,
    /// Bytes received, headers included.
    pub bytes_down: u64,
}

impl<Io: Read + Write> Transport<Io> {
    /// Wraps a connected stream.
    pub const fn new(io: Io) -> Self {
        Self { io, left: 0, bytes_up: 0, bytes_down: 0 }
    }

    /// Sends a whole frame and flushes it.
    ///
    /// # Errors
    /// [`TransportError::Link`].
    pub async fn send(&mut self, frame: &[u8]) -> Result<(), TransportError<Io::Error>> {
        self.send_part(frame).await?;
        self.flush().await
    }

    /// Sends a part of a frame: the header first, and in all as many bytes of payload as it says. What
    /// has not been [flushed](Self::flush) may wait.
    ///
    /// # Errors
    /// [`TransportError::Link`].
    pub async fn send_part(&mut self, part: &[u8]) -> Result<(), TransportError<Io::Error>> {
        self.io.write_all(part).await.map_err(TransportError::Link)?;
        self.bytes_up += part.len() as u64;
        Ok(())
    }

    /// Sends what waits.
    ///
    /// # Errors
    /// [`TransportError::Link`].
    pub async fn flush(&mut self) -> Result<(), TransportError<Io::Error>> {
        self.io.flush().await.map_err(TransportError::Link)
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
        let header = self.receive_header().await?;
        let payload = payload.get_mut(..header.length as usize).ok_or(WireError::Length)?;
        self.receive_part(payload).await?;
        Ok((header, payload))
    }

    /// Receives the header of a frame, whose payload follows [in parts](Self::receive_part). A fault
    /// frame becomes an error.
    ///
    /// # Errors
    /// [`TransportError`]; [`WireError::Length`] if payload of the last frame has not been read.
    pub async fn receive_header(&mut self) -> Result<Header, TransportError<Io::Error>> {
        if self.left != 0 {
            return Err(WireError::Length.into());
        }
        let mut header = [0; HEADER_BYTES];
        self.read(&mut header).await?;
        let header = Header::decode(&header)?;
        self.left = header.length as usize;
        if header.frame == FrameType::Fault {
            let mut body = [0; FAULT_BYTES];
            let body = body.get_mut(..self.left).ok_or(WireError::Length)?;
            self.receive_part(body).await?;
            return Err(decode_body::<Fault>(body)?.into());
        }
        Ok(header)
    }

    /// Fills `part` with the next bytes of the payload.
    ///
    /// # Errors
    /// [`TransportError`]; [`WireError::Length`] if the payload has fewer, with nothing read.
    pub async fn receive_part(&mut self, part: &mut [u8]) -> Result<(), TransportError<Io::Error>> {
        let left = self.left.checked_sub(part.len()).ok_or(WireError::Length)?;
        self.read(part).await?;
        self.left = left;
        Ok(())
    }

    /// Bytes of the payload that have not been read.
    pub const fn payload_left(&self) -> usize {
        self.left
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

    /// Hears that a frame of the host's answer is there, before anything is done with its last part. The
    /// host knows the moment of the last: the next deadline may depend on it.
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
