//! A peer's stream, in the clear or over a link.

use embedded_io_adapters::tokio_1::FromTokio;
use embedded_io_async::{Read as _, ReadExactError, Write as _};
use link::{LinkError, NoiseStream};
use std::io;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// A peer's stream. Reads may be dropped half-way; nothing is lost.
pub(super) enum Stream {
    Plain(TcpStream),
    Noise(Box<NoiseStream<FromTokio<TcpStream>, Box<[u8]>>>),
    #[cfg(feature = "tls")]
    Tls(tokio_openssl::SslStream<TcpStream>),
}

impl Stream {
    /// How it is secured, for the log.
    pub(super) const fn kind(&self) -> &'static str {
        match self {
            Self::Plain(_) => "plain",
            Self::Noise(_) => "noise",
            #[cfg(feature = "tls")]
            Self::Tls(_) => "tls",
        }
    }

    /// The connection below.
    pub(super) fn tcp(&self) -> &TcpStream {
        match self {
            Self::Plain(tcp) => tcp,
            Self::Noise(link) => link.io().inner(),
            #[cfg(feature = "tls")]
            Self::Tls(link) => link.get_ref(),
        }
    }

    pub(super) async fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Plain(tcp) => tcp.read(out).await,
            Self::Noise(link) => link.read(out).await.map_err(broken),
            #[cfg(feature = "tls")]
            Self::Tls(link) => link.read(out).await,
        }
    }

    pub(super) async fn read_exact(&mut self, out: &mut [u8]) -> io::Result<()> {
        match self {
            Self::Plain(tcp) => tcp.read_exact(out).await.map(|_| ()),
            Self::Noise(link) => link.read_exact(out).await.map_err(|error| match error {
                ReadExactError::UnexpectedEof => io::ErrorKind::UnexpectedEof.into(),
                ReadExactError::Other(error) => broken(error),
            }),
            #[cfg(feature = "tls")]
            Self::Tls(link) => link.read_exact(out).await.map(|_| ()),
        }
    }

    /// Writes a whole frame, and sends it.
    pub(super) async fn send(&mut self, frame: &[u8]) -> io::Result<()> {
        match self {
            Self::Plain(tcp) => tcp.write_all(frame).await,
            Self::Noise(link) => {
                link.write_all(frame).await.map_err(broken)?;
                link.flush().await.map_err(broken)
            }
            #[cfg(feature = "tls")]
            Self::Tls(link) => link.write_all(frame).await,
        }
    }

    /// Says that no more will be sent.
    pub(super) async fn shutdown(&mut self) -> io::Result<()> {
        match self {
            Self::Plain(tcp) => tcp.shutdown().await,
            Self::Noise(link) => link.io_mut().inner_mut().shutdown().await,
            #[cfg(feature = "tls")]
            Self::Tls(link) => link.shutdown().await,
        }
    }
}

fn broken(error: LinkError<io::Error>) -> io::Error {
    match error {
        LinkError::Io(error) => error,
        error => {
            tracing::warn!(%error, "a link is broken");
            io::Error::other(error)
        }
    }
}
