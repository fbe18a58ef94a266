use super::{PrepareError, PrepareEvent, payload};
use crate::transport::{Transport, TransportError};
use crate::unit::UnitError;
use embedded_io_async::{Read, Write};
use kernel::params::ParameterId;
use kernel::stream::Entropy;
use kernel::wire::{FrameType, HEADER_BYTES, Header, SessionId, WireError};

/// A transport with its session and the numbers of the next frames, which pass whole or in parts.
pub(crate) struct Link<Io> {
    pub(crate) transport: Transport<Io>,
    id: SessionId,
    set: ParameterId,
    sent: u32,
    received: u32,
}

impl<Io: Read + Write> Link<Io> {
    /// A link for a new session.
    pub(crate) fn new(
        io: Io,
        set: ParameterId,
        entropy: &mut impl Entropy,
    ) -> Result<Self, PrepareError<Io::Error>> {
        let mut id = SessionId([0; 16]);
        entropy.fill(&mut id.0).map_err(|_| PrepareError::Entropy)?;
        Ok(Self { transport: Transport::new(io), id, set, sent: 0, received: 0 })
    }

    /// The bytes since the last event.
    pub(crate) const fn event(&mut self) -> PrepareEvent {
        let transport = &mut self.transport;
        let (up, down) = (transport.bytes_up, transport.bytes_down);
        (transport.bytes_up, transport.bytes_down) = (0, 0);
        PrepareEvent::Bytes { up, down }
    }

    /// The header of the next frame that is sent.
    const fn next_header(&mut self, frame: FrameType, length: usize) -> Header {
        let (set, session, sequence) = (self.set, self.id, self.sent);
        self.sent += 1;
        Header { frame, set, session, sequence, length: length as u32 }
    }

    /// Sends `frame`, whose payload of `length` bytes is in place.
    pub(crate) async fn send(
        &mut self,
        kind: FrameType,
        frame: &mut [u8],
        length: usize,
    ) -> Result<(), TransportError<Io::Error>> {
        self.begin(kind, frame, length, length).await?;
        self.transport.flush().await
    }

    /// Sends the header of a frame with a payload of `length` bytes, and the first `given` of them, which
    /// are in place in `frame`; the others follow in parts.
    pub(crate) async fn begin(
        &mut self,
        kind: FrameType,
        frame: &mut [u8],
        given: usize,
        length: usize,
    ) -> Result<(), TransportError<Io::Error>> {
        frame[..HEADER_BYTES].copy_from_slice(&self.next_header(kind, length).encode());
        self.transport.send_part(&frame[..HEADER_BYTES + given]).await
    }

    pub(crate) async fn receive<'p>(
        &mut self,
        kind: FrameType,
        frame: &'p mut [u8],
    ) -> Result<&'p [u8], TransportError<Io::Error>> {
        let (header, payload) = self.transport.receive(payload(frame)?).await?;
        header.expect((self.id, self.set), kind, self.received)?;
        self.received += 1;
        Ok(payload)
    }

    /// Receives the header of a frame, whose payload follows in parts, and returns its length.
    pub(crate) async fn receive_header(
        &mut self,
        kind: FrameType,
    ) -> Result<usize, TransportError<Io::Error>> {
        let length = self.expect_header(kind, self.received).await?;
        self.received += 1;
        Ok(length)
    }

    /// Sends a frame of `bytes` of payload, which `make` writes part by part, from the place that it is
    /// told on, into `part`.
    pub(crate) async fn send_made(
        &mut self,
        kind: FrameType,
        bytes: usize,
        part: &mut [u8],
        mut make: impl FnMut(usize, &mut [u8]) -> Result<(), UnitError>,
    ) -> Result<(), PrepareError<Io::Error>> {
        let header = self.next_header(kind, bytes);
        // The header goes with the first part.
        let head = part.first_chunk_mut::<HEADER_BYTES>().ok_or(WireError::Length)?;
        *head = header.encode();
        let (mut place, mut first) = (HEADER_BYTES, 0);
        loop {
            let length = (part.len() - place).min(bytes - first);
            make(first, &mut part[place..][..length])?;
            self.transport.send_part(&part[..place + length]).await?;
            first += length;
            if first == bytes {
                break;
            }
            place = 0;
        }
        Ok(self.transport.flush().await?)
    }

    /// Receives the header of a frame of this type and number, and returns the bytes of its payload.
    pub(crate) async fn expect_header(
        &mut self,
        kind: FrameType,
        number: u32,
    ) -> Result<usize, TransportError<Io::Error>> {
        let header = self.transport.receive_header().await?;
        header.expect((self.id, self.set), kind, number)?;
        Ok(header.length as usize)
    }

    /// Receives the next part of its payload, as long as fits `part`; none behind the last.
    pub(crate) async fn receive_part<'p>(
        &mut self,
        part: &'p mut [u8],
    ) -> Result<Option<&'p [u8]>, TransportError<Io::Error>> {
        let length = part.len().min(self.transport.payload_left());
        if length == 0 {
            return Ok(None);
        }
        let part = &mut part[..length];
        self.transport.receive_part(part).await?;
        Ok(Some(part))
    }
}
