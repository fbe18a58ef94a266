//! The way to a host: TCP that gives up on one that has fallen silent, and Noise over it where its key is
//! known. Parts of frames pass through buffers, so that small ones do not travel alone.

use crate::cli::LinkOptions;
use crate::distrust::Host;
use crate::entropy::SystemEntropy;
use crate::keys;
use anyhow::Result;
use embedded_io_adapters::tokio_1::FromTokio;
use embedded_io_async::{ErrorType, Read, Write};
use link::record::RECORD_BYTES;
use link::{LinkError, NoiseStream, PublicKey, SecretKey};
use std::io;
use std::time::Duration;
use tokio::io::BufStream;
use tokio::net::TcpStream;
use tokio::time::timeout;

/// Time for a connection to be made, and again for its handshake.
const CONNECT: Duration = Duration::from_secs(10);
/// Bytes of each of a secured link's two buffers: so many records pass at a time.
const BUFFER_BYTES: usize = 32 * RECORD_BYTES;

/// Bytes that wait in either direction.
const BUFFER: usize = 64 << 10;

/// How a host is spoken to.
#[derive(Debug)]
pub(crate) enum Security {
    /// In the clear.
    Plain,
    /// Noise, as the owner of a key, with the owner of another.
    Noise { own: SecretKey, host: PublicKey },
}

impl Security {
    /// What the user has asked for. Where no key of the device is there yet, one is made.
    pub(crate) fn new(options: &LinkOptions) -> Result<Self> {
        let Some(host) = options.host_key else { return Ok(Self::Plain) };
        let own = keys::read_or_make(options.device_key.as_deref(), "device-key")?;
        tracing::info!("this device is known to the host as {}", own.public());
        Ok(Self::Noise { own, host })
    }
}

/// A connection on which every wait ends: one that takes longer counts as a broken link.
pub(crate) struct Patient {
    stream: FromTokio<BufStream<TcpStream>>,
    patience: Duration,
}

async fn within<T>(patience: Duration, work: impl Future<Output = io::Result<T>>) -> io::Result<T> {
    timeout(patience, work).await.unwrap_or_else(|_| Err(silent(patience)))
}

fn silent(patience: Duration) -> io::Error {
    let text = format!("no answer within {} s", patience.as_secs());
    io::Error::new(io::ErrorKind::TimedOut, text)
}

impl ErrorType for Patient {
    type Error = io::Error;
}

impl Read for Patient {
    async fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        within(self.patience, self.stream.read(out)).await
    }
}

impl Write for Patient {
    async fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        within(self.patience, self.stream.write(bytes)).await
    }

    async fn flush(&mut self) -> io::Result<()> {
        within(self.patience, self.stream.flush()).await
    }
}

/// A connection to a host, in the clear or secured.
pub(crate) type Link = link::Link<Patient, Box<[u8]>>;

/// Connects to `host`, as it is to be spoken to.
pub(crate) async fn connect(host: &Host, patience: Duration) -> Result<Link, LinkError<io::Error>> {
    let connecting = within(CONNECT, TcpStream::connect(host.address()));
    let stream = connecting.await.map_err(LinkError::Io)?;
    stream.set_nodelay(true).map_err(LinkError::Io)?;
    let stream = BufStream::with_capacity(BUFFER, BUFFER, stream);
    let stream = Patient { stream: FromTokio::new(stream), patience };
    match host.security() {
        Security::Plain => Ok(Link::Plain(stream)),
        Security::Noise { own, host } => {
            let buffer = || vec![0; BUFFER_BYTES].into_boxed_slice();
            let entropy = &mut SystemEntropy;
            let shaking = NoiseStream::connect(stream, own, host, entropy, buffer(), buffer());
            let link = timeout(CONNECT, shaking).await;
            Ok(Link::Noise(link.unwrap_or_else(|_| Err(LinkError::Io(silent(CONNECT))))?))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_that_falls_silent_is_a_broken_link() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
            let address = silent.local_addr().unwrap().to_string();
            let patience = Duration::from_millis(10);
            let host = Host::new(&*address, Security::Plain);
            let mut link = connect(&host, patience).await.unwrap();
            link.write_all(b"anybody there?").await.unwrap();
            link.flush().await.unwrap();
            let LinkError::Io(error) = link.read(&mut [0]).await.unwrap_err() else { panic!() };
            assert_eq!(error.kind(), io::ErrorKind::TimedOut);
            assert!(error.to_string().starts_with("no answer within "), "{error}");

            // In a handshake as well.
            let own = SecretKey::from_bytes([1; 32]);
            let security = Security::Noise { host: own.public(), own };
            let linked = connect(&Host::new(address, security), patience).await;
            let Err(LinkError::Io(error)) = linked else { panic!() };
            assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        });
    }
}
