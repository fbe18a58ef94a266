use super::{FRAMES, Spoil, WELCOMES, Why, silent_after};
use crate::harness::link::{Event, LinkError, Loopback};
use crate::harness::model::TINY;
use crate::harness::random::Rng;
use crate::harness::run::Run;
use crate::harness::store::{available, provisioned};
use crate::harness::wire;
use device_client::client::ClientError;
use device_client::session::SessionError;
use device_client::transport::TransportError;
use kernel::prime::{Prime, T};
use kernel::wire::{HEADER_BYTES, WireError};

pub(super) fn why(error: ClientError<LinkError>) -> Why {
    match error {
        ClientError::Transport(TransportError::Wire(error))
        | ClientError::Session(SessionError::Wire(error)) => Why::Wire(error),
        ClientError::Transport(TransportError::Closed) => Why::Closed,
        ClientError::Transport(TransportError::Fault(fault)) => Why::Fault(fault.code),
        other => panic!("{other}"),
    }
}

/// What is wrong with the answer to a product.
const ANSWERS: [(&str, Spoil, Why); 10] = [
    ("t itself", |a| put(&mut a.frame, 0, T::VALUE), Why::Wire(WireError::Residue)),
    (
        "t itself, at the end",
        |a| {
            let last = wire::words(&a.frame).len() - 1;
            put(&mut a.frame, last, T::VALUE);
        },
        Why::Wire(WireError::Residue),
    ),
    ("all ones", |a| put(&mut a.frame, 3, u32::MAX), Why::Wire(WireError::Residue)),
    ("another group", |a| a.frame[HEADER_BYTES] ^= 1, Why::Wire(WireError::Order)),
    ("no such group", |a| a.frame[HEADER_BYTES + 3] = 255, Why::Wire(WireError::Order)),
    ("more rows", |a| a.frame[HEADER_BYTES + 4] += 1, Why::Wire(WireError::Order)),
    ("no rows", |a| a.frame[HEADER_BYTES + 4] = 0, Why::Wire(WireError::Order)),
    ("a word too few", |a| resize(&mut a.frame, -4), Why::Wire(WireError::Length)),
    ("a word too many", |a| resize(&mut a.frame, 4), Why::Wire(WireError::Length)),
    ("half a word", |a| resize(&mut a.frame, -2), Why::Wire(WireError::Length)),
];

fn put(frame: &mut [u8], at: usize, word: u32) {
    let mut words = wire::words(frame);
    words[at] = word;
    wire::set_words(frame, &words);
}

pub(super) fn resize(frame: &mut Vec<u8>, by: isize) {
    let header = wire::header(frame);
    let mut payload = frame.split_off(HEADER_BYTES);
    payload.resize(payload.len().strict_add_signed(by), 0);
    *frame = wire::frame(header, &payload);
}

/// A session whose host spoils its frame `target`: it ends as it should. Its correlations are
/// burned, unless the session has not been opened.
fn fails(name: &str, target: usize, spoil: Spoil, expected: Why) {
    let run = Run::new(&TINY, 2, 2, 2, 1);
    let host = Loopback::new(
        &TINY.engine,
        Box::new(move |answer| {
            if answer.index == target {
                spoil(answer);
            }
        }),
    );
    let mut store = provisioned(&TINY, &run.schedule, 2, &mut Rng(4));
    let error = run.masked(&mut store, &host).unwrap_err();
    assert_eq!(why(error), expected, "{name}, frame {target}");
    let left = if target == 0 { 2 } else { 1 };
    let demand = |group| left * run.schedule.demand(&TINY.config, group);
    let demand: Vec<u32> = TINY.config.groups().map(demand).collect();
    assert_eq!(available(&store, &TINY.config), demand, "{name}");
    match expected {
        // A link that ends is one that may be tried again; this device has no attempt left.
        Why::Closed => {}
        _ => {
            silent_after(&host, target);
            assert!(!host.events().contains(&Event::Pause), "{name}");
        }
    }
}

#[test]
fn wrong_frames_end_the_session() {
    let run = Run::new(&TINY, 2, 2, 2, 1);
    let last = run.schedule.product_count(&TINY.config) as usize;
    for (name, spoil, expected) in FRAMES {
        for target in [0, 1, last / 2, last] {
            fails(name, target, spoil, expected);
        }
    }
    for (name, spoil, expected) in WELCOMES {
        fails(name, 0, spoil, expected);
    }
    for (name, spoil, expected) in ANSWERS {
        for target in [1, last / 2, last] {
            fails(name, target, spoil, expected);
        }
    }
}

/// A frame too many is noticed where the next one is due.
#[test]
fn extra_frames_end_the_session() {
    let twice: Spoil = |a| a.frame.extend(a.frame.clone());
    let run = Run::new(&TINY, 2, 2, 2, 1);
    for target in [0, 1, 6] {
        let host = Loopback::new(
            &TINY.engine,
            Box::new(move |answer| {
                if answer.index == target {
                    twice(answer);
                }
            }),
        );
        let mut store = provisioned(&TINY, &run.schedule, 1, &mut Rng(4));
        let error = run.masked(&mut store, &host).unwrap_err();
        assert_eq!(why(error), Why::Wire(WireError::Order));
        silent_after(&host, target + 1);
    }
}
