//! Frames that break the protocol visibly: they end the session at once, by name, on both sides.

mod device;
mod direct;
mod fuzz;
mod host;
mod unit;

use crate::harness::link::{Answer, Event, Loopback};
use crate::harness::wire;
use kernel::params::ParameterId;
use kernel::wire::{Fault, FaultCode, FrameType, HEADER_BYTES, SessionId, VERSION, WireError};
use kernel::wire::{MAX_PAYLOAD, encode_body};

/// Why a session ended.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Why {
    Wire(WireError),
    Closed,
    Fault(FaultCode),
}

type Spoil = fn(&mut Answer<'_>);

/// Frames that are wrong whatever they carry.
const FRAMES: [(&str, Spoil, Why); 18] = [
    ("magic", |a| a.frame[0] ^= 1, Why::Wire(WireError::Magic)),
    ("version", |a| a.frame[4] += 1, Why::Wire(WireError::Version(VERSION + 1))),
    ("no such type", |a| a.frame[5] = 200, Why::Wire(WireError::Unknown)),
    ("another type", |a| a.frame[5] = FrameType::Bye as u8, Why::Wire(WireError::Order)),
    ("no such set", |a| a.frame[6] = 77, Why::Wire(WireError::Unknown)),
    ("another set", |a| a.frame[6] = ParameterId::Masked512x8 as u8, Why::Wire(WireError::Session)),
    ("flags", |a| a.frame[7] = 1, Why::Wire(WireError::Unknown)),
    ("another session", |a| a.frame[23] ^= 128, Why::Wire(WireError::Session)),
    ("the next number", |a| a.frame[24] += 1, Why::Wire(WireError::Order)),
    ("the last number", |a| a.frame[24] = a.frame[24].wrapping_sub(1), Why::Wire(WireError::Order)),
    ("too long", |a| set_length(a, MAX_PAYLOAD as u32 + 1), Why::Wire(WireError::Length)),
    ("far too long", |a| set_length(a, u32::MAX), Why::Wire(WireError::Length)),
    ("longer than its room", |a| set_length(a, MAX_PAYLOAD as u32), Why::Wire(WireError::Length)),
    (
        "cut short",
        |a| {
            a.frame.pop();
            a.hang_up = true;
        },
        Why::Closed,
    ),
    (
        "half a header",
        |a| {
            a.frame.truncate(HEADER_BYTES / 2);
            a.hang_up = true;
        },
        Why::Closed,
    ),
    (
        "nothing",
        |a| {
            a.frame.clear();
            a.hang_up = true;
        },
        Why::Closed,
    ),
    ("a fault", |a| fault(a, 16), Why::Fault(FaultCode::Internal)),
    ("half a fault", |a| fault(a, 0), Why::Wire(WireError::Body)),
];

/// What is wrong with the frame that opens a session.
const WELCOMES: [(&str, Spoil, Why); 3] = [
    ("another model", |a| a.frame[HEADER_BYTES + 31] ^= 1, Why::Wire(WireError::Model)),
    ("half a digest", |a| device::resize(&mut a.frame, -16), Why::Wire(WireError::Body)),
    ("more than a digest", |a| device::resize(&mut a.frame, 1), Why::Wire(WireError::Body)),
];

fn set_length(answer: &mut Answer<'_>, length: u32) {
    answer.frame[28..32].copy_from_slice(&length.to_le_bytes());
}

fn fault(answer: &mut Answer<'_>, longest: usize) {
    let mut body = [0; 16];
    let length = encode_body(&Fault { code: FaultCode::Internal }, &mut body).unwrap();
    let mut header = wire::header(&answer.frame);
    header.frame = FrameType::Fault;
    header.session = SessionId([0; 16]);
    answer.frame = wire::frame(header, &body[..length.min(longest)]);
    answer.hang_up = true;
}

/// The device said nothing more after it had received frame `index`, and hung up.
fn silent_after(host: &Loopback, index: usize) {
    let events = host.events();
    let received = |event: &&Event| matches!(event, Event::Down(_));
    let at = events.iter().enumerate().filter(|(_, event)| received(event)).nth(index).unwrap().0;
    let after = &events[at + 1..];
    let speaks = |event: &Event| matches!(event, Event::Up(_) | Event::Partial(_));
    assert!(!after.iter().any(speaks), "{after:?}");
    assert!(matches!(after.iter().find(|e| !received(e)), Some(Event::Hangup(_))));
}
