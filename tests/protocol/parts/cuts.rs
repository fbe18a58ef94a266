//! Links that break between the frames of an answer and within them.

use super::{direct, due, ends, liar, lie, room, run};
use crate::harness::link::{Answer, Cut, Event, Loopback, honest};
use crate::harness::model::{TINY, WIDE};
use crate::harness::run::Run;
use crate::harness::wire;
use device_client::client::ClientError;
use device_client::session::{PART_BYTES, SessionError};
use kernel::wire::{FrameType, HEADER_BYTES};

/// Before, at and behind every edge of every frame: the same request again, to the byte, and the whole
/// answer to it.
#[test]
fn broken_links_are_resumed() {
    let run = run(room(1));
    let uncut = Loopback::new(&WIDE.engine, honest());
    let outcome = direct(&run, &uncut).unwrap();
    let (up, down) = (uncut.up(), uncut.down());
    let frames = due(&run, 0);
    for (at, (end, due)) in ends(&down).into_iter().zip(&frames).enumerate() {
        // Where the link carries part of the frame that is due, or none of it.
        for (by, quiet) in [(0, true), (1, false), (HEADER_BYTES as u64 + 20, at % 2 == 0)] {
            let cut = Cut { up: false, after: end + by, quiet };
            let host = Loopback::new(&WIDE.engine, honest()).breaking(&[cut], 1);
            assert_eq!(direct(&run, &host).unwrap(), outcome, "{cut:?}");
            assert_eq!(host.refusal(), None);
            let product = |frame: &&Vec<u8>| wire::header(frame).frame == FrameType::Product;
            let sent = host.up();
            let sent: Vec<_> = sent.iter().filter(product).collect();
            assert!(sent.iter().all(|frame| up.contains(frame)), "{cut:?}");
            let products = frames[frames.len() - 1].product + 1;
            if due.index == 0 && by == 0 {
                // The link was dead before the request.
                assert_eq!(sent.len(), products, "{cut:?}");
            } else {
                assert!(sent[due.product] == sent[due.product + 1], "{cut:?}");
                assert_eq!(sent.len(), products + 1, "{cut:?}");
            }
            // After the welcome of the second link comes the answer's first frame.
            let again = host.down();
            let welcome = |frame: &Vec<u8>| wire::header(frame).frame == FrameType::Welcome;
            let resumed = again.iter().rposition(welcome).unwrap();
            assert!(again[resumed + 1..] == down[1 + at - due.index..], "{cut:?}");
        }
    }
}

/// Whatever the parts in which a device sends and takes its frames, they are the same frames.
#[test]
fn parts_of_any_length_are_the_same_frames() {
    let run = run(room(2));
    let uncut = Loopback::new(&WIDE.engine, honest());
    let outcome = direct(&run, &uncut).unwrap();
    for part_bytes in [PART_BYTES, PART_BYTES + 1, 664, 700, 4096, 1 << 20] {
        let host = Loopback::new(&WIDE.engine, honest());
        assert_eq!(direct(&Run { part_bytes, ..run.clone() }, &host).unwrap(), outcome);
        assert!(host.events() == uncut.events(), "parts of {part_bytes} bytes");
    }
    let host = Loopback::new(&WIDE.engine, honest());
    let refused = direct(&Run { part_bytes: PART_BYTES - 1, ..run }, &host).map(drop);
    assert_eq!(refused, Err(ClientError::Session(SessionError::Order)));
    assert_eq!(host.events(), []);
}

/// A link that breaks before, at and behind the end of every part of a request and of its answer, and
/// within it: the same request again, in the same parts or in others.
#[test]
fn links_that_break_at_any_part_are_resumed() {
    let run = Run { part_bytes: PART_BYTES, ..Run::new(&TINY, 3, 4, 2, 4) };
    let uncut = Loopback::new(&TINY.engine, honest());
    let outcome = direct(&run, &uncut).unwrap();
    let (up, down) = (uncut.up(), uncut.down());
    let first = up.iter().position(|frame| wire::header(frame).frame == FrameType::Product);
    // The widest product, and its answer.
    let at = first.unwrap() + 3;
    let number = wire::header(&up[at]).sequence as usize - first.unwrap();
    let mut told = 0;
    for (is_up, frames, at) in [(true, &up, at), (false, &down, number + 1)] {
        let (end, length) = (ends(frames)[at], frames[at].len());
        assert!(length > 2 * PART_BYTES);
        for place in 0..length {
            // Where a part ends on its way up; on its way down a header comes before the parts.
            let from_end = (place + if is_up { 0 } else { PART_BYTES - HEADER_BYTES }) % PART_BYTES;
            let edge = place < 3 || place + 3 > length || matches!(from_end, 0 | 1 | 255);
            if !edge && place % 7 != 0 {
                continue;
            }
            told += 1;
            let after = end - (length - place) as u64;
            let cut = Cut { up: is_up, after, quiet: place % 2 == 0 };
            let host = Loopback::new(&TINY.engine, honest()).breaking(&[cut], 1);
            assert_eq!(direct(&run, &host).unwrap(), outcome, "{cut:?}");
            assert_eq!(host.refusal(), None, "{cut:?}");
            let product = |frame: &&Vec<u8>| wire::header(frame).frame == FrameType::Product;
            let sent = host.up();
            assert!(sent.iter().filter(product).all(|frame| up.contains(frame)), "{cut:?}");
            // What had gone up of it is its beginning.
            for event in host.events() {
                if let Event::Partial(bytes) = event {
                    assert!(up[at].starts_with(&bytes), "{cut:?}");
                }
            }
        }
    }
    assert!(told > 60);
}

/// What came of an answer before its link broke is forgotten: a lie in it, and that it was good.
#[test]
fn an_answer_begins_anew_on_a_new_link() {
    let run = run(room(1));
    let uncut = Loopback::new(&WIDE.engine, honest());
    let outcome = direct(&run, &uncut).unwrap();
    let ends = ends(&uncut.down());
    let mut count = 0;
    for (at, due) in due(&run, 0).into_iter().enumerate() {
        if due.index + 1 == due.of {
            continue;
        }
        count += 1;
        // The frame is whole, and the next does not come.
        let cut = Cut { up: false, after: ends[1 + at], quiet: false };
        let host = Loopback::new(&WIDE.engine, liar(1 + at)).breaking(&[cut], 1);
        assert_eq!(direct(&run, &host).unwrap(), outcome, "{due:?}");

        let mut links = 0;
        let on_the_second = move |answer: &mut Answer<'_>| {
            let header = wire::header(&answer.frame);
            links += usize::from(header.frame == FrameType::Welcome);
            let part = answer.frame.get(HEADER_BYTES + 8..HEADER_BYTES + 12);
            let same = header.sequence as usize == due.product + 1
                && part == Some(&due.part.index.to_le_bytes()[..]);
            if links == 2 && same {
                lie(&mut answer.frame);
            }
        };
        let host = Loopback::new(&WIDE.engine, Box::new(on_the_second)).breaking(&[cut], 1);
        let (places, verdict) = direct(&run, &host).unwrap();
        assert!(verdict.failed > 0, "{due:?}");
        for (place, head) in places.iter().zip(run.heads()) {
            assert_eq!(place.sound, head < due.product);
        }
    }
    assert!(count > 10);
}
