//! Hosts that lie and links that break: all of a session's units go, and nothing of it shows.

use super::{take_all, unit_tokens};
use crate::harness::link::{Answer, Cut, Event, Loopback, Outline, Tamper, honest};
use crate::harness::model::TINY;
use crate::harness::random::Rng;
use crate::harness::run::Set;
use crate::harness::sealed::{Memory, Step};
use crate::harness::store::available;
use crate::harness::unit::{Prepared, prepare_direct_here};
use crate::harness::wire;
use device_client::store::CorrelationStore;
use kernel::model::GroupId;
use kernel::wire::{BLOCK_PREFIX_BYTES, FrameType, HEADER_BYTES, REPLY_PREFIX_BYTES};

const UNITS: [GroupId; 6] =
    [GroupId(2), GroupId(0), GroupId(4), GroupId(3), GroupId(2), GroupId(1)];
const ROOM: usize = 20;

/// Tokens of each group if all units of a session are kept.
fn all() -> Vec<u32> {
    let tokens = unit_tokens::<Set>(&TINY);
    [1, 1, 2, 1, 1].map(|units| units * tokens).to_vec()
}

fn fresh() -> Memory {
    let memory = Memory::default();
    memory.create(&TINY, ROOM);
    memory
}

/// What the host sees, to the byte and in order, and where the device works on its storage.
struct Seen {
    up: Vec<Vec<u8>>,
    outline: Vec<Outline>,
    steps: Vec<Step>,
}

fn session(memory: &Memory, host: &Loopback) -> (Seen, Prepared<crate::harness::link::LinkError>) {
    let mut store = memory.open(&TINY);
    memory.watch(host);
    let prepared = prepare_direct_here::<Set>(&TINY, host, &mut store, &UNITS, 5);
    let (up, outline, steps) = (host.up(), host.outline(), memory.steps());
    (Seen { up, outline, steps }, prepared)
}

/// A lie in any answer: all of the session's units go, and the host sees what it sees otherwise.
#[test]
fn a_lie_drops_the_whole_session_and_does_not_show() {
    let memory = fresh();
    let (honest, prepared) = session(&memory, &Loopback::new(&TINY.engine, honest()));
    assert_eq!(prepared.result, Ok(()));
    let mut store = memory.open(&TINY);
    assert_eq!(available(&store, &TINY.config), all());
    take_all(&TINY, &mut store);
    // The store changes once, when the last frame has left.
    let states = honest.steps.iter().filter(|(_, kind, _)| *kind == "remember");
    let places: Vec<_> = states.map(|(events, ..)| *events).collect();
    assert_eq!(places, [honest.outline.len() - 1], "behind the last frame, before the close");

    for at in 1..=UNITS.len() {
        let mut caught = 0;
        for place in [0, 5, 200, 4000] {
            let lie: Tamper = Box::new(move |answer: &mut Answer<'_>| {
                if answer.index == at {
                    let from = HEADER_BYTES + REPLY_PREFIX_BYTES;
                    let length = answer.frame.len() - from;
                    answer.frame[from + place % (length - 8)] ^= 0xff;
                }
            });
            let memory = fresh();
            let (lied, prepared) = session(&memory, &Loopback::new(&TINY.engine, lie));
            assert_eq!(prepared.result, Ok(()));
            assert!(lied.up == honest.up, "the device's bytes tell of the lie in answer {at}");
            assert!(lied.outline == honest.outline, "the order tells of the lie in answer {at}");
            assert!(lied.steps == honest.steps, "the storage tells of the lie in answer {at}");
            assert_eq!(prepared.units.len(), UNITS.len());
            let kept = prepared.units[0].1;
            assert!(prepared.units.iter().all(|unit| unit.1 == kept));
            let mut store = memory.open(&TINY);
            if kept {
                // Bits so low that rounding takes them away, places that nobody reads, or masks whose
                // part of the key is 0.
                assert_eq!(available(&store, &TINY.config), all());
                take_all(&TINY, &mut store);
            } else {
                assert_eq!(available(&store, &TINY.config), [0; 5], "answer {at}");
                caught += 1;
            }
        }
        assert!(caught >= 2, "{caught} lies in answer {at} were caught");
    }
}

/// One wrong token of one row is enough.
#[test]
fn a_single_wrong_image_drops_the_whole_session() {
    for at in 1..=UNITS.len() {
        let lie: Tamper = Box::new(move |answer: &mut Answer<'_>| {
            if answer.index == at {
                // The highest bits of the first body of the first result: output 0 of token 0.
                let body = HEADER_BYTES + REPLY_PREFIX_BYTES + 42 * 64 / 8;
                answer.frame[body + 4] ^= 0x08;
            }
        });
        let memory = fresh();
        let (_, prepared) = session(&memory, &Loopback::new(&TINY.engine, lie));
        assert!(prepared.units.iter().all(|unit| !unit.1), "answer {at}");
        assert_eq!(available(&memory.open(&TINY), &TINY.config), [0; 5]);
        assert_eq!(memory.open(&TINY).room(), ROOM);
    }
}

/// A refused session leaves room for the next, under a fresh key.
#[test]
fn what_was_refused_is_prepared_anew() {
    let memory = fresh();
    let lie: Tamper = Box::new(|answer: &mut Answer<'_>| {
        if answer.index == 3 {
            answer.frame[HEADER_BYTES + REPLY_PREFIX_BYTES + 5] ^= 0xff;
        }
    });
    let (first, prepared) = session(&memory, &Loopback::new(&TINY.engine, lie));
    assert!(prepared.units.iter().all(|unit| !unit.1));
    let host = Loopback::new(&TINY.engine, honest());
    let mut store = memory.open(&TINY);
    prepare_direct_here::<Set>(&TINY, &host, &mut store, &UNITS, 6).result.unwrap();
    assert_eq!(available(&store, &TINY.config), all());
    take_all(&TINY, &mut store);
    let units = |frames: &[Vec<u8>]| -> Vec<Vec<u8>> {
        let units = frames.iter().filter(|f| wire::header(f).frame == FrameType::Product);
        units.map(|frame| frame[HEADER_BYTES + BLOCK_PREFIX_BYTES..].to_vec()).collect()
    };
    for (a, b) in units(&first.up).iter().zip(units(&host.up())) {
        assert!(a.chunks(8).zip(b.chunks(8)).all(|(a, b)| a != b));
    }
}

/// A link that breaks before the last answer is there: nothing is kept, and nothing is resumed.
#[test]
fn a_broken_link_drops_the_whole_session() {
    let (whole, _) = session(&fresh(), &Loopback::new(&TINY.engine, honest()));
    let bytes = |frames: &[Vec<u8>]| frames.iter().map(|frame| frame.len() as u64).sum::<u64>();
    let down = {
        let host = Loopback::new(&TINY.engine, honest());
        session(&fresh(), &host);
        bytes(&host.down())
    };
    // Of what goes up, the goodbye is a frame of a header alone.
    let (up, needed_up) = (bytes(&whole.up), bytes(&whole.up) - HEADER_BYTES as u64);
    let rng = &mut Rng(8);
    let mut cuts = vec![(true, 0), (true, needed_up - 1), (true, needed_up), (true, up - 1)];
    cuts.extend([(false, 0), (false, down - 1)]);
    for _ in 0..20 {
        cuts.push((true, rng.below(up as usize) as u64));
        cuts.push((false, rng.below(down as usize) as u64));
    }
    for (direction, after) in cuts {
        for quiet in [false, true] {
            let cut = Cut { up: direction, after, quiet };
            let memory = fresh();
            let host = Loopback::new(&TINY.engine, honest()).breaking(&[cut], 3);
            let (seen, prepared) = session(&memory, &host);
            let complete = direction && after > needed_up;
            assert_eq!(prepared.result.is_ok(), complete, "{cut:?}");
            let connections = seen.outline.iter().filter(|(event, _)| *event == Event::Connect);
            assert_eq!(connections.count(), 1);
            let kept = if complete { all() } else { vec![0; 5] };
            let mut store = memory.open(&TINY);
            assert_eq!(available(&store, &TINY.config), kept, "{cut:?}");
            assert!(complete || seen.steps.iter().all(|(_, kind, _)| *kind == "write"));
            take_all(&TINY, &mut store);
        }
    }
}

/// Whoever gives up a preparation in its middle leaves a store without its units.
#[test]
fn a_preparation_that_is_given_up_leaves_nothing() {
    let memory = fresh();
    let mut store = memory.open(&TINY);
    let host = Loopback::new(&TINY.engine, honest());
    let leaves: Tamper = Box::new(|answer: &mut Answer<'_>| answer.hang_up = answer.index == 4);
    let gone = Loopback::new(&TINY.engine, leaves);
    assert!(prepare_direct_here::<Set>(&TINY, &gone, &mut store, &UNITS, 1).result.is_err());
    assert_eq!(store.room(), ROOM);
    // What the store does next does not bring them back.
    prepare_direct_here::<Set>(&TINY, &host, &mut store, &UNITS[..1], 2).result.unwrap();
    let tokens = unit_tokens::<Set>(&TINY);
    assert_eq!(available(&store, &TINY.config), [0, 0, tokens, 0, 0]);
    assert_eq!(store.available(GroupId(2)), tokens);
    take_all(&TINY, &mut store);
}

/// A session that ends early tells of the lies before, and of none where there was none.
#[test]
fn a_session_that_ends_early_has_its_verdict() {
    for lies in [false, true] {
        let tamper: Tamper = Box::new(move |answer: &mut Answer<'_>| {
            if lies && answer.index == 2 {
                answer.frame[HEADER_BYTES + REPLY_PREFIX_BYTES + 5] ^= 0xff;
            }
            answer.hang_up = answer.index == 4;
        });
        let memory = fresh();
        let (_, prepared) = session(&memory, &Loopback::new(&TINY.engine, tamper));
        assert!(prepared.result.is_err());
        let told = if lies { UNITS.map(|group| (group, false)).to_vec() } else { vec![] };
        assert_eq!(prepared.units, told);
        assert_eq!(available(&memory.open(&TINY), &TINY.config), [0; 5]);
    }
}
