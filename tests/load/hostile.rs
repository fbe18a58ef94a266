//! Clients as they should not be, each kind at an address of its own.

use crate::harness::model::DEMO;
use kernel::bundle::ModelDigest;
use kernel::params::ParameterId;
use kernel::wire::{
    Block, FrameType, Header, Hello, MaskSeed, Purpose, RowForm, SessionId, UnitOpen, body_bytes,
    encode_body,
};
use std::io;
use std::net::SocketAddr;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};

/// What a client does, again and again.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Misuse {
    /// Asks for the largest unit, and reads it slowly.
    ReadSlowly,
    /// Announces the largest unit, and sends it slowly.
    WriteSlowly,
    /// Connects, and says next to nothing.
    StayHalfOpen,
    /// Goes away in the middle of an upload or of an answer.
    Vanish,
}

/// Lets all of them loose until `end`.
pub(crate) fn run(kinds: &[(Misuse, u64)], host: SocketAddr, end: Instant) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let mut clients = tokio::task::JoinSet::new();
        for &(misuse, count) in kinds {
            for index in 0..count {
                clients.spawn(async move {
                    while Instant::now() < end {
                        // Whatever the host does to it is well deserved.
                        let session = session(misuse, index, host);
                        let _ = tokio::time::timeout_at(end.into(), session).await;
                        pause(100).await;
                    }
                });
            }
        }
        while let Some(client) = clients.join_next().await {
            client.unwrap();
        }
    });
}

async fn session(misuse: Misuse, index: u64, host: SocketAddr) -> io::Result<()> {
    let socket = TcpSocket::new_v4()?;
    socket.bind(SocketAddr::from(([127, 0, 0, 2 + misuse as u8], 0)))?;
    let mut stream = socket.connect(host).await?;
    let head = DEMO.config.group_count() - 1;
    match misuse {
        Misuse::ReadSlowly => {
            unit(&mut stream, head, usize::MAX).await?;
            loop {
                read(&mut stream, 4096).await?;
                pause(50).await;
            }
        }
        Misuse::WriteSlowly => {
            unit(&mut stream, head, 1000).await?;
            loop {
                stream.write_all(&[0; 64]).await?;
                pause(50).await;
            }
        }
        Misuse::StayHalfOpen => {
            stream.write_all(b"SbRo").await?;
            read(&mut stream, 1).await
        }
        Misuse::Vanish => {
            let small = index % u64::from(head);
            let uploads = index.is_multiple_of(2);
            unit(&mut stream, small as u32, if uploads { 100_000 } else { usize::MAX }).await?;
            if uploads { Ok(()) } else { read(&mut stream, 100_000).await }
        }
    }
}

async fn pause(milliseconds: u64) {
    tokio::time::sleep(Duration::from_millis(milliseconds)).await;
}

async fn read(stream: &mut TcpStream, bytes: usize) -> io::Result<()> {
    stream.read_exact(&mut vec![0; bytes]).await.map(|_| ())
}

/// Opens a session and a unit of `group`, and sends at most so many bytes of it.
async fn unit(stream: &mut TcpStream, group: u32, bytes: usize) -> io::Result<()> {
    let digest: ModelDigest = DEMO.bundle().digest();
    let purpose = Purpose::Prepare { units: 1 };
    let hello = Hello { digest, purpose, answered: 0, max_payload: 1 << 20 };
    let mut body = [0; 80];
    let length = encode_body(&hello, &mut body).unwrap();
    let mut frames = frame(FrameType::Hello, 0, &body[..length]);
    let open = UnitOpen { group, seed: MaskSeed::Model, rows: RowForm::Switched, keys: 1 };
    let length = encode_body(&open, &mut body).unwrap();
    frames.extend(frame(FrameType::UnitOpen, 1, &body[..length]));
    let (columns, size) = (DEMO.shape(kernel::model::GroupId(group)).columns, body_bytes(256));
    for (sequence, first) in (2..).zip((0..columns).step_by(128)) {
        let count = 128.min(columns - first);
        let mut payload = Vec::from(Block { index: first as u32, count: count as u32 }.encode());
        payload.resize(payload.len() + count * size, 0);
        frames.extend(frame(FrameType::UnitBodies, sequence, &payload));
    }
    frames.truncate(bytes);
    stream.write_all(&frames).await
}

fn frame(frame: FrameType, sequence: u32, payload: &[u8]) -> Vec<u8> {
    let (set, session) = (ParameterId::Masked256x16, SessionId([3; 16]));
    let header = Header { frame, set, session, sequence, length: payload.len() as u32 };
    [header.encode().as_slice(), payload].concat()
}
