use crate::harness::link::{Loopback, honest};
use crate::harness::model::TINY;
use crate::harness::now;
use crate::harness::run::Run;
use crate::harness::unit::FORMS;
use crate::harness::wire;
use embedded_io_async::Write;
use host_server::engine::UnitJob;
use host_server::session::{Need, Refusal, Session, SessionLimits};
use kernel::bundle::ModelDigest;
use kernel::model::GroupId;
use kernel::params::ParameterId;
use kernel::prime::{Prime, T};
use kernel::wire::{
    Block, Fault, FaultCode, FrameType, HEADER_BYTES, Header, Hello, MAX_PAYLOAD, MaskSeed,
    Purpose, RowForm, SessionId, UnitOpen, WireError, decode_body, encode_body,
};
use serde::Serialize;
use std::sync::Arc;

const ID: SessionId = SessionId([6; 16]);
const SET: ParameterId = ParameterId::InsecureMasked16x1;
/// Packed bytes of one body.
const BODY: usize = 120;

fn frame(kind: FrameType, sequence: u32, payload: &[u8]) -> Vec<u8> {
    let length = payload.len() as u32;
    wire::frame(Header { frame: kind, set: SET, session: ID, sequence, length }, payload)
}

fn body(body: &impl Serialize) -> Vec<u8> {
    let mut out = [0; 256];
    let length = encode_body(body, &mut out).unwrap();
    out[..length].to_vec()
}

fn hello(purpose: Purpose) -> Hello {
    Hello { digest: TINY.engine.digest(), purpose, answered: 0, max_payload: MAX_PAYLOAD as u32 }
}

const fn masked(prompt_bucket: u32, output_bucket: u32, chunk: u32) -> Purpose {
    Purpose::Masked { prompt_bucket, output_bucket, chunk }
}

fn opening(hello: &Hello) -> Vec<u8> {
    frame(FrameType::Hello, 0, &body(hello))
}

/// A session on the schedule (2, 2, 1), and one of two units.
fn online() -> Vec<u8> {
    opening(&hello(masked(2, 2, 1)))
}

fn offline() -> Vec<u8> {
    opening(&hello(Purpose::Prepare { units: 2 }))
}

/// A block with `bytes` zeros behind it.
fn block(kind: FrameType, sequence: u32, index: u32, count: u32, bytes: usize) -> Vec<u8> {
    let mut payload = Block { index, count }.encode().to_vec();
    payload.resize(8 + bytes, 0);
    frame(kind, sequence, &payload)
}

fn product(sequence: u32, group: u32, tokens: u32) -> Vec<u8> {
    let columns = TINY.config.shape(GroupId(group)).map_or(14, |shape| shape.columns);
    block(FrameType::Product, sequence, group, tokens, 4 * columns * tokens as usize)
}

fn open_unit(sequence: u32, group: u32) -> Vec<u8> {
    open_keys(sequence, group, 1)
}

fn open_keys(sequence: u32, group: u32, keys: u8) -> Vec<u8> {
    let open = UnitOpen { group, seed: MaskSeed::Unit([1; 32]), rows: RowForm::Switched, keys };
    frame(FrameType::UnitOpen, sequence, &body(&open))
}

fn bodies(sequence: u32, first: u32, count: u32) -> Vec<u8> {
    block(FrameType::UnitBodies, sequence, first, count, BODY * count as usize)
}

fn changed(mut frame: Vec<u8>, at: usize, bytes: &[u8]) -> Vec<u8> {
    frame[at..at + bytes.len()].copy_from_slice(bytes);
    frame
}

/// What the host answers to these frames, sent one after the other.
fn send(frames: &[Vec<u8>]) -> (Loopback, Option<Refusal>) {
    let host = Loopback::new(&TINY.engine, honest());
    let mut link = host.link();
    for frame in frames {
        now(link.write_all(frame)).unwrap();
    }
    let refusal = host.refusal();
    (host, refusal)
}

#[track_caller]
fn refused(expected: impl Into<Refusal>, frames: &[Vec<u8>]) {
    let expected = expected.into();
    let (host, refusal) = send(frames);
    assert_eq!(refusal, Some(expected));
    let down = host.down();
    if let Some(last) = down.last() {
        assert_eq!(wire::header(last).frame, FrameType::Fault);
        let fault: Fault = decode_body(&last[HEADER_BYTES..]).unwrap();
        assert_eq!(fault.code, expected.code);
        // It is the only one, and numbered like any other frame.
        let before = &down[..down.len() - 1];
        assert!(before.iter().all(|f| wire::header(f).frame != FrameType::Fault));
    }
    // With a good end to what was bad, the host still says no more.
    let longer = [frames, &[frame(FrameType::Bye, frames.len() as u32, &[])]].concat();
    assert_eq!(send(&longer).0.down(), down);
}

#[track_caller]
fn accepted(frames: &[Vec<u8>]) -> Loopback {
    let (host, refusal) = send(frames);
    assert_eq!(refusal, None);
    host
}

#[test]
fn headers() {
    for (at, bytes, error) in [
        (0, [b'x'].as_slice(), WireError::Magic),
        (4, &[2], WireError::Version(2)),
        (5, &[0], WireError::Unknown),
        (5, &[11], WireError::Unknown),
        (6, &[0], WireError::Unknown),
        (6, &[0xf1], WireError::Unknown),
        (7, &[1], WireError::Unknown),
        (28, &[1, 0, 16, 0], WireError::Length),
        (28, &[255; 4], WireError::Length),
        (28, &[1, 1, 0, 0], WireError::Length),
        (24, &[1], WireError::Order),
        (24, &[255; 4], WireError::Order),
    ] {
        refused(error, &[changed(online(), at, bytes)]);
    }
    refused(WireError::Session, &[online(), changed(product(1, 0, 1), 8, &[7])]);
    refused(WireError::Session, &[online(), changed(product(1, 0, 1), 6, &[5])]);
    for kind in [FrameType::Welcome, FrameType::ProductReply, FrameType::UnitRows, FrameType::Fault]
    {
        refused(WireError::Order, &[frame(kind, 0, &[])]);
        refused(WireError::Order, &[online(), frame(kind, 1, &[])]);
        refused(WireError::Order, &[offline(), frame(kind, 1, &[])]);
    }
    // A header is judged before its payload comes.
    refused(WireError::Length, &[changed(online(), 28, &[0, 0, 16, 0])[..HEADER_BYTES].to_vec()]);
    refused(WireError::Order, &[product(0, 0, 1)[..HEADER_BYTES].to_vec()]);
}

#[test]
fn openings() {
    let limits = |hello: &Hello| refused(FaultCode::Limits, &[opening(hello)]);
    let good = hello(masked(2, 2, 1));
    refused(FaultCode::Model, &[opening(&Hello { digest: ModelDigest([0; 32]), ..good })]);
    for (prompt, output, chunk) in [
        (0, 1, 1),
        (1, 0, 1),
        (1, 1, 0),
        (64, 2, 1),
        (65, 1, 1),
        (u32::MAX, u32::MAX, 1),
        (1, u32::MAX, u32::MAX),
        (2, 2, u32::MAX),
    ] {
        limits(&hello(masked(prompt, output, chunk)));
    }
    // The largest product has 29 words.
    limits(&Hello { max_payload: 8 + 4 * 29 - 1, ..good });
    accepted(&[opening(&Hello { max_payload: 8 + 4 * 29, ..good })]);
    limits(&Hello { max_payload: 0, ..good });
    let count = Run::new(&TINY, 2, 2, 2, 1).schedule.product_count(&TINY.config) as u32;
    refused(WireError::Order, &[opening(&Hello { answered: count + 1, ..good })]);
    refused(WireError::Order, &[opening(&Hello { answered: u32::MAX, ..good })]);
    accepted(&[opening(&Hello { answered: count, ..good }), frame(FrameType::Bye, count + 1, &[])]);

    limits(&hello(Purpose::Prepare { units: 100_001 }));
    limits(&Hello { answered: 1, ..hello(Purpose::Prepare { units: 1 }) });
    let body = body(&good);
    refused(WireError::Body, &[frame(FrameType::Hello, 0, &[])]);
    refused(WireError::Body, &[frame(FrameType::Hello, 0, &body[..body.len() - 1])]);
    refused(WireError::Body, &[frame(FrameType::Hello, 0, &[&body[..], &[0]].concat())]);
    let mut unknown = body.clone();
    unknown[32] = 9;
    refused(WireError::Body, &[frame(FrameType::Hello, 0, &unknown)]);
}

#[test]
fn units_beyond_the_memory_of_a_session() {
    let frame = offline();
    let header = wire::header(&frame);
    for (unit_bytes, refused) in [(1 << 20, false), (100, true)] {
        let limits = SessionLimits { units: 2, unit_bytes, ..SessionLimits::default() };
        let mut session = Session::new(Arc::clone(&TINY.engine), limits);
        session.admit(&header).unwrap();
        let outcome = session.receive(&header, &frame[HEADER_BYTES..]);
        assert_eq!(outcome.err(), refused.then(|| FaultCode::Limits.into()));
    }
}

/// A unit of many keys is refused by what it needs, before any memory is taken.
#[test]
fn keys_beyond_the_memory_of_a_session() {
    let memory = |keys| UnitJob::memory(TINY.shape(GroupId(0)), SET, keys);
    let largest =
        TINY.config.groups().map(|group| UnitJob::memory(TINY.shape(group), SET, 1)).max();
    let unit_bytes = memory(4).max(largest.unwrap());
    assert!(memory(3) < memory(4) && memory(16) > unit_bytes);
    let limits = SessionLimits { units: 2, unit_bytes, ..SessionLimits::default() };
    for (keys, refused) in [(1, false), (4, false), (16, true)] {
        let mut session = Session::new(Arc::clone(&TINY.engine), limits);
        let mut outcomes = [offline(), open_keys(1, 0, keys)].map(|frame| {
            let header = wire::header(&frame);
            session.admit(&header).unwrap();
            session.receive(&header, &frame[HEADER_BYTES..]).err()
        });
        assert_eq!(outcomes[0].take(), None);
        assert_eq!(outcomes[1].take(), refused.then(|| FaultCode::Limits.into()), "{keys} keys");
        let bodies = bodies(2, 0, 1);
        let need = session.need(&wire::header(&bodies)).map(|need| need.memory);
        let expected = memory(keys.into()) + Need::UNIT_FRAMES;
        assert_eq!(need, (!refused).then_some(expected));
    }
}

#[test]
fn products() {
    refused(WireError::Order, &[product(0, 0, 1)]);
    refused(WireError::Order, &[online(), online()]);
    refused(WireError::Order, &[online(), opening(&hello(masked(2, 2, 1)))]);
    for (group, tokens) in [(1, 1), (4, 1), (5, 1), (u32::MAX, 1), (0, 0), (0, 2)] {
        refused(WireError::Order, &[online(), product(1, group, tokens)]);
    }
    refused(WireError::Order, &[online(), block(FrameType::Product, 1, 0, u32::MAX, 56)]);
    for bytes in [0, 52, 55, 57, 60, 1000] {
        refused(WireError::Length, &[online(), block(FrameType::Product, 1, 0, 1, bytes)]);
    }
    refused(WireError::Length, &[online(), frame(FrameType::Product, 1, &[0; 7])]);
    for word in [T::VALUE, u32::MAX] {
        for at in [40, 40 + 52] {
            let bad = changed(product(1, 0, 1), at, &word.to_le_bytes());
            refused(WireError::Residue, &[online(), bad]);
        }
    }
    for sequence in [0, 2, u32::MAX] {
        refused(WireError::Order, &[online(), product(sequence, 0, 1)]);
    }
    refused(WireError::Order, &[online(), product(1, 0, 1), product(1, 0, 1)]);
    refused(WireError::Length, &[online(), frame(FrameType::Bye, 1, &[0])]);
    refused(WireError::Order, &[online(), open_unit(1, 0)]);
    refused(WireError::Order, &[online(), bodies(1, 0, 4)]);

    // The whole schedule is served, and then nothing more.
    let groups = [0, 1, 2, 3, 0, 1, 2, 3, 4, 0, 1, 2, 3, 4];
    let mut frames = vec![online()];
    frames.extend((1..).zip(groups).map(|(sequence, group)| product(sequence, group, 1)));
    assert_eq!(accepted(&frames).down().len(), 15);
    for group in [0, 4] {
        refused(WireError::Order, &[&frames[..], &[product(15, group, 1)]].concat());
    }
}

#[test]
fn units() {
    refused(WireError::Order, &[open_unit(0, 0)]);
    refused(WireError::Order, &[offline(), bodies(1, 0, 4)]);
    refused(WireError::Order, &[offline(), product(1, 0, 1)]);
    refused(WireError::Order, &[offline(), offline()]);
    for group in [5, u32::MAX] {
        refused(WireError::Body, &[offline(), open_unit(1, group)]);
    }
    refused(WireError::Body, &[offline(), frame(FrameType::UnitOpen, 1, &[0; 34])]);
    // A source of masks that there is not.
    refused(WireError::Body, &[offline(), frame(FrameType::UnitOpen, 1, &[0, 2, 0])]);
    // A form of rows that there is not, and more than one.
    for rows in [&[2, 1][..], &[255, 1, 1], &[0, 1, 0], &[0]] {
        let unit = [&[0; 34], rows].concat();
        refused(WireError::Body, &[offline(), frame(FrameType::UnitOpen, 1, &unit)]);
    }
    // Numbers of keys that there are not.
    for keys in [0, 17, 255] {
        refused(WireError::Body, &[offline(), open_keys(1, 0, keys)]);
    }
    refused(WireError::Length, &[offline(), frame(FrameType::UnitOpen, 1, &[0; 257])]);
    let open = [offline(), open_unit(1, 0)];
    let after = |last: Vec<u8>| [&open[..], &[last]].concat();
    refused(WireError::Order, &after(open_unit(2, 0)));
    refused(WireError::Order, &after(frame(FrameType::Bye, 2, &[])));
    for (first, count) in [(1, 1), (0, 0), (0, 15), (u32::MAX, 1), (14, 1)] {
        refused(WireError::Order, &after(bodies(2, first, count)));
    }
    refused(WireError::Order, &after(block(FrameType::UnitBodies, 2, 0, u32::MAX, 0)));
    for bytes in [0, BODY - 1, BODY + 1, 2 * BODY] {
        refused(WireError::Length, &after(block(FrameType::UnitBodies, 2, 0, 1, bytes)));
    }
    // The first word modulo t, the last; the first pair modulo Delta, the last.
    for (at, length) in [(40, 4), (40 + 60, 4), (40 + 64, 7), (40 + BODY - 7, 7)] {
        let bad = changed(bodies(2, 0, 1), at, &vec![255; length]);
        refused(WireError::Residue, &after(bad));
    }
    // Not one row fits.
    for (rows, keys) in FORMS.into_iter().flat_map(|rows| [(rows, 1), (rows, 16)]) {
        let row = rows.row_bytes(16, 1, keys.into()) as u32;
        let unit = body(&UnitOpen { group: 0, seed: MaskSeed::Unit([1; 32]), rows, keys });
        let unit = frame(FrameType::UnitOpen, 1, &unit);
        let opening = |max_payload: u32| {
            opening(&Hello { max_payload, ..hello(Purpose::Prepare { units: 1 }) })
        };
        accepted(&[opening(8 + row), unit.clone()]);
        refused(WireError::Length, &[opening(8 + row - 1), unit]);
    }

    // The bodies of all keys, one key after the other, and no more.
    let three = [offline(), open_keys(1, 0, 3), bodies(2, 0, 20), bodies(3, 20, 21)];
    assert_eq!(accepted(&three).down().len(), 1);
    for (first, count) in [(41, 2), (40, 1), (14, 14), (41, 0)] {
        refused(WireError::Order, &[&three[..], &[bodies(4, first, count)]].concat());
    }
    assert_eq!(accepted(&[&three[..], &[bodies(4, 41, 1)]].concat()).down().len(), 2);

    // Two units were announced; a third is too many.
    let two = [offline(), open_unit(1, 0), bodies(2, 0, 14), open_unit(3, 3), bodies(4, 0, 12)];
    assert_eq!(accepted(&two).down().len(), 3);
    accepted(&[&two[..], &[frame(FrameType::Bye, 5, &[])]].concat());
    refused(FaultCode::Limits, &[&two[..], &[open_unit(5, 0)]].concat());
    refused(WireError::Order, &[&two[..], &[bodies(5, 0, 4)]].concat());
    refused(WireError::Order, &[&two[..2], &[bodies(2, 0, 4), bodies(3, 0, 4)]].concat());
}
