//! TLS 1.3 with a key that both sides share (PSK), for a host that speaks nothing else: the device's side.
//!
//! The handshake is `psk_dhe_ke` with P-256 and AES-128-GCM. The key enters the first secret of the schedule, so
//! nobody without it can finish a handshake, whatever it sends; there is no mode with certificates, and none is
//! looked at.
//!
//! Use [Noise](crate::noise) where you can. The crate `embedded-tls` below does not erase its keys, and a host
//! that has the key can make it panic (with a message of the handshake after the handshake): that stops a
//! device, which any host can, and tells it nothing.

use crate::keys::KEY_BYTES;
use chacha20::ChaCha20;
use chacha20::cipher::{KeyIvInit, StreamCipher};
use embedded_io_async::{Error, ErrorKind, ErrorType, Read, Write};
use embedded_tls::{
    Aes128GcmSha256, CryptoProvider, CryptoRng, CryptoRngCore, MaxFragmentLength, TlsConfig,
    TlsConnection, TlsContext, TlsError,
};
use kernel::stream::Entropy;
use rand_core_06::RngCore;
use zeroize::Zeroize;

/// Bytes of the buffer for what comes: the host is asked for records of 2048 bytes at most.
pub const INCOMING_BYTES: usize = 4096;
/// Bytes of the smallest buffer for what leaves: the first message fits.
pub const OUTGOING_BYTES: usize = 1024;

/// A key that a device shares with a host. Erased when dropped.
pub struct SharedKey([u8; KEY_BYTES]);

impl Drop for SharedKey {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl core::fmt::Debug for SharedKey {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("SharedKey")
    }
}

impl SharedKey {
    /// Takes over 32 uniformly random secret bytes.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; KEY_BYTES]) -> Self {
        Self(bytes)
    }

    /// The bytes, for the other side of a link.
    #[must_use]
    pub const fn expose(&self) -> &[u8; KEY_BYTES] {
        &self.0
    }
}

/// Why a link over TLS failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TlsLinkError {
    /// No randomness could be had.
    #[error("no randomness for the handshake")]
    Entropy,
    /// A buffer is too small.
    #[error("a buffer of the link is too small")]
    Buffer,
    /// The handshake or a record failed: the peer has another key, or something was changed on its way.
    #[error("TLS failed: {0}")]
    Tls(TlsError),
}

impl Error for TlsLinkError {
    fn kind(&self) -> ErrorKind {
        match self {
            Self::Entropy => ErrorKind::Other,
            Self::Buffer => ErrorKind::InvalidInput,
            Self::Tls(TlsError::Io(kind)) => *kind,
            Self::Tls(_) => ErrorKind::InvalidData,
        }
    }
}

/// Randomness for one handshake, from a seed that the source of entropy gave.
struct Rng(ChaCha20);

impl CryptoRng for Rng {}

impl RngCore for Rng {
    fn next_u32(&mut self) -> u32 {
        rand_core_06::impls::next_u32_via_fill(self)
    }

    fn next_u64(&mut self) -> u64 {
        rand_core_06::impls::next_u64_via_fill(self)
    }

    fn fill_bytes(&mut self, out: &mut [u8]) {
        out.fill(0);
        self.0.apply_keystream(out);
    }

    fn try_fill_bytes(&mut self, out: &mut [u8]) -> Result<(), rand_core_06::Error> {
        self.fill_bytes(out);
        Ok(())
    }
}

/// Randomness, and no certificates: neither a verifier nor a signer.
struct Provider(Rng);

impl CryptoProvider for Provider {
    type CipherSuite = Aes128GcmSha256;
    type Signature = [u8; 0];

    fn rng(&mut self) -> impl CryptoRngCore {
        &mut self.0
    }
}

/// A link over TLS. It ends where the host says so; where the stream below ends before, it fails.
///
/// A read, write or flush that is dropped half-way breaks it.
pub struct TlsStream<'b, Io: Read + Write + 'b> {
    connection: TlsConnection<'b, Io, Aes128GcmSha256>,
}

impl<Io: Read + Write> core::fmt::Debug for TlsStream<'_, Io> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("TlsStream")
    }
}

impl<'b, Io: Read + Write> TlsStream<'b, Io> {
    /// A handshake with a host that has `key` under the name `identity`, in buffers of at least
    /// [`INCOMING_BYTES`] and [`OUTGOING_BYTES`].
    ///
    /// # Errors
    /// [`TlsLinkError`]; [`TlsLinkError::Tls`] from anybody else.
    pub async fn connect<N: Entropy>(
        io: Io,
        (identity, key): (&[u8], &SharedKey),
        entropy: &mut N,
        incoming: &'b mut [u8],
        outgoing: &'b mut [u8],
    ) -> Result<Self, TlsLinkError> {
        if incoming.len() < INCOMING_BYTES || outgoing.len() < OUTGOING_BYTES {
            return Err(TlsLinkError::Buffer);
        }
        let mut seed = [0; KEY_BYTES];
        let drawn = entropy.fill(&mut seed).map_err(|_| TlsLinkError::Entropy);
        let rng = Rng(ChaCha20::new(&seed.into(), &[0; 12].into()));
        seed.zeroize();
        drawn?;
        let config = TlsConfig::new()
            .with_max_fragment_length(MaxFragmentLength::Bits11)
            .with_psk(&key.0, &[identity]);
        let mut connection = TlsConnection::new(io, incoming, outgoing);
        let context = TlsContext::new(&config, Provider(rng));
        connection.open(context).await.map_err(TlsLinkError::Tls)?;
        Ok(Self { connection })
    }
}

impl<Io: Read + Write> ErrorType for TlsStream<'_, Io> {
    type Error = TlsLinkError;
}

impl<Io: Read + Write> Read for TlsStream<'_, Io> {
    async fn read(&mut self, out: &mut [u8]) -> Result<usize, TlsLinkError> {
        match self.connection.read(out).await {
            Err(TlsError::ConnectionClosed) => Ok(0),
            read => read.map_err(TlsLinkError::Tls),
        }
    }
}

impl<Io: Read + Write> Write for TlsStream<'_, Io> {
    async fn write(&mut self, bytes: &[u8]) -> Result<usize, TlsLinkError> {
        self.connection.write(bytes).await.map_err(TlsLinkError::Tls)
    }

    async fn flush(&mut self) -> Result<(), TlsLinkError> {
        self.connection.flush().await.map_err(TlsLinkError::Tls)
    }
}
