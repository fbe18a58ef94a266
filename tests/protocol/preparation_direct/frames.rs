//! Frames that are not those that are due, from either side.

use super::unit_tokens;
use crate::harness::link::{Answer, Loopback, Tamper, honest};
use crate::harness::model::TINY;
use crate::harness::now;
use crate::harness::run::Set;
use crate::harness::store::available;
use crate::harness::unit::prepare_direct_here;
use crate::harness::wire;
use device_client::prepare_direct::preparation_rule;
use device_client::store::MemoryStore;
use embedded_io_async::Write;
use host_server::session::{Refusal, Session, SessionLimits};
use kernel::model::GroupId;
use kernel::params::{DirectSet, ParameterId, ParameterSet};
use kernel::wire::{
    Block, FaultCode, FrameType, HEADER_BYTES, Header, Hello, Purpose, WireError, decode_body,
    encode_body,
};
use std::sync::Arc;

const UNITS: [GroupId; 3] = [GroupId(0), GroupId(4), GroupId(3)];

fn frames() -> Vec<Vec<u8>> {
    let host = Loopback::new(&TINY.engine, honest());
    let mut store = MemoryStore::new(&TINY.config);
    prepare_direct_here::<Set>(&TINY, &host, &mut store, &UNITS, 9).result.unwrap();
    host.up()
}

/// Why a host refuses these frames.
fn refusal(frames: &[Vec<u8>]) -> Option<Refusal> {
    let host = Loopback::new(&TINY.engine, honest());
    let mut link = host.link();
    for frame in frames {
        now(link.write_all(frame)).unwrap();
    }
    drop(link);
    host.refusal()
}

fn with_hello(change: impl FnOnce(&mut Hello, &mut Header)) -> Vec<Vec<u8>> {
    let mut frames = frames();
    let mut header = wire::header(&frames[0]);
    let mut hello: Hello = decode_body(&frames[0][HEADER_BYTES..]).unwrap();
    change(&mut hello, &mut header);
    let mut body = [0; 256];
    let length = encode_body(&hello, &mut body).unwrap();
    frames[0] = wire::frame(header, &body[..length]);
    frames
}

fn with_units(hello: &mut Hello, count: u32) {
    if let Purpose::PrepareDirect { units, .. } = &mut hello.purpose {
        *units = count;
    }
}

fn first_unit(frames: &[Vec<u8>]) -> usize {
    frames.iter().position(|frame| wire::header(frame).frame == FrameType::Product).unwrap()
}

/// Openings beyond the limits, or of what is not offered.
#[test]
fn openings_are_bounded() {
    assert_eq!(refusal(&frames()), None);
    let limits = Some(Refusal::from(FaultCode::Limits));
    assert_eq!(refusal(&with_hello(|hello, _| hello.answered = 1)), limits, "no resumption");
    assert_eq!(refusal(&with_hello(|hello, _| with_units(hello, 100_001))), limits);
    assert_eq!(refusal(&with_hello(|hello, _| with_units(hello, 2))), limits, "one unit too many");
    assert_eq!(refusal(&with_hello(|hello, _| hello.max_payload = 300)), limits);
    let masked = with_hello(|_, header| header.set = ParameterId::Masked256x16);
    assert_eq!(refusal(&masked), limits, "a set without evaluation keys");
    let masked = with_hello(|hello, _| hello.purpose = Purpose::Prepare { units: 3 });
    assert_eq!(refusal(&masked), limits, "a masked preparation of a direct set");
    assert_eq!(refusal(&with_hello(|hello, _| with_units(hello, 100_000))), None);
}

/// Keys that take more bytes than a session may hold are refused before they are sent.
#[test]
fn keys_are_bounded() {
    let hello = &frames()[0];
    let open = |key_bytes| {
        let limits = SessionLimits { key_bytes, ..SessionLimits::default() };
        let mut session = Session::new(Arc::clone(&TINY.engine), limits);
        let header = wire::header(hello);
        session.admit(&header).unwrap();
        session.receive(&header, &hello[HEADER_BYTES..]).map(drop)
    };
    let rule = preparation_rule::<Set>(&TINY.bundle()).unwrap();
    // Masks and bodies of every element, and one key more that is on its way in.
    let words = 2 * Set::GADGET * Set::BODY_WORDS;
    let needed = (rule.automorphisms().count() + 1) * 4 * words;
    assert_eq!(open(needed), Ok(()));
    assert_eq!(open(needed - 1), Err(FaultCode::Limits.into()));
}

/// Frames that are not those that are due, in any way that the host can see, end the session.
#[test]
fn wrong_frames_are_refused() {
    type Spoil = fn(&mut Vec<Vec<u8>>);
    let cases: [(&str, Spoil, WireError); 11] = [
        ("another automorphism", |up| up[1][HEADER_BYTES] ^= 2, WireError::Order),
        ("another element", |up| up[1][HEADER_BYTES + 4] ^= 1, WireError::Order),
        ("a key left out", |up| drop(up.drain(1..=Set::GADGET)), WireError::Order),
        ("a residue too large", |up| up[1][HEADER_BYTES + 8..][..8].fill(0xff), WireError::Residue),
        ("units before keys", |up| drop(up.drain(1..first_unit(up))), WireError::Order),
        (
            "an end before keys",
            |up| {
                let bye = up.pop().unwrap();
                up.insert(1, bye);
                up[1][24] = 1;
            },
            WireError::Order,
        ),
        (
            "another key",
            |up| {
                let first = first_unit(up);
                let mut key = up[first - 1].clone();
                key[24..28].copy_from_slice(&(first as u32).to_le_bytes());
                up[first] = key;
            },
            WireError::Order,
        ),
        (
            "other tokens",
            |up| {
                let first = first_unit(up);
                up[first][HEADER_BYTES + 4] ^= 1;
            },
            WireError::Order,
        ),
        (
            "no such group",
            |up| {
                let first = first_unit(up);
                up[first][HEADER_BYTES] = 5;
            },
            WireError::Body,
        ),
        (
            "cut short",
            |up| {
                let first = first_unit(up);
                let payload = up[first][HEADER_BYTES..].to_vec();
                up[first] = wire::frame(wire::header(&up[first]), &payload[..payload.len() - 1]);
            },
            WireError::Length,
        ),
        (
            "a residue too large in a unit",
            |up| {
                let first = first_unit(up);
                up[first][HEADER_BYTES + 8..][..8].fill(0xff);
            },
            WireError::Residue,
        ),
    ];
    let up = frames();
    for (what, spoil, error) in cases {
        let mut frames = up.clone();
        spoil(&mut frames);
        assert_eq!(refusal(&frames).and_then(|refusal| refusal.wire), Some(error), "{what}");
    }
}

/// A device that is answered with frames that break the protocol ends, and keeps nothing.
#[test]
fn malformed_answers_end_the_session() {
    type Spoil = fn(&mut Vec<u8>);
    let cases: [(&str, Spoil); 6] = [
        ("another group", |frame| frame[HEADER_BYTES] ^= 1),
        ("other tokens", |frame| frame[HEADER_BYTES + 4] ^= 1),
        ("another number", |frame| frame[24] ^= 1),
        ("another session", |frame| frame[8] ^= 1),
        ("shorter", |frame| {
            let payload = frame[HEADER_BYTES..frame.len() - 1].to_vec();
            *frame = wire::frame(wire::header(frame), &payload);
        }),
        ("longer", |frame| {
            let payload = [&frame[HEADER_BYTES..], &[0]].concat();
            *frame = wire::frame(wire::header(frame), &payload);
        }),
    ];
    for (what, spoil) in cases {
        for at in 1..=UNITS.len() {
            let tamper: Tamper = Box::new(move |answer: &mut Answer<'_>| {
                if answer.index == at {
                    spoil(&mut answer.frame);
                }
            });
            let host = Loopback::new(&TINY.engine, tamper);
            let mut store = MemoryStore::new(&TINY.config);
            let prepared = prepare_direct_here::<Set>(&TINY, &host, &mut store, &UNITS, 9);
            assert!(prepared.result.is_err(), "{what} in answer {at}");
            assert!(prepared.units.is_empty());
            assert_eq!(available(&store, &TINY.config), [0; 5], "{what} in answer {at}");
        }
    }
}

/// Each block says what the rule says, whatever the order of groups.
#[test]
fn blocks_name_group_and_tokens() {
    let up = frames();
    let first = first_unit(&up);
    for (frame, group) in up[first..].iter().zip(UNITS) {
        let (block, _) = Block::split(&frame[HEADER_BYTES..]).unwrap();
        assert_eq!(block, Block { index: group.0, count: unit_tokens::<Set>(&TINY) });
    }
}
