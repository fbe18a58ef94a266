use crate::error::LinkError;
use crate::stream::NoiseStream;
use embedded_io_async::{ErrorType, Read, Write};

/// A connection to a host, in the clear or secured: what is done over it is the same.
#[derive(Debug)]
pub enum Link<Io, B: AsMut<[u8]>> {
    /// In the clear.
    Plain(Io),
    /// Sealed records.
    Noise(NoiseStream<Io, B>),
}

impl<Io: ErrorType, B: AsMut<[u8]>> ErrorType for Link<Io, B> {
    type Error = LinkError<Io::Error>;
}

impl<Io: Read + Write, B: AsMut<[u8]>> Read for Link<Io, B> {
    async fn read(&mut self, out: &mut [u8]) -> Result<usize, Self::Error> {
        match self {
            Self::Plain(io) => io.read(out).await.map_err(LinkError::Io),
            Self::Noise(link) => link.read(out).await,
        }
    }
}

impl<Io: Read + Write, B: AsMut<[u8]>> Write for Link<Io, B> {
    async fn write(&mut self, bytes: &[u8]) -> Result<usize, Self::Error> {
        match self {
            Self::Plain(io) => io.write(bytes).await.map_err(LinkError::Io),
            Self::Noise(link) => link.write(bytes).await,
        }
    }

    async fn flush(&mut self) -> Result<(), Self::Error> {
        match self {
            Self::Plain(io) => io.flush().await.map_err(LinkError::Io),
            Self::Noise(link) => link.flush().await,
        }
    }
}
