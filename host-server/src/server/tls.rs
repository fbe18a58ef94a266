//! TLS 1.3 with a shared key, through OpenSSL; nothing older, no certificates, no tickets, no early data.

use core::fmt;
use core::pin::Pin;
use link::tls::SharedKey;
use openssl::error::ErrorStack;
use openssl::memcmp;
use openssl::ssl::{Ssl, SslContext, SslMethod, SslSessionCacheMode, SslVersion};
use std::io;
use tokio::net::TcpStream;
use tokio_openssl::SslStream;

/// The host's side of TLS: a key that devices know under a name.
pub struct Tls(SslContext);

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Tls")
    }
}

impl Tls {
    /// Admits devices that have `key`, and call it `identity`.
    ///
    /// # Errors
    /// As OpenSSL fails.
    pub fn new(identity: &'static [u8], key: SharedKey) -> io::Result<Self> {
        let context = || -> Result<SslContext, ErrorStack> {
            let mut context = SslContext::builder(SslMethod::tls_server())?;
            context.set_min_proto_version(Some(SslVersion::TLS1_3))?;
            // The hash of a key that has no other is SHA-256.
            context.set_ciphersuites("TLS_AES_128_GCM_SHA256")?;
            context.set_groups_list("P-256")?;
            context.set_num_tickets(0)?;
            context.set_session_cache_mode(SslSessionCacheMode::OFF);
            context.set_psk_server_callback(move |_, name, out| {
                let known = name
                    .is_some_and(|name| name.len() == identity.len() && memcmp::eq(name, identity));
                let key = key.expose();
                match out.get_mut(..key.len()) {
                    Some(out) if known => {
                        out.copy_from_slice(key);
                        Ok(key.len())
                    }
                    _ => Ok(0),
                }
            });
            Ok(context.build())
        };
        Ok(Self(context()?))
    }

    /// The handshake.
    pub(super) async fn accept(&self, tcp: TcpStream) -> io::Result<SslStream<TcpStream>> {
        let mut stream = SslStream::new(Ssl::new(&self.0)?, tcp)?;
        Pin::new(&mut stream).accept().await.map_err(io::Error::other)?;
        Ok(stream)
    }
}
