//! Links that break between the frames of an answer and within them.

use super::{direct, due, ends, liar, lie, room, run};
use crate::harness::link::{Answer, Cut, Loopback, honest};
use crate::harness::model::WIDE;
use crate::harness::wire;
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
