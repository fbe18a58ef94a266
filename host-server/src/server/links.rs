//! How peers may speak to a server, and the streams that come of it.

use super::stream::Stream;
use core::fmt;
use core::net::IpAddr;
use embedded_io_adapters::tokio_1::FromTokio;
use kernel::stream::Entropy;
use link::noise::PREAMBLE;
use link::record::RECORD_BYTES;
use link::{LinkError, NoiseStream, PublicKey, SecretKey};
use std::io;
use tokio::net::TcpStream;

/// Bytes of each of a link's two buffers: eight records pass at a time.
const BUFFER_BYTES: usize = 8 * RECORD_BYTES;

/// The first byte of TLS: the type of a record of the handshake.
#[cfg(feature = "tls")]
const TLS_HANDSHAKE: u8 = 0x16;

/// Who may speak in the clear.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Plain {
    /// Nobody.
    Nobody,
    /// Peers on this machine.
    #[default]
    Loopback,
    /// Everybody.
    Anybody,
}

impl Plain {
    /// Whether a peer at this address may.
    #[must_use]
    pub fn admits(self, peer: IpAddr) -> bool {
        match self {
            Self::Nobody => false,
            Self::Loopback => peer.to_canonical().is_loopback(),
            Self::Anybody => true,
        }
    }
}

/// The host's side of Noise.
#[derive(Debug)]
pub struct Noise {
    /// The key that devices know the host by.
    pub key: SecretKey,
    /// The keys of the devices that are admitted; without a list all are.
    pub devices: Option<Vec<PublicKey>>,
}

/// How peers may speak to a server. Without more, peers on this machine may speak in the clear.
#[derive(Debug, Default)]
pub struct Links {
    plain: Plain,
    noise: Option<Noise>,
    #[cfg(feature = "tls")]
    tls: Option<super::Tls>,
}

/// The system's randomness.
struct System;

impl Entropy for System {
    type Error = getrandom::Error;

    fn fill(&mut self, out: &mut [u8]) -> Result<(), Self::Error> {
        getrandom::fill(out)
    }
}

/// A peer got no link. It is told nothing.
#[derive(Debug)]
pub(super) struct Stranger(LinkError<io::Error>);

impl fmt::Display for Stranger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            LinkError::Refused => f.write_str("the peer closed in the handshake"),
            LinkError::Handshake(_) => {
                f.write_str("the handshake failed: the device expects another key")
            }
            error => error.fmt(f),
        }
    }
}

impl Links {
    /// In the clear with those who may, and over Noise where the host has a key.
    #[must_use]
    pub fn new(plain: Plain, noise: Option<Noise>) -> Self {
        Self {
            plain,
            noise,
            #[cfg(feature = "tls")]
            tls: None,
        }
    }

    /// And over TLS, with the key that the host shares with its devices.
    #[cfg(feature = "tls")]
    #[must_use]
    pub fn with_tls(self, tls: super::Tls) -> Self {
        Self { tls: Some(tls), ..self }
    }

    /// The stream of a peer, after the handshake that its first byte announces: a fixed number of bytes
    /// and of products on the curve, whoever it is. It ends when the peer closes; its caller bounds its time.
    pub(super) async fn open(&self, tcp: TcpStream) -> Result<Stream, Stranger> {
        let mut first = [0];
        let broken = |error| Stranger(LinkError::Io(error));
        let count = tcp.peek(&mut first).await.map_err(broken)?;
        #[cfg(feature = "tls")]
        if let Some(tls) = &self.tls
            && count > 0
            && first[0] == TLS_HANDSHAKE
        {
            return tls.accept(tcp).await.map(Stream::Tls).map_err(broken);
        }
        match &self.noise {
            Some(noise) if count > 0 && first[0] == PREAMBLE[0] => {
                let io = FromTokio::new(tcp);
                let admits = |device: &PublicKey| {
                    let known = noise.devices.as_ref().is_none_or(|all| all.contains(device));
                    tracing::debug!(%device, known, "a device begins a link");
                    known
                };
                let buffer = || vec![0; BUFFER_BYTES].into_boxed_slice();
                NoiseStream::accept(io, &noise.key, admits, &mut System, buffer(), buffer())
                    .await
                    .map(|link| Stream::Noise(Box::new(link)))
                    .map_err(Stranger)
            }
            _ => Ok(Stream::Plain(tcp)),
        }
    }

    /// Whether a peer at this address may speak over this stream.
    pub(super) fn admit(&self, stream: &Stream, peer: IpAddr) -> bool {
        !matches!(stream, Stream::Plain(_)) || self.plain.admits(peer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_may_speak_in_the_clear() {
        let admits = |address: &str| {
            let address = address.parse().unwrap_or(IpAddr::from([0; 4]));
            [Plain::Nobody, Plain::Loopback, Plain::Anybody].map(|plain| plain.admits(address))
        };
        for near in ["127.0.0.1", "127.8.9.1", "::1", "::ffff:127.0.0.1"] {
            assert_eq!(admits(near), [false, true, true], "{near}");
        }
        for far in ["10.0.0.1", "0.0.0.0", "2001:db8::1", "::ffff:10.0.0.1", "fe80::1"] {
            assert_eq!(admits(far), [false, false, true], "{far}");
        }
    }
}
