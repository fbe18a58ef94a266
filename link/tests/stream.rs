//! Links over streams in memory: who gets through, what a stranger in between can do.
#![expect(clippy::unwrap_used, reason = "test code")]

use embedded_io_adapters::tokio_1::FromTokio;
use embedded_io_async::{Read, Write};
use kernel::stream::Entropy;
use link::noise::{HandshakeError, PREAMBLE, REPLY_BYTES, REQUEST_BYTES};
use link::record::{RECORD_BYTES, RecordError};
use link::{LinkError, NoiseStream, PublicKey, SecretKey};
use std::io;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};

type Pipe = FromTokio<DuplexStream>;
type Stream = NoiseStream<Pipe, Vec<u8>>;
type Result<T> = core::result::Result<T, LinkError<io::Error>>;

/// Different bytes at every call.
struct Counter(u8);

impl Entropy for Counter {
    type Error = core::convert::Infallible;
    fn fill(&mut self, out: &mut [u8]) -> core::result::Result<(), Self::Error> {
        self.0 = self.0.wrapping_add(1);
        out.fill(self.0);
        Ok(())
    }
}

struct Broken;

impl Entropy for Broken {
    type Error = ();
    fn fill(&mut self, _: &mut [u8]) -> core::result::Result<(), ()> {
        Err(())
    }
}

fn device() -> SecretKey {
    SecretKey::from_bytes([1; 32])
}

fn host() -> SecretKey {
    SecretKey::from_bytes([2; 32])
}

fn buffer() -> Vec<u8> {
    vec![0; RECORD_BYTES]
}

fn run<F: Future>(work: F) -> F::Output {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(work)
}

async fn connect(stream: DuplexStream, to: &PublicKey) -> Result<Stream> {
    let io = FromTokio::new(stream);
    NoiseStream::connect(io, &device(), to, &mut Counter(10), buffer(), buffer()).await
}

async fn accept(stream: DuplexStream, admits: bool) -> Result<Stream> {
    let io = FromTokio::new(stream);
    let admits = |key: &PublicKey| admits && *key == device().public();
    NoiseStream::accept(io, &host(), admits, &mut Counter(20), buffer(), buffer()).await
}

/// Both sides, over a pipe of `bytes` bytes.
async fn both(bytes: usize) -> (Stream, Stream) {
    let (a, b) = duplex(bytes);
    let key = host().public();
    let (device, host) = tokio::join!(connect(a, &key), accept(b, true));
    (device.unwrap(), host.unwrap())
}

#[test]
fn requests_and_answers_pass() {
    run(async {
        // A pipe that is smaller than a record, and one that holds many.
        for pipe in [33, 1 << 20] {
            let (mut device, mut host) = both(pipe).await;
            for length in [1, 2047, 2048, 2049, 100_000] {
                let sent: Vec<u8> = (0..length).map(|at| (at % 251) as u8).collect();
                let up = async {
                    device.write_all(&sent).await.unwrap();
                    device.flush().await.unwrap();
                    let mut back = vec![0; length];
                    device.read_exact(&mut back).await.unwrap();
                    assert!(back == sent);
                };
                let down = async {
                    let mut heard = vec![0; length];
                    host.read_exact(&mut heard).await.unwrap();
                    host.write_all(&heard).await.unwrap();
                    host.flush().await.unwrap();
                };
                tokio::join!(up, down);
            }
            drop(host);
            assert_eq!(device.read(&mut [0]).await.unwrap(), 0, "an end between records");
        }
    });
}

#[test]
fn who_does_not_get_through() {
    run(async {
        // Another host's key: the host says nothing, and the device hears why that may be.
        let (a, b) = duplex(1 << 16);
        let wrong = SecretKey::from_bytes([3; 32]).public();
        let (d, h) = tokio::join!(connect(a, &wrong), accept(b, true));
        assert!(matches!(d, Err(LinkError::Refused)), "{d:?}");
        assert!(matches!(h, Err(LinkError::Handshake(HandshakeError))), "{h:?}");

        let (a, b) = duplex(1 << 16);
        let key = host().public();
        let (d, h) = tokio::join!(connect(a, &key), accept(b, false));
        assert!(matches!(d, Err(LinkError::Refused)), "{d:?}");
        assert!(matches!(h, Err(LinkError::NotAdmitted)), "{h:?}");

        // Something that is no host, and answers.
        let (a, mut b) = duplex(1 << 16);
        b.write_all(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nServer: x\r\n\r\n")
            .await
            .unwrap();
        let d = connect(a, &key).await;
        assert!(matches!(d, Err(LinkError::Handshake(_))), "{d:?}");

        // Something that is no device of this version.
        let (mut a, b) = duplex(1 << 16);
        a.write_all(b"Noise subrosa/2\n and more").await.unwrap();
        let h = accept(b, true).await;
        assert!(matches!(h, Err(LinkError::Preamble)), "{h:?}");

        // No randomness: nothing is said.
        let (a, mut b) = duplex(1 << 16);
        let io = FromTokio::new(a);
        let d = Stream::connect(io, &device(), &key, &mut Broken, buffer(), buffer()).await;
        assert!(matches!(d, Err(LinkError::Entropy)), "{d:?}");
        let mut said = Vec::new();
        b.read_to_end(&mut said).await.unwrap();
        assert!(said.is_empty());
    });
}

/// A replay of a whole recording gets an answer, and no further.
#[test]
fn a_recording_is_worth_nothing() {
    run(async {
        let (a, mut tap) = duplex(1 << 16);
        let (mut to_host, b) = duplex(1 << 16);
        let key = host().public();
        let mut recording = vec![0; PREAMBLE.len() + REQUEST_BYTES];
        let (d, h, ()) = tokio::join!(connect(a, &key), accept(b, true), async {
            tap.read_exact(&mut recording).await.unwrap();
            to_host.write_all(&recording).await.unwrap();
            let mut reply = [0; REPLY_BYTES];
            to_host.read_exact(&mut reply).await.unwrap();
            tap.write_all(&reply).await.unwrap();
        });
        let (mut d, mut h) = (d.unwrap(), h.unwrap());
        d.write_all(b"a secret").await.unwrap();
        d.flush().await.unwrap();
        let mut record = vec![0; 2 + 8 + 16];
        tap.read_exact(&mut record).await.unwrap();
        to_host.write_all(&record).await.unwrap();
        let mut heard = [0; 8];
        h.read_exact(&mut heard).await.unwrap();
        assert_eq!(&heard, b"a secret");

        // The same bytes to the host, whose randomness is another this time.
        let (mut again, b) = duplex(1 << 16);
        again.write_all(&recording).await.unwrap();
        again.write_all(&record).await.unwrap();
        let io = FromTokio::new(b);
        let host = host();
        let h =
            NoiseStream::accept(io, &host, |_| true, &mut Counter(90), buffer(), buffer()).await;
        let error = h.unwrap().read(&mut heard).await.unwrap_err();
        assert!(matches!(error, LinkError::Record(RecordError::Changed)), "{error}");
    });
}

/// One byte that is changed ends the link for good, in both directions, and nothing of it is heard.
#[test]
fn a_changed_byte_ends_the_link() {
    run(async {
        for at in 0..2 + 5 + 16 {
            let (mut device, host) = both(1 << 16).await;
            device.write_all(b"hello").await.unwrap();
            device.flush().await.unwrap();
            // What the pipe holds is taken out, changed and put into another, for the same host.
            drop(device);
            let (mut a, b) = duplex(1 << 16);
            let mut host = moved(
                host,
                b,
                |bytes| {
                    bytes[at] ^= 0x20;
                    core::mem::take(bytes)
                },
                &mut a,
            )
            .await;
            drop(a);
            let error = host.read(&mut [0; 5]).await.unwrap_err();
            let longer = at == 0 && matches!(error, LinkError::Record(RecordError::Truncated));
            assert!(longer || matches!(error, LinkError::Record(_)), "byte {at}: {error}");
            for _ in 0..2 {
                assert!(matches!(host.read(&mut [0]).await, Err(LinkError::Failed)));
                assert!(matches!(host.write(b"x").await, Err(LinkError::Failed)));
                assert!(matches!(host.flush().await, Err(LinkError::Failed)));
            }
        }
    });
}

/// Puts what waits in a stream's pipe, changed, into another pipe, which the stream gets.
async fn moved(
    mut stream: Stream,
    pipe: DuplexStream,
    change: impl FnOnce(&mut Vec<u8>) -> Vec<u8>,
    into: &mut DuplexStream,
) -> Stream {
    let mut waiting = Vec::new();
    let old = core::mem::replace(stream.io_mut(), FromTokio::new(pipe));
    old.into_inner().read_to_end(&mut waiting).await.unwrap();
    into.write_all(&change(&mut waiting)).await.unwrap();
    stream
}

/// Work that is dropped half-way loses nothing.
#[test]
fn a_flush_and_a_read_that_are_dropped_are_taken_up_again() {
    run(async {
        let (mut device, mut host) = both(160).await;
        let sent: Vec<u8> = (0..5000_u32).map(|at| at as u8).collect();
        let up = async {
            let mut rest = &sent[..];
            while !rest.is_empty() {
                tokio::select! {
                    biased;
                    count = device.write(rest) => rest = &rest[count.unwrap()..],
                    () = tokio::task::yield_now() => {}
                }
            }
            loop {
                tokio::select! {
                    biased;
                    done = device.flush() => break done.unwrap(),
                    () = tokio::task::yield_now() => {}
                }
            }
        };
        let down = async {
            let (mut heard, mut piece) = (Vec::<u8>::new(), [0; 700]);
            while heard.len() < sent.len() {
                tokio::select! {
                    biased;
                    count = host.read(&mut piece) => heard.extend(&piece[..count.unwrap()]),
                    () = tokio::task::yield_now() => {}
                }
            }
            assert!(heard == sent);
        };
        tokio::join!(up, down);
    });
}

#[test]
fn small_buffers_are_refused() {
    run(async {
        for (incoming, outgoing) in [(RECORD_BYTES - 1, 100), (RECORD_BYTES, 81)] {
            let (a, b) = duplex(1 << 16);
            let (io, key) = (FromTokio::new(a), host().public());
            let own = device();
            let mut entropy = Counter(1);
            let d =
                Stream::connect(io, &own, &key, &mut entropy, vec![0; incoming], vec![0; outgoing]);
            let (d, _) = tokio::join!(d, accept(b, true));
            assert!(matches!(d, Err(LinkError::Buffer)), "{d:?}");
        }
    });
}
