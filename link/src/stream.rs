use crate::error::LinkError;
use crate::keys::{PublicKey, SecretKey};
use crate::noise::{Directions, Initiator, PREAMBLE, REPLY_BYTES, REQUEST_BYTES, Responder};
use crate::record::{Incoming, Outgoing, RecordError};
use embedded_io_async::{ErrorType, Read, ReadExactError, Write};
use kernel::stream::Entropy;

/// A link over a stream: what is written to it leaves in sealed records, and what is read from it has
/// passed their checks.
///
/// Its two buffers are the caller's: for what comes at least [`Incoming::LEAST_BYTES`] (2,066), for what leaves
/// at least [`Outgoing::LEAST_BYTES`] (82), and as much as a record for a good use of the line. Both are erased
/// when it is dropped, keys as well. What is written leaves when a buffer is full or at a flush.
///
/// Reads, writes and flushes may be dropped half-way and tried again: nothing is lost. Where the stream ends
/// between two records the link ends, as any stream does; frames tell whether all has come.
pub struct NoiseStream<Io, B: AsMut<[u8]>> {
    io: Io,
    incoming: Incoming<B>,
    outgoing: Outgoing<B>,
    failed: bool,
}

impl<Io, B: AsMut<[u8]>> core::fmt::Debug for NoiseStream<Io, B> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("NoiseStream").field("failed", &self.failed).finish_non_exhaustive()
    }
}

impl<Io: Read + Write, B: AsMut<[u8]>> NoiseStream<Io, B> {
    /// The device's side: a handshake with the owner of `host`, and nobody else.
    ///
    /// # Errors
    /// [`LinkError`]; [`LinkError::Refused`] or [`LinkError::Handshake`] from anybody else.
    pub async fn connect<N: Entropy>(
        mut io: Io,
        own: &SecretKey,
        host: &PublicKey,
        entropy: &mut N,
        incoming: B,
        outgoing: B,
    ) -> Result<Self, LinkError<Io::Error>> {
        let ephemeral = SecretKey::random(entropy).map_err(|_| LinkError::Entropy)?;
        let (initiator, request) = Initiator::begin(own, host, &ephemeral)?;
        // In one piece: as a packet of its own the preamble would wait for nothing.
        let mut opening = [0; PREAMBLE.len() + REQUEST_BYTES];
        opening[..PREAMBLE.len()].copy_from_slice(&PREAMBLE);
        opening[PREAMBLE.len()..].copy_from_slice(&request);
        io.write_all(&opening).await.map_err(LinkError::Io)?;
        io.flush().await.map_err(LinkError::Io)?;
        let mut reply = [0; REPLY_BYTES];
        read_exact(&mut io, &mut reply).await?;
        Self::new(io, initiator.finish(&reply)?, incoming, outgoing)
    }

    /// The host's side: a handshake with a device that `admits` its key. To any other nothing is said.
    ///
    /// It reads [`PREAMBLE`] and [`REQUEST_BYTES`], and writes once; what it takes is the same for every
    /// device: five products on the curve, one for somebody who does not know the host's key.
    ///
    /// # Errors
    /// [`LinkError`].
    pub async fn accept<N: Entropy>(
        mut io: Io,
        own: &SecretKey,
        admits: impl FnOnce(&PublicKey) -> bool,
        entropy: &mut N,
        incoming: B,
        outgoing: B,
    ) -> Result<Self, LinkError<Io::Error>> {
        let mut preamble = [0; PREAMBLE.len()];
        read_exact(&mut io, &mut preamble).await?;
        if preamble != PREAMBLE {
            return Err(LinkError::Preamble);
        }
        let mut request = [0; REQUEST_BYTES];
        read_exact(&mut io, &mut request).await?;
        let ephemeral = SecretKey::random(entropy).map_err(|_| LinkError::Entropy)?;
        let responder = Responder::receive(own, &ephemeral, &request)?;
        if !admits(&responder.device()) {
            return Err(LinkError::NotAdmitted);
        }
        let (keys, reply) = responder.finish()?;
        io.write_all(&reply).await.map_err(LinkError::Io)?;
        io.flush().await.map_err(LinkError::Io)?;
        Self::new(io, keys, incoming, outgoing)
    }

    fn new(
        io: Io,
        keys: Directions,
        incoming: B,
        outgoing: B,
    ) -> Result<Self, LinkError<Io::Error>> {
        let incoming = Incoming::new(incoming, keys.inwards).ok_or(LinkError::Buffer)?;
        let outgoing = Outgoing::new(outgoing, keys.out).ok_or(LinkError::Buffer)?;
        Ok(Self { io, incoming, outgoing, failed: false })
    }

    /// The stream below.
    pub const fn io(&self) -> &Io {
        &self.io
    }

    /// The stream below, to be closed: what is written to it by others breaks the link.
    pub const fn io_mut(&mut self) -> &mut Io {
        &mut self.io
    }

    /// Takes note of a failure, after which nothing is sent or received any more.
    fn sound<T>(&mut self, done: Result<T, RecordError>) -> Result<T, LinkError<Io::Error>> {
        self.failed |= done.is_err();
        Ok(done?)
    }

    const fn check(&self) -> Result<(), LinkError<Io::Error>> {
        if self.failed { Err(LinkError::Failed) } else { Ok(()) }
    }

    /// Sends what is sealed.
    async fn drain(&mut self) -> Result<(), LinkError<Io::Error>> {
        while !self.outgoing.waiting().is_empty() {
            let count = self.io.write(self.outgoing.waiting()).await.map_err(LinkError::Io)?;
            if count == 0 {
                return Err(LinkError::Failed);
            }
            self.outgoing.left(count);
        }
        Ok(())
    }
}

async fn read_exact<Io: Read>(io: &mut Io, out: &mut [u8]) -> Result<(), LinkError<Io::Error>> {
    io.read_exact(out).await.map_err(|error| match error {
        ReadExactError::UnexpectedEof => LinkError::Refused,
        ReadExactError::Other(error) => LinkError::Io(error),
    })
}

impl<Io: ErrorType, B: AsMut<[u8]>> ErrorType for NoiseStream<Io, B> {
    type Error = LinkError<Io::Error>;
}

impl<Io: Read + Write, B: AsMut<[u8]>> Read for NoiseStream<Io, B> {
    async fn read(&mut self, out: &mut [u8]) -> Result<usize, Self::Error> {
        self.check()?;
        loop {
            let opened = self.incoming.open();
            if out.is_empty() || self.sound(opened)? {
                return Ok(self.incoming.take(out));
            }
            let count = self.io.read(self.incoming.room()).await.map_err(LinkError::Io)?;
            let came = self.incoming.came(count);
            self.sound(came)?;
            if count == 0 {
                return Ok(0);
            }
        }
    }
}

impl<Io: Read + Write, B: AsMut<[u8]>> Write for NoiseStream<Io, B> {
    async fn write(&mut self, bytes: &[u8]) -> Result<usize, Self::Error> {
        self.check()?;
        loop {
            let gathered = self.outgoing.gather(bytes);
            let count = self.sound(gathered)?;
            if count > 0 || bytes.is_empty() {
                return Ok(count);
            }
            self.drain().await?;
        }
    }

    async fn flush(&mut self) -> Result<(), Self::Error> {
        self.check()?;
        let sealed = self.outgoing.seal();
        self.sound(sealed)?;
        self.drain().await?;
        self.io.flush().await.map_err(LinkError::Io)
    }
}
