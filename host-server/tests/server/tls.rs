//! TLS 1.3 with a shared key: a device over `embedded-tls`, the host over OpenSSL.

use crate::harness::{Client, DIGEST, Host, MASKED, PREPARE, with_links};
use embedded_io_adapters::tokio_1::FromTokio;
use embedded_io_async::{Read, Write};
use host_server::server::{Limits, Links, Plain, Tls};
use kernel::stream::Entropy;
use kernel::wire::{Block, FaultCode, FrameType, HEADER_BYTES, Header};
use link::tls::{INCOMING_BYTES, OUTGOING_BYTES, SharedKey, TlsLinkError, TlsStream};
use openssl::ssl::{Ssl, SslContext, SslMethod, SslVersion};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

const SHORT: Duration = Duration::from_millis(200);
const NAME: &[u8] = b"subrosa";

/// A generator that is good enough to test with.
struct Numbers(u8);

impl Entropy for Numbers {
    type Error = core::convert::Infallible;
    fn fill(&mut self, out: &mut [u8]) -> Result<(), Self::Error> {
        out.fill(self.0);
        Ok(())
    }
}

struct Broken;

impl Entropy for Broken {
    type Error = ();
    fn fill(&mut self, _: &mut [u8]) -> Result<(), ()> {
        Err(())
    }
}

fn key(byte: u8) -> SharedKey {
    SharedKey::from_bytes([byte; 32])
}

fn tls() -> Links {
    Links::new(Plain::Nobody, None).with_tls(Tls::new(NAME, key(1)).unwrap())
}

type Io = FromTokio<TcpStream>;

async fn dial(host: &Host) -> Io {
    FromTokio::new(TcpStream::connect(host.address).await.unwrap())
}

async fn receive<'p>(
    stream: &mut TlsStream<'_, Io>,
    payload: &'p mut Vec<u8>,
) -> (Header, &'p [u8]) {
    let mut header = [0; HEADER_BYTES];
    stream.read_exact(&mut header).await.unwrap();
    let header = Header::decode(&header).unwrap();
    payload.resize(header.length as usize, 0);
    stream.read_exact(payload).await.unwrap();
    (header, payload)
}

/// The frames that a client would send over a bare stream.
async fn frames(host: &Host) -> Vec<u8> {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut client = Client::connect(&host.behind(listener.local_addr().unwrap())).await;
    let (mut heard, _) = listener.accept().await.unwrap();
    client.hello(MASKED, DIGEST).await;
    client.product().await;
    client.send(FrameType::Bye, &[]).await;
    drop(client);
    let mut frames = Vec::new();
    heard.read_to_end(&mut frames).await.unwrap();
    frames
}

#[test]
fn a_session_over_tls_is_a_session() {
    with_links(Limits::default(), tls(), |host| async move {
        let frames = frames(&host).await;
        let (mut incoming, mut outgoing) = (vec![0; INCOMING_BYTES], vec![0; OUTGOING_BYTES]);
        let key = key(1);
        let mut stream = TlsStream::connect(
            dial(&host).await,
            (NAME, &key),
            &mut Numbers(5),
            &mut incoming,
            &mut outgoing,
        )
        .await
        .unwrap();
        let mut payload = Vec::new();
        stream.write_all(&frames[..frames.len() - HEADER_BYTES]).await.unwrap();
        stream.flush().await.unwrap();
        assert_eq!(receive(&mut stream, &mut payload).await.0.frame, FrameType::Welcome);
        let (header, reply) = receive(&mut stream, &mut payload).await;
        assert_eq!(header.frame, FrameType::ProductReply);
        let sums: Vec<u8> = [10_u32; 12].iter().flat_map(|w| w.to_le_bytes()).collect();
        assert_eq!(Block::split(reply).unwrap().1, sums);
        stream.write_all(&frames[frames.len() - HEADER_BYTES..]).await.unwrap();
        stream.flush().await.unwrap();
        drop(stream);
        host.is_empty().await;
        None
    });
}

#[test]
fn who_has_another_key_or_name_gets_nothing() {
    with_links(Limits::default(), tls(), |host| async move {
        for (name, key) in [(NAME, key(2)), (b"another", key(1)), (b"", key(1))] {
            let (mut incoming, mut outgoing) = (vec![0; INCOMING_BYTES], vec![0; OUTGOING_BYTES]);
            let stream = TlsStream::connect(
                dial(&host).await,
                (name, &key),
                &mut Numbers(5),
                &mut incoming,
                &mut outgoing,
            )
            .await;
            assert!(matches!(stream, Err(TlsLinkError::Tls(_))), "{stream:?}");
        }
        // No randomness and no room: nothing is said.
        let (mut incoming, mut outgoing) = (vec![0; INCOMING_BYTES], vec![0; OUTGOING_BYTES]);
        let key = key(1);
        let io = dial(&host).await;
        let stream =
            TlsStream::connect(io, (NAME, &key), &mut Broken, &mut incoming, &mut outgoing).await;
        assert!(matches!(stream, Err(TlsLinkError::Entropy)), "{stream:?}");
        let io = dial(&host).await;
        let least = &mut incoming[1..];
        let stream =
            TlsStream::connect(io, (NAME, &key), &mut Numbers(5), least, &mut outgoing).await;
        assert!(matches!(stream, Err(TlsLinkError::Buffer)), "{stream:?}");
        drop(stream);
        // In the clear neither.
        let mut client = Client::connect(&host).await;
        client.hello(PREPARE, DIGEST).await;
        assert_eq!(client.fault().await, FaultCode::Link);
        host.is_empty().await;
        None
    });
}

/// A device that knows the key gets no answer but from a host that does: not from one with certificates
/// or another key, whatever it sends.
#[test]
fn no_certificate_takes_the_place_of_the_key() {
    use openssl::{asn1::Asn1Time, ec, hash::MessageDigest, nid::Nid, pkey::PKey, x509::X509};
    let group = ec::EcGroup::from_curve_name(Nid::X9_62_PRIME256V1).unwrap();
    let own = PKey::from_ec_key(ec::EcKey::generate(&group).unwrap()).unwrap();
    let mut certificate = X509::builder().unwrap();
    certificate.set_pubkey(&own).unwrap();
    certificate.set_not_before(&Asn1Time::days_from_now(0).unwrap()).unwrap();
    certificate.set_not_after(&Asn1Time::days_from_now(9).unwrap()).unwrap();
    certificate.sign(&own, MessageDigest::sha256()).unwrap();
    let mut context = SslContext::builder(SslMethod::tls_server()).unwrap();
    context.set_certificate(&certificate.build()).unwrap();
    context.set_private_key(&own).unwrap();
    let context = context.build();
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let impostor = tokio::spawn(async move {
            let (tcp, _) = listener.accept().await.unwrap();
            let ssl = Ssl::new(&context).unwrap();
            let mut stream = tokio_openssl::SslStream::new(ssl, tcp).unwrap();
            assert!(core::pin::Pin::new(&mut stream).accept().await.is_err());
        });
        let (mut incoming, mut outgoing) = (vec![0; 17_000], vec![0; OUTGOING_BYTES]);
        let (io, key) = (FromTokio::new(TcpStream::connect(address).await.unwrap()), key(1));
        let secret = (NAME, &key);
        let mut numbers = Numbers(5);
        let stream =
            TlsStream::connect(io, secret, &mut numbers, &mut incoming, &mut outgoing).await;
        assert!(matches!(stream, Err(TlsLinkError::Tls(_))), "{stream:?}");
        drop(stream);
        impostor.await.unwrap();
    });
}

/// Clients of OpenSSL that offer less: no key, or a version before.
#[test]
fn nothing_less_is_spoken() {
    with_links(Limits::default(), tls(), |host| async move {
        for version in [SslVersion::TLS1_2, SslVersion::TLS1_3] {
            let mut context = SslContext::builder(SslMethod::tls_client()).unwrap();
            context.set_max_proto_version(Some(version)).unwrap();
            let ssl = Ssl::new(&context.build()).unwrap();
            let tcp = TcpStream::connect(host.address).await.unwrap();
            let mut stream = tokio_openssl::SslStream::new(ssl, tcp).unwrap();
            assert!(core::pin::Pin::new(&mut stream).connect().await.is_err());
        }
        host.is_empty().await;
        None
    });
    // A handshake that never goes on.
    let limits = Limits { opening: SHORT, ..Limits::default() };
    with_links(limits, tls(), |host| async move {
        let mut stream = TcpStream::connect(host.address).await.unwrap();
        stream.write_all(&[0x16, 3, 1]).await.unwrap();
        assert_eq!(stream.read(&mut [0]).await.unwrap_or(0), 0);
        host.is_empty().await;
        None
    });
}
