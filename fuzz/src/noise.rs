use crate::device::{Link, link, now};
use core::convert::Infallible;
use embedded_io_async::{Read, Write};
use kernel::stream::Entropy;
use link::noise::{REPLY_BYTES, Responder};
use link::record::RECORD_BYTES;
use link::{LinkError, NoiseStream, SecretKey};

/// Bytes that are always the same: then a recording is good once more.
struct Always(u8);

impl Entropy for Always {
    type Error = Infallible;

    fn fill(&mut self, out: &mut [u8]) -> Result<(), Infallible> {
        out.fill(self.0);
        Ok(())
    }
}

type Stream<'l> = NoiseStream<&'l mut Link, Vec<u8>>;

const DEVICE: [u8; 32] = [1; 32];
const HOST: [u8; 32] = [2; 32];
/// What the device writes between two flushes, and where its records end.
const FLUSHED: [usize; 4] = [1, 40, 2048, 3000];
const RECORDS: [usize; 6] = [0, 1, 41, 2089, 4137, 5089];

fn buffer() -> Vec<u8> {
    vec![0; RECORD_BYTES]
}

/// All that a device sends over its link.
fn text() -> Vec<u8> {
    (0..FLUSHED.iter().sum::<usize>()).map(|at| (at % 253) as u8).collect()
}

/// What a device sends to a host: a handshake and records. The host says nothing or one answer, and hears what
/// the device has sent, up to some record, or nothing.
pub fn noise(data: &[u8]) {
    let mut line = link(data.to_vec());
    let mut heard = Vec::new();
    now(async {
        let (key, mut always) = (SecretKey::from_bytes(HOST), Always(20));
        let io = &mut line;
        let accepted =
            NoiseStream::accept(io, &key, |_| true, &mut always, buffer(), buffer()).await;
        let Ok(mut stream) = accepted else { return };
        let mut piece = [0; 333];
        while let Ok(count @ 1..) = stream.read(&mut piece).await {
            heard.extend(&piece[..count]);
        }
    });
    assert!(line.said.is_empty() || line.said.len() == REPLY_BYTES);
    assert!(heard.is_empty() || line.said.len() == REPLY_BYTES);
    assert!(text().starts_with(&heard), "something that the device has not sent");
    assert!(RECORDS.contains(&heard.len()), "a part of a record");
}

async fn connect(line: &mut Link) -> Result<Stream<'_>, LinkError<Infallible>> {
    let (own, to) = (SecretKey::from_bytes(DEVICE), SecretKey::from_bytes(HOST).public());
    NoiseStream::connect(line, &own, &to, &mut Always(10), buffer(), buffer()).await
}

/// A handshake and records that are accepted.
pub(crate) fn good() -> Vec<u8> {
    let host = SecretKey::from_bytes(HOST);
    // The answer follows from the request, which the device says first whatever it hears.
    let mut line = link(Vec::new());
    assert!(now(connect(&mut line)).is_err());
    let request = line.said.last_chunk().unwrap();
    let ephemeral = SecretKey::from_bytes([20; 32]);
    let (_, reply) = Responder::receive(&host, &ephemeral, request).unwrap().finish().unwrap();
    let mut line = link(reply.to_vec());
    now(async {
        let mut stream = connect(&mut line).await.unwrap();
        let text = text();
        let mut rest = &text[..];
        for length in FLUSHED {
            stream.write_all(&rest[..length]).await.unwrap();
            stream.flush().await.unwrap();
            rest = &rest[length..];
        }
    });
    line.said
}
