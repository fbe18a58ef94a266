//! TCP to a host, that gives up on one that has fallen silent. Parts of frames pass through buffers, so that
//! small ones do not travel alone.

use embedded_io_adapters::tokio_1::FromTokio;
use embedded_io_async::{ErrorType, Read, Write};
use std::io;
use std::time::Duration;
use tokio::io::BufStream;
use tokio::net::TcpStream;
use tokio::time::timeout;

/// Time for a connection to be made.
const CONNECT: Duration = Duration::from_secs(10);

/// Bytes that wait in either direction.
const BUFFER: usize = 64 << 10;

/// A connection on which every wait ends: one that takes longer counts as a broken link.
pub(crate) struct Link {
    stream: FromTokio<BufStream<TcpStream>>,
    patience: Duration,
}

impl Link {
    /// Connects to `host`.
    pub(crate) async fn connect(host: &str, patience: Duration) -> io::Result<Self> {
        let stream = within(CONNECT, TcpStream::connect(host)).await?;
        stream.set_nodelay(true)?;
        let stream = BufStream::with_capacity(BUFFER, BUFFER, stream);
        Ok(Self { stream: FromTokio::new(stream), patience })
    }
}

async fn within<T>(patience: Duration, work: impl Future<Output = io::Result<T>>) -> io::Result<T> {
    timeout(patience, work).await.unwrap_or_else(|_| {
        let text = format!("no answer within {} s", patience.as_secs());
        Err(io::Error::new(io::ErrorKind::TimedOut, text))
    })
}

impl ErrorType for Link {
    type Error = io::Error;
}

impl Read for Link {
    async fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        within(self.patience, self.stream.read(out)).await
    }
}

impl Write for Link {
    async fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        within(self.patience, self.stream.write(bytes)).await
    }

    async fn flush(&mut self) -> io::Result<()> {
        within(self.patience, self.stream.flush()).await
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
            let mut link = Link::connect(&address, Duration::from_millis(10)).await.unwrap();
            link.write_all(b"anybody there?").await.unwrap();
            link.flush().await.unwrap();
            let error = link.read(&mut [0]).await.unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::TimedOut);
            assert!(error.to_string().starts_with("no answer within "), "{error}");
        });
    }
}
