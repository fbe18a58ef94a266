//! Direct and mixed mode: openings, keys, ciphertexts and results that break the protocol visibly.

mod device;
mod host;
mod openings;

use crate::harness::link::{Loopback, honest};
use crate::harness::model::TINY;
use crate::harness::now;
use crate::harness::run::Run;
use crate::harness::wire;
use embedded_io_async::Write;
use host_server::session::Refusal;
use kernel::stream::Seed;
use kernel::wire::{FrameType, HEADER_BYTES, Header};

fn run() -> Run<'static> {
    Run::new(&TINY, 2, 2, 1, 2)
}

fn seed(byte: u8) -> Seed {
    Seed::from_bytes([byte; 32])
}

/// All frames that go up in a good session in direct mode.
fn good(byte: u8) -> Vec<Vec<u8>> {
    let host = Loopback::new(&TINY.engine, honest());
    now(run().direct_over(seed(byte), host.clone(), |_, _| {})).unwrap();
    host.up()
}

fn is(frame: &[u8], kind: FrameType) -> bool {
    wire::header(frame).frame == kind
}

/// Sends frames to a host, each with the number that is due.
fn send(frames: &[Vec<u8>]) -> (Loopback, Option<Refusal>) {
    let host = Loopback::new(&TINY.engine, honest());
    let mut link = host.link();
    for (sequence, frame) in (0..).zip(frames) {
        let header = Header { sequence, ..wire::header(frame) };
        now(link.write_all(&wire::frame(header, &frame[HEADER_BYTES..]))).unwrap();
    }
    drop(link);
    let refusal = host.refusal();
    (host, refusal)
}

/// The host refuses by this name, says so, and says nothing more.
#[track_caller]
fn refused(what: &str, expected: impl Into<Refusal>, frames: &[Vec<u8>]) {
    let expected = expected.into();
    let (host, refusal) = send(frames);
    assert_eq!(refusal, Some(expected), "{what}");
    let down = host.down();
    let faults = down.iter().filter(|frame| is(frame, FrameType::Fault)).count();
    assert!(faults == 1 && is(&down[down.len() - 1], FrameType::Fault), "{what}");
}

fn with_payload(frame: &[u8], payload: &[u8]) -> Vec<u8> {
    wire::frame(wire::header(frame), payload)
}
