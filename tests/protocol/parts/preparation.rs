//! Preparations whose replies come in several frames.

use super::{ends, lie};
use crate::harness::link::{Answer, Cut, Event, LinkError, Loopback, Tamper, honest};
use crate::harness::model::WIDE;
use crate::harness::now;
use crate::harness::run::Set;
use crate::harness::store::available;
use crate::harness::unit::{Prepared, prepare_direct_over};
use crate::harness::wire;
use crate::preparation_direct::{take_all, unit_tokens};
use device_client::prepare_direct::preparation_rule;
use device_client::store::MemoryStore;
use kernel::model::GroupId;
use kernel::wire::{FrameType, HEADER_BYTES};

const UNITS: [GroupId; 4] = [GroupId(4), GroupId(0), GroupId(3), GroupId(4)];

/// The least payload that results fit.
fn least() -> usize {
    let rule = preparation_rule::<Set>(&WIDE.bundle()).unwrap();
    (256..).find(|&bytes| rule.largest_replies(bytes).0 <= bytes).unwrap()
}

fn session(host: &Loopback, payload: usize) -> (Prepared<LinkError>, MemoryStore) {
    let mut store = MemoryStore::new(&WIDE.config);
    let link = host.link();
    let ended = now(prepare_direct_over::<Set, _>(&WIDE, link, &mut store, &UNITS, 5, payload));
    (ended, store)
}

/// The frames' lengths are the rule's, all frames of a reply have its number, and the images are exact.
#[test]
fn units_are_exact() {
    let rule = preparation_rule::<Set>(&WIDE.bundle()).unwrap();
    for payload in [least(), least() + 700, 1 << 20] {
        let host = Loopback::new(&WIDE.engine, honest());
        let (ended, mut store) = session(&host, payload);
        assert_eq!(ended.result, Ok(()));
        let tokens = unit_tokens::<Set>(&WIDE);
        assert_eq!(available(&store, &WIDE.config), [1, 0, 0, 1, 2].map(|units| units * tokens));
        take_all(&WIDE, &mut store);
        let frames = (1..).zip(UNITS).flat_map(|(number, group)| {
            let (_, reply) = rule.payloads(WIDE.shape(group), payload);
            reply.parts().map(move |part| {
                (FrameType::ProductReply, number, reply.payload_bytes(&part) as u32)
            })
        });
        let down: Vec<_> = host.down()[1..].iter().map(|frame| wire::outline(frame)).collect();
        assert_eq!(down, frames.collect::<Vec<_>>());
        assert!(down.len() > UNITS.len() || payload == 1 << 20);
    }
}

#[test]
fn a_lie_in_any_frame_drops_the_whole_session_and_does_not_show() {
    let uncut = Loopback::new(&WIDE.engine, honest());
    session(&uncut, least()).0.result.unwrap();
    for at in 1..uncut.down().len() {
        let tamper: Tamper = Box::new(move |answer: &mut Answer<'_>| {
            if answer.index == at {
                lie(&mut answer.frame);
            }
        });
        let host = Loopback::new(&WIDE.engine, tamper);
        let (ended, store) = session(&host, least());
        assert_eq!(ended.result, Ok(()));
        assert!(ended.units.iter().all(|unit| !unit.1), "answer {at}");
        assert_eq!(available(&store, &WIDE.config), [0; 5]);
        assert!(host.up() == uncut.up() && host.outline() == uncut.outline(), "answer {at}");
    }
}

/// Nothing is resumed: whatever has come is dropped.
#[test]
fn a_link_that_breaks_at_any_frame_drops_the_whole_session() {
    let uncut = Loopback::new(&WIDE.engine, honest());
    session(&uncut, least()).0.result.unwrap();
    let down = uncut.down();
    for end in &ends(&down)[..down.len() - 1] {
        for by in [0, 1, HEADER_BYTES as u64 + 30] {
            let cut = Cut { up: false, after: end + by, quiet: by == 0 };
            let host = Loopback::new(&WIDE.engine, honest()).breaking(&[cut], 1);
            let (ended, store) = session(&host, least());
            assert!(ended.result.is_err(), "{cut:?}");
            assert_eq!(available(&store, &WIDE.config), [0; 5], "{cut:?}");
        }
    }
}

#[test]
fn replies_that_are_cut_otherwise_end_the_session() {
    let uncut = Loopback::new(&WIDE.engine, honest());
    session(&uncut, least()).0.result.unwrap();
    let down = uncut.down();
    for at in 1..down.len() - 1 {
        let mut cases: Vec<(&str, Vec<u8>)> = vec![
            ("the frame before again", down[at - 1].clone()),
            ("the next frame", down[at + 1].clone()),
        ];
        for (name, place, by) in [
            ("first", 8, 1),
            ("count", 12, 1),
            ("none", 12, 255),
            ("many", 15, 1),
            ("tokens", 4, 1),
        ] {
            let mut frame = down[at].clone();
            frame[HEADER_BYTES + place] = frame[HEADER_BYTES + place].wrapping_add(by);
            cases.push((name, frame));
        }
        for length in [down[at].len() - 1, HEADER_BYTES + 16, HEADER_BYTES + 8] {
            let payload = &down[at][HEADER_BYTES..length];
            cases.push(("shorter", wire::frame(wire::header(&down[at]), payload)));
        }
        for (name, spoiled) in cases {
            let tamper: Tamper = Box::new(move |answer: &mut Answer<'_>| {
                if answer.index == at {
                    answer.frame.clone_from(&spoiled);
                }
            });
            let host = Loopback::new(&WIDE.engine, tamper);
            let (ended, store) = session(&host, least());
            assert!(ended.result.is_err(), "{name}, answer {at}");
            assert_eq!(available(&store, &WIDE.config), [0; 5], "{name}, answer {at}");
            let up = |event: &Event| matches!(event, Event::Up(_));
            let sent = host.events().iter().filter(|event| up(event)).count();
            let before = uncut.up().len() - UNITS.len() - 1;
            let unit = wire::header(&down[at]).sequence as usize;
            assert_eq!(sent, before + unit, "{name}, answer {at}");
        }
    }
}

/// Frames that do not hold a result.
#[test]
fn frames_that_are_too_short() {
    let host = Loopback::new(&WIDE.engine, honest());
    let (ended, store) = session(&host, least() - 1);
    assert!(ended.result.is_err());
    assert_eq!(available(&store, &WIDE.config), [0; 5]);
    assert!(host.up().is_empty());
}
