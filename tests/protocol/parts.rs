//! Answers of direct mode in several frames: the run in the clear over links that break between any two
//! of them, and hosts that lie in any of them or cut them otherwise.

mod cuts;
mod malformed;
mod preparation;

use crate::harness::link::{Answer, LinkError, Loopback, Tamper, honest};
use crate::harness::model::{WIDE, tiny};
use crate::harness::moments::Noted;
use crate::harness::now;
use crate::harness::random::Rng;
use crate::harness::run::{Place, Run, Set};
use crate::harness::store::provisioned;
use crate::harness::wire;
use device_client::client::ClientError;
use device_client::session::{SessionError, Verdict};
use host_server::session::{Refusal, Session, SessionLimits};
use kernel::params::ParameterSet;
use kernel::stream::Seed;
use kernel::trace::Layout;
use kernel::wire::{
    Block, FaultCode, FrameType, HEADER_BYTES, MAX_PAYLOAD, REPLY_PREFIX_BYTES, ReplyFrames,
};
use std::sync::Arc;

/// Bytes of the longest result of the products here: 64 numbers of 42 bits and as many of 36.
const RESULT: usize = 336 + 288;

/// Frames with as many of the longest results.
const fn room(results: usize) -> usize {
    REPLY_PREFIX_BYTES + results * RESULT
}

/// Eight rows at a time, which are several ciphertexts, and a head of three blocks.
fn run(max_payload: usize) -> Run<'static> {
    Run { max_payload, ..Run::new(&WIDE, 5, 8, 2, 8) }
}

fn direct(run: &Run<'_>, host: &Loopback) -> Result<(Vec<Place>, Verdict), ClientError<LinkError>> {
    now(run.direct_over(Seed::from_bytes([3; 32]), host.clone(), |_, _| {}))
}

/// A frame that is due from the host: its product, its number among the answer's frames, and how many
/// these are.
#[derive(Clone, Copy, Debug)]
struct Due {
    product: usize,
    index: usize,
    of: usize,
    part: Block,
    payload: usize,
}

/// The frames of all answers of a session, from product `masked` on; before it they are single.
fn due(run: &Run<'_>, masked: usize) -> Vec<Due> {
    let mut all = Vec::new();
    let products = run.schedule.products(&run.model.config);
    for (product, due) in products.enumerate().skip(masked) {
        let (shape, tokens) = (run.model.shape(due.group), due.tokens as usize);
        let layout = Layout::for_product(Set::N, shape.rows, shape.columns, tokens);
        let frames = ReplyFrames::new(&layout, shape.rows, tokens, run.max_payload);
        all.extend(frames.parts().enumerate().map(|(index, part)| {
            let (of, payload) = (frames.count(), frames.payload_bytes(&part));
            Due { product, index, of, part, payload }
        }));
    }
    all
}

/// The answers are cut as both sides know.
fn cut_as_due(run: &Run<'_>, masked: usize, down: &[Vec<u8>]) {
    let due = due(run, masked);
    assert!(due.iter().any(|due| due.of > 1) || run.max_payload > room(4));
    let answers = &down[1 + masked..];
    assert_eq!(answers.len(), due.len());
    for (frame, due) in answers.iter().zip(due) {
        let number = due.product as u32 + 1;
        let length = due.payload as u32;
        assert_eq!(wire::outline(frame), (FrameType::ProductReply, number, length));
        assert!(due.payload <= run.max_payload);
        let (_, rest) = Block::split(&frame[HEADER_BYTES..]).unwrap();
        assert_eq!(Block::split(rest).unwrap().0, due.part);
    }
}

#[test]
fn direct_runs_equal_the_run_in_the_clear() {
    for max_payload in [room(1), room(2) - 1, room(2), room(3), 5000, MAX_PAYLOAD] {
        let (run, host) = (run(max_payload), Loopback::new(&WIDE.engine, honest()));
        let (places, verdict) = direct(&run, &host).unwrap();
        assert_eq!((places, verdict.failed), (run.plain(), 0));
        let rows: u32 = run.schedule.products(&WIDE.config).map(|product| product.tokens).sum();
        assert_eq!(verdict.checks, rows);
        cut_as_due(&run, 0, &host.down());
    }
}

#[test]
fn mixed_runs_equal_the_run_in_the_clear() {
    let run = Run { max_payload: room(2), ..Run::new(&WIDE, 3, 3, 2, 2) };
    for masked in [0, 1, 7, 9, 13] {
        let host = Loopback::new(&WIDE.engine, honest());
        let mut store = provisioned(&WIDE, &run.schedule, 1, &mut Rng(1));
        let seed = Seed::from_bytes([2; 32]);
        let ended = now(run.mixed_over(&mut store, seed, masked, host.clone(), |_, _| {}));
        let (places, verdict) = ended.unwrap();
        assert_eq!((places, verdict.failed), (run.plain(), 0), "{masked} masked");
        cut_as_due(&run, masked as usize, &host.down());
    }
}

/// A head of more results than 2^20 bytes hold.
#[test]
fn a_head_beyond_the_largest_payload() {
    let model = tiny(108_000);
    let run = Run::new(&model, 1, 1, 1, 1);
    let (host, head) = (Loopback::new(&model.engine, honest()), due(&run, 4));
    assert_eq!(head.iter().map(|due| due.part.count).collect::<Vec<_>>(), [1680, 8]);
    let (places, verdict) = direct(&run, &host).unwrap();
    assert_eq!((places, verdict.failed), (run.plain(), 0));
    assert_eq!(host.down().len(), 1 + 4 + 2);
}

/// Devices that take less than a result, or than a masked answer, open no session.
#[test]
fn devices_that_take_too_little() {
    let host = Loopback::new(&WIDE.engine, honest());
    let refused = |ended: Result<_, ClientError<LinkError>>| {
        assert_eq!(ended.map(drop), Err(ClientError::Session(SessionError::Chunk)));
    };
    for max_payload in [0, 1, REPLY_PREFIX_BYTES, room(1) - 1] {
        refused(direct(&run(max_payload), &host));
    }
    let run = Run { max_payload: 8 + 4 * 8 * 150 - 1, ..run(0) };
    let mut store = provisioned(&WIDE, &run.schedule, 1, &mut Rng(1));
    refused(now(run.mixed_over(&mut store, Seed::from_bytes([2; 32]), 1, host.clone(), |_, _| {})));
    assert_eq!(host.events(), []);
}

/// A product whose whole answer takes more bytes than a session may have is refused at its opening.
#[test]
fn products_are_bounded() {
    let (run, host) = (run(room(1)), Loopback::new(&WIDE.engine, honest()));
    direct(&run, &host).unwrap();
    let hello = &host.up()[0];
    let open = |product_bytes| {
        let limits = SessionLimits { product_bytes, ..SessionLimits::default() };
        let mut session = Session::new(Arc::clone(&WIDE.engine), limits);
        let header = wire::header(hello);
        session.admit(&header).unwrap();
        session.receive(&header, &hello[HEADER_BYTES..]).map(drop)
    };
    // The request twice, and three times four frames of a result each.
    let needed = 2 * (8 + 4 * 664) + 3 * 4 * room(1);
    assert_eq!(open(needed), Ok(()));
    assert_eq!(open(needed - 1), Err(Refusal::from(FaultCode::Limits)));
}

/// Changes the highest bit of the first mask word of a frame.
fn lie(frame: &mut [u8]) {
    frame[HEADER_BYTES + REPLY_PREFIX_BYTES + 5] ^= 2;
}

/// Lies in answer `at`, over all links.
fn liar(at: usize) -> Tamper {
    Box::new(move |answer: &mut Answer<'_>| {
        if answer.index == at {
            lie(&mut answer.frame);
        }
    })
}

/// A lie in any frame is caught with the answer's last. The host sees what it sees otherwise, up to the
/// answer to the byte; afterwards all bytes are the same in whichever frame of an answer the lie was.
#[test]
fn a_lie_in_any_frame_is_caught_and_does_not_show() {
    let run = run(room(1));
    let talk = |run: &Run<'_>, tamper| {
        let host = Loopback::new(&WIDE.engine, tamper);
        let device = Noted::new(&host);
        let seed = Seed::from_bytes([3; 32]);
        let ended = now(run.direct_over(seed, device.clone(), |_, _| {}));
        (host, device.moments(), ended.unwrap())
    };
    let (uncut, moments, (_, verdict)) = talk(&run, honest());
    assert_eq!(verdict.failed, 0);
    let other = Run { prompt: vec![9, 8, 7], ..run.clone() };
    let (host, of_other, _) = talk(&other, honest());
    assert!(host.outline() == uncut.outline() && of_other == moments, "two prompts");
    let (up, heads, plain) = (uncut.up(), run.heads(), run.plain());
    let products = run.schedule.product_count(&WIDE.config) as usize;
    let keys = up.len() - products - 2;
    let mut caught: Option<(usize, Vec<Vec<u8>>)> = None;
    for (at, due) in due(&run, 0).into_iter().enumerate() {
        let (host, noted, (places, verdict)) = talk(&run, liar(1 + at));
        assert!(verdict.failed > 0, "{due:?}");
        assert!(host.outline() == uncut.outline() && noted == moments, "{due:?}");
        let same = 1 + keys + due.product + 1;
        let said = host.up();
        assert!(said[..same] == up[..same], "{due:?}");
        match &caught {
            Some((product, first)) if *product == due.product => {
                assert!(said == *first, "{due:?}: the bytes tell which frame it was");
            }
            _ => caught = Some((due.product, said)),
        }
        for ((place, plain), head) in places.iter().zip(&plain).zip(&heads) {
            assert_eq!(place.sound, *head < due.product, "{due:?}");
            assert!(!place.sound || place == plain);
        }
        let (host, noted, _) = talk(&other, liar(1 + at));
        assert!(host.outline() == uncut.outline() && noted == moments, "{due:?}, another prompt");
    }
}

/// Bytes that have come down when each frame is whole.
fn ends(down: &[Vec<u8>]) -> Vec<u64> {
    let add = |sum: &mut u64, frame: &Vec<u8>| {
        *sum += frame.len() as u64;
        Some(*sum)
    };
    down.iter().scan(0, add).collect()
}
