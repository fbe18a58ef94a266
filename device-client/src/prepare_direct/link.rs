use crate::prepare::{PrepareError, PrepareEvent};
use crate::transport::{Transport, TransportError};
use crate::unit::UnitError;
use embedded_io_async::{Read, Write};
use kernel::params::ParameterId;
use kernel::stream::Entropy;
use kernel::wire::{FrameType, HEADER_BYTES, Header, SessionId, WireError};

/// A transport with its session and the numbers of the next frames, which pass in parts.
pub(super) struct Link<Io> {
    transport: Transport<Io>,
    id: SessionId,
    set: ParameterId,
    sent: u32,
}

impl<Io: Read + Write> Link<Io> {
    /// A link for a new session.
    pub(super) fn new(
        io: Io,
        set: ParameterId,
        entropy: &mut impl Entropy,
    ) -> Result<Self, PrepareError<Io::Error>> {
        let mut id = SessionId([0; 16]);
        entropy.fill(&mut id.0).map_err(|_| PrepareError::Entropy)?;
        Ok(Self { transport: Transport::new(io), id, set, sent: 0 })
    }

    /// The bytes since the last event.
    pub(super) const fn event(&mut self) -> PrepareEvent {
        let transport = &mut self.transport;
        let (up, down) = (transport.bytes_up, transport.bytes_down);
        (transport.bytes_up, transport.bytes_down) = (0, 0);
        PrepareEvent::Bytes { up, down }
    }

    /// Sends a frame of `bytes` of payload, which `make` writes part by part, from the place that it is
    /// told on, into `part`.
    pub(super) async fn send(
        &mut self,
        kind: FrameType,
        bytes: usize,
        part: &mut [u8],
        mut make: impl FnMut(usize, &mut [u8]) -> Result<(), UnitError>,
    ) -> Result<(), PrepareError<Io::Error>> {
        let header = Header {
            frame: kind,
            set: self.set,
            session: self.id,
            sequence: self.sent,
            length: bytes as u32,
        };
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
        self.transport.flush().await?;
        self.sent += 1;
        Ok(())
    }

    /// Receives the header of a frame of this type and number, and returns the bytes of its payload.
    pub(super) async fn receive(
        &mut self,
        kind: FrameType,
        number: u32,
    ) -> Result<usize, PrepareError<Io::Error>> {
        let header = self.transport.receive_header().await?;
        header.expect((self.id, self.set), kind, number)?;
        Ok(header.length as usize)
    }

    /// Receives the next part of its payload, as long as fits `part`; none behind the last.
    pub(super) async fn receive_part<'p>(
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
