//! Links: who gets one, what a handshake may take, and that sessions over one are sessions as any.

use crate::harness::{Client, DIGEST, HEAD, Host, MASKED, NEVER, PREPARE, until, with_links};
use embedded_io_adapters::tokio_1::FromTokio;
use embedded_io_async::{Read, Write};
use host_server::server::{Limits, Links, Noise, Plain};
use kernel::stream::Entropy;
use kernel::wire::{FaultCode, FrameType};
use link::noise::{PREAMBLE, REPLY_BYTES, REQUEST_BYTES};
use link::record::RECORD_BYTES;
use link::{LinkError, NoiseStream, PublicKey, SecretKey};
use std::io;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

const SHORT: Duration = Duration::from_millis(200);

struct Sevens;

impl Entropy for Sevens {
    type Error = core::convert::Infallible;
    fn fill(&mut self, out: &mut [u8]) -> Result<(), Self::Error> {
        out.fill(7);
        Ok(())
    }
}

fn host_key() -> SecretKey {
    SecretKey::from_bytes([1; 32])
}

fn device_key() -> SecretKey {
    SecretKey::from_bytes([2; 32])
}

/// Noise for one device, and nothing else but what may be plain.
fn noise_and(plain: Plain) -> Links {
    let devices = Some(vec![device_key().public()]);
    Links::new(plain, Some(Noise { key: host_key(), devices }))
}

fn noise() -> Links {
    noise_and(Plain::Nobody)
}

type Link = NoiseStream<FromTokio<TcpStream>, Vec<u8>>;

async fn dial(host: &Host, own: SecretKey, to: PublicKey) -> Result<Link, LinkError<io::Error>> {
    let tcp = TcpStream::connect(host.address).await.unwrap();
    let buffer = || vec![0; RECORD_BYTES];
    NoiseStream::connect(FromTokio::new(tcp), &own, &to, &mut Sevens, buffer(), buffer()).await
}

/// The same host, behind something that speaks Noise with it for a client that does not.
async fn tunnel(host: &Host) -> Host {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let tunnel = host.behind(listener.local_addr().unwrap());
    let host = host.clone();
    tokio::spawn(async move {
        while let Ok((mut plain, _)) = listener.accept().await {
            let mut link = dial(&host, device_key(), host_key().public()).await.unwrap();
            tokio::spawn(async move {
                let (mut up, mut down) = ([0; 5000], [0; 5000]);
                loop {
                    tokio::select! {
                        count = plain.read(&mut up) => match count {
                            Ok(count @ 1..) => {
                                link.write_all(&up[..count]).await.unwrap();
                                link.flush().await.unwrap();
                            }
                            _ => break,
                        },
                        count = link.read(&mut down) => match count {
                            Ok(count @ 1..) => plain.write_all(&down[..count]).await.unwrap(),
                            _ => break,
                        },
                    }
                }
            });
        }
    });
    tunnel
}

#[test]
fn a_session_over_noise_is_a_session() {
    with_links(Limits::default(), noise(), |host| async move {
        let tunnel = tunnel(&host).await;
        let mut client = Client::open(&tunnel, MASKED).await;
        client.product().await;
        let (header, reply) = client.receive().await.unwrap();
        assert_eq!((header.frame, header.sequence), (FrameType::ProductReply, 1));
        let sums: Vec<u8> = [10_u32; 12].iter().flat_map(|w| w.to_le_bytes()).collect();
        assert_eq!(reply[8..], sums);
        client.send(FrameType::Bye, &[]).await;
        assert!(client.receive().await.is_err());
        // Frames that are much larger than a record.
        let mut client = Client::open(&tunnel, PREPARE).await;
        client.whole_unit(HEAD).await;
        client.rows(HEAD).await;
        // A fault comes over the link as well.
        let mut too_long = Client::connect(&tunnel).await;
        too_long.hello(PREPARE, kernel::bundle::ModelDigest([7; 32])).await;
        assert_eq!(too_long.fault().await, FaultCode::Model);
        drop(client);
        host.is_empty().await;
        None
    });
}

#[test]
fn who_speaks_in_the_clear_is_told_to_secure_the_link() {
    with_links(Limits::default(), noise(), |host| async move {
        let mut client = Client::connect(&host).await;
        client.hello(MASKED, DIGEST).await;
        assert_eq!(client.fault().await, FaultCode::Link);
        // A stranger is told nothing.
        let mut stranger = TcpStream::connect(host.address).await.unwrap();
        stranger.write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n").await.unwrap();
        let mut rest = Vec::new();
        let _ = stranger.read_to_end(&mut rest).await;
        assert!(rest.is_empty());
        host.is_empty().await;
        None
    });
    // Both at once.
    with_links(Limits::default(), noise_and(Plain::Loopback), |host| async move {
        let tunnel = tunnel(&host).await;
        let (_plain, _noise) =
            (Client::open(&host, MASKED).await, Client::open(&tunnel, MASKED).await);
        until(|| host.status().sessions == 2).await;
        None
    });
}

#[test]
fn who_has_no_key_or_another_gets_no_answer() {
    let limits = Limits { opening: NEVER, ..Limits::default() };
    with_links(limits, noise(), |host| async move {
        let wrong = [
            (device_key(), device_key().public()),
            (SecretKey::from_bytes([3; 32]), host_key().public()),
        ];
        for (own, to) in wrong {
            let refused = dial(&host, own, to).await;
            assert!(matches!(refused, Err(LinkError::Refused | LinkError::Io(_))), "{refused:?}");
        }
        for request in [[0; REQUEST_BYTES], [0xff; REQUEST_BYTES]] {
            let mut stream = TcpStream::connect(host.address).await.unwrap();
            stream.write_all(&PREAMBLE).await.unwrap();
            stream.write_all(&request).await.unwrap();
            let mut answer = Vec::new();
            let _ = stream.read_to_end(&mut answer).await;
            assert!(answer.is_empty());
        }
        let mut next = TcpStream::connect(host.address).await.unwrap();
        next.write_all(b"Noise subrosa/2\n").await.unwrap();
        assert_eq!(next.read(&mut [0]).await.unwrap_or(0), 0, "another version");
        host.is_empty().await;
        None
    });
}

/// A handshake has the time of a first frame as a whole, and is inside like any other connection.
#[test]
fn who_stops_or_dawdles_within_a_handshake() {
    let limits = Limits { opening: SHORT, sessions: 2, refusals: 0, ..Limits::default() };
    with_links(limits, noise(), |host| async move {
        for part in [1, PREAMBLE.len(), PREAMBLE.len() + REQUEST_BYTES - 1] {
            let mut stream = TcpStream::connect(host.address).await.unwrap();
            let opening = [&PREAMBLE[..], &[9; REQUEST_BYTES]].concat();
            stream.write_all(&opening[..part]).await.unwrap();
            assert_eq!(stream.read(&mut [0]).await.unwrap_or(0), 0);
        }
        let mut slow = TcpStream::connect(host.address).await.unwrap();
        slow.write_all(&PREAMBLE).await.unwrap();
        while slow.write_all(&[0]).await.is_ok() {
            tokio::time::sleep(SHORT / 20).await;
        }
        host.is_empty().await;
        None
    });
    let limits = Limits { opening: NEVER, sessions: 1, refusals: 1, ..Limits::default() };
    with_links(limits, noise(), |host| async move {
        let mut half_open = Vec::new();
        for sockets in 1..=2 {
            let mut stream = TcpStream::connect(host.address).await.unwrap();
            stream.write_all(&PREAMBLE).await.unwrap();
            half_open.push(stream);
            until(|| host.status().sockets == sockets).await;
        }
        Client::connect(&host).await.dropped().await;
        drop(half_open);
        host.is_empty().await;
        None
    });
}

#[test]
fn one_session_too_many_and_a_stop_are_told_over_the_link() {
    let limits = Limits { sessions: 1, ..Limits::default() };
    with_links(limits, noise(), |host| async move {
        let tunnel = tunnel(&host).await;
        let mut first = Client::open(&tunnel, MASKED).await;
        let mut second = Client::connect(&tunnel).await;
        second.hello(MASKED, DIGEST).await;
        assert_eq!(second.fault().await, FaultCode::Busy);
        host.stop();
        assert_eq!(first.fault().await, FaultCode::Shutdown);
        None
    });
}

/// Half-open in a handshake, and a stop: nobody is waited for.
#[test]
fn a_stop_does_not_wait_for_handshakes() {
    let limits = Limits { opening: NEVER, ..Limits::default() };
    with_links(limits, noise(), |host| async move {
        let mut stream = TcpStream::connect(host.address).await.unwrap();
        stream.write_all(&PREAMBLE).await.unwrap();
        until(|| host.status().sockets == 1).await;
        host.stop();
        assert_eq!(stream.read(&mut [0]).await.unwrap_or(0), 0);
        None
    });
}

/// Within an upload a byte is changed: the host drops the link without a word, and what it held.
#[test]
fn a_changed_byte_ends_a_session() {
    let limits = Limits { idle: NEVER, frame: NEVER, ..Limits::default() };
    with_links(limits, noise(), |host| async move {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let between = host.behind(listener.local_addr().unwrap());
        let client = tokio::spawn(async move {
            let mut client = Client::open(&tunnel(&between).await, PREPARE).await;
            client.unit(HEAD, 3).await;
            client.dropped().await;
        });
        let (device, _) = listener.accept().await.unwrap();
        let to_host = TcpStream::connect(host.address).await.unwrap();
        let (mut from_device, mut to_device) = device.into_split();
        let (mut from_host, mut to_host) = to_host.into_split();
        let down = tokio::spawn(async move {
            let mut bytes = Vec::<u8>::new();
            let mut piece = [0; 4096];
            while let Ok(count @ 1..) = from_host.read(&mut piece).await {
                bytes.extend(&piece[..count]);
                if to_device.write_all(&piece[..count]).await.is_err() {
                    break;
                }
            }
            bytes.len()
        });
        let mut opening = vec![0; PREAMBLE.len() + REQUEST_BYTES];
        from_device.read_exact(&mut opening).await.unwrap();
        to_host.write_all(&opening).await.unwrap();
        // Far within the bodies.
        let (mut passed, mut piece) = (0, [0; 1000]);
        while let Ok(count @ 1..) = from_device.read(&mut piece).await {
            if passed < 3000 && passed + count >= 3000 {
                piece[0] ^= 1;
            }
            passed += count;
            if to_host.write_all(&piece[..count]).await.is_err() {
                break;
            }
        }
        // The handshake's answer and the welcome, 32 bytes in 32 of a frame, and no fault.
        assert_eq!(down.await.unwrap(), REPLY_BYTES + 2 + 64 + 16);
        host.is_empty().await;
        Some(client)
    });
}
