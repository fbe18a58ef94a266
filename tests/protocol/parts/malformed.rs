//! Answers that are cut otherwise than is due: they end the session at once.

use super::{Due, direct, due, room, run};
use crate::harness::link::{Answer, Event, LinkError, Loopback, Tamper, honest};
use crate::harness::model::WIDE;
use crate::harness::wire;
use device_client::client::ClientError;
use device_client::session::SessionError;
use device_client::transport::TransportError;
use kernel::wire::{HEADER_BYTES, REPLY_PREFIX_BYTES, WireError};

fn why(error: &ClientError<LinkError>) -> Option<WireError> {
    match error {
        ClientError::Session(SessionError::Wire(error))
        | ClientError::Transport(TransportError::Wire(error)) => Some(*error),
        _ => None,
    }
}

/// Of all frames of the honest session those that come in place of frame `at`.
type Spoil = fn(&[Vec<u8>], usize, &Due) -> Vec<Vec<u8>>;

fn changed(frame: &[u8], at: usize, by: u8) -> Vec<Vec<u8>> {
    let mut frame = frame.to_vec();
    frame[HEADER_BYTES + at] = frame[HEADER_BYTES + at].wrapping_add(by);
    vec![frame]
}

fn resized(frame: &[u8], by: isize) -> Vec<Vec<u8>> {
    let mut payload = frame[HEADER_BYTES..].to_vec();
    payload.resize(payload.len().saturating_add_signed(by), 0);
    vec![wire::frame(wire::header(frame), &payload)]
}

/// The results of these frames in one, as if it held all of them.
fn joined(frames: &[Vec<u8>], first: u32) -> Vec<Vec<u8>> {
    let mut payload = frames[0][HEADER_BYTES..][..8].to_vec();
    payload.extend(first.to_le_bytes());
    payload.extend((frames.len() as u32).to_le_bytes());
    for frame in frames {
        payload.extend(&frame[HEADER_BYTES + REPLY_PREFIX_BYTES..]);
    }
    vec![wire::frame(wire::header(&frames[0]), &payload)]
}

const CASES: [(&str, Spoil, WireError); 16] = [
    ("another group", |all, at, _| changed(&all[at], 0, 1), WireError::Order),
    ("other tokens", |all, at, _| changed(&all[at], 4, 1), WireError::Order),
    ("another first result", |all, at, _| changed(&all[at], 8, 1), WireError::Order),
    ("the result before", |all, at, _| changed(&all[at], 8, 255), WireError::Order),
    ("a far first result", |all, at, _| changed(&all[at], 11, 128), WireError::Order),
    ("more results", |all, at, _| changed(&all[at], 12, 1), WireError::Order),
    ("no results", |all, at, _| changed(&all[at], 12, 255), WireError::Order),
    ("very many results", |all, at, _| changed(&all[at], 15, 255), WireError::Order),
    ("a byte too few", |all, at, _| resized(&all[at], -1), WireError::Length),
    ("a byte too many", |all, at, _| resized(&all[at], 1), WireError::Length),
    ("the prefix alone", |all, at, _| resized(&all[at], -624), WireError::Length),
    (
        "another number",
        |all, at, _| {
            let mut frame = all[at].clone();
            frame[24] = frame[24].wrapping_add(1);
            vec![frame]
        },
        WireError::Order,
    ),
    ("the frame before again", |all, at, _| vec![all[at - 1].clone()], WireError::Order),
    ("the next frame", |all, at, _| vec![all[at + 1].clone()], WireError::Order),
    ("twice", |all, at, _| vec![all[at].clone(), all[at].clone()], WireError::Order),
    (
        "all in one",
        |all, at, due| joined(&all[at..][..due.of - due.index], due.part.index),
        WireError::Length,
    ),
];

#[test]
fn answers_that_are_cut_otherwise_end_the_session() {
    let run = run(room(1));
    let uncut = Loopback::new(&WIDE.engine, honest());
    direct(&run, &uncut).unwrap();
    let (down, frames) = (uncut.down(), due(&run, 0));
    let mut told = 0;
    for (name, spoil, expected) in CASES {
        for (due, at) in frames.iter().zip(1..down.len() - 1) {
            // Frames of one row have shorter results.
            let short = wire::header(&down[at]).length as usize != room(1);
            if due.of == 1 || short && name == "the prefix alone" {
                continue;
            }
            let replaced = spoil(&down, at, due);
            if name == "all in one" && due.index + 1 == due.of {
                continue;
            }
            told += 1;
            let spoiled = replaced.concat();
            let tamper: Tamper = Box::new(move |answer: &mut Answer<'_>| {
                if answer.index == at {
                    answer.frame.clone_from(&spoiled);
                }
            });
            let host = Loopback::new(&WIDE.engine, tamper);
            let error = direct(&run, &host).unwrap_err();
            assert_eq!(why(&error), Some(expected), "{name}, {due:?}");
            let events = host.events();
            assert!(!events.contains(&Event::Pause), "{name}, {due:?}");
            // No request follows that was not there without it.
            let products = events.iter().filter(|event| matches!(event, Event::Up(_))).count();
            let keys = uncut.up().len() - frames[frames.len() - 1].product - 3;
            let seen = due.product + usize::from(name == "twice" && due.index + 1 == due.of);
            assert_eq!(products, 1 + keys + seen + 1, "{name}, {due:?}");
        }
    }
    assert!(told > 100);
}

/// A host that stops in the middle of an answer: the device waits, and is not content with less.
#[test]
fn a_missing_frame_is_not_done_without() {
    let run = run(room(1));
    for (due, at) in due(&run, 0).into_iter().zip(1..) {
        let tamper: Tamper = Box::new(move |answer: &mut Answer<'_>| {
            if answer.index == at {
                answer.frame.clear();
                answer.hang_up = true;
            }
        });
        let error = direct(&run, &Loopback::new(&WIDE.engine, tamper)).unwrap_err();
        assert_eq!(error, ClientError::Transport(TransportError::Closed), "{due:?}");
    }
}
