//! Direct and mixed mode: openings, keys, ciphertexts and results that break the protocol visibly.

use super::{FRAMES, Spoil, WELCOMES, Why, device, silent_after};
use crate::harness::link::{Answer, Event, Link, LinkError, Loopback, honest};
use crate::harness::model::TINY;
use crate::harness::now;
use crate::harness::random::Rng;
use crate::harness::run::{Run, Set};
use crate::harness::store::provisioned;
use crate::harness::wire;
use device_client::transport::Connector;
use embedded_io_async::{ErrorType, Read, Write};
use host_server::session::Refusal;
use kernel::direct::DirectShape;
use kernel::params::{DirectSet, ParameterId, ParameterSet};
use kernel::schedule::ScheduledProduct;
use kernel::stream::Seed;
use kernel::wire::{
    BLOCK_PREFIX_BYTES, DirectSeeds, FaultCode, FrameType, HEADER_BYTES, Header, Hello,
    MAX_PAYLOAD, Purpose, WireError, decode_body, encode_body, pack_body, packed_bits_len,
    unpack_body,
};

const AT: usize = HEADER_BYTES + BLOCK_PREFIX_BYTES;

fn run() -> Run<'static> {
    Run::new(&TINY, 2, 2, 1, 2)
}

fn seed(byte: u8) -> Seed {
    Seed::from_bytes([byte; 32])
}

/// All frames that go up in a good session in direct mode.
fn good(byte: u8) -> Vec<Vec<u8>> {
    let host = Loopback::new(&TINY.engine, honest());
    now(run().direct_over(seed(byte), host.clone(), |_, _| {})).unwrap();
    host.up()
}

fn is(frame: &[u8], kind: FrameType) -> bool {
    wire::header(frame).frame == kind
}

fn first_product(up: &[Vec<u8>]) -> usize {
    up.iter().position(|frame| is(frame, FrameType::Product)).unwrap()
}

/// Sends frames to a host, each with the number that is due.
fn send(frames: &[Vec<u8>]) -> (Loopback, Option<Refusal>) {
    let host = Loopback::new(&TINY.engine, honest());
    let mut link = host.link();
    for (sequence, frame) in (0..).zip(frames) {
        let header = Header { sequence, ..wire::header(frame) };
        now(link.write_all(&wire::frame(header, &frame[HEADER_BYTES..]))).unwrap();
    }
    drop(link);
    let refusal = host.refusal();
    (host, refusal)
}

/// The host refuses by this name, says so, and says nothing more.
#[track_caller]
fn refused(what: &str, expected: impl Into<Refusal>, frames: &[Vec<u8>]) {
    let expected = expected.into();
    let (host, refusal) = send(frames);
    assert_eq!(refusal, Some(expected), "{what}");
    let down = host.down();
    let faults = down.iter().filter(|frame| is(frame, FrameType::Fault)).count();
    assert!(faults == 1 && is(&down[down.len() - 1], FrameType::Fault), "{what}");
}

fn with_payload(frame: &[u8], payload: &[u8]) -> Vec<u8> {
    wire::frame(wire::header(frame), payload)
}

fn resized(frame: &[u8], by: isize) -> Vec<u8> {
    let mut frame = frame.to_vec();
    device::resize(&mut frame, by);
    frame
}

/// A frame with one residue of its first body replaced.
fn with_residue(frame: &[u8], limb: usize, at: usize, value: u32) -> Vec<u8> {
    let shape = DirectShape::of_set::<Set>();
    let mut frame = frame.to_vec();
    let mut words = vec![0; shape.body_words()];
    let packed = &mut frame[AT..][..shape.body_bytes()];
    unpack_body(&shape, packed, &mut words).unwrap();
    words[limb * shape.degree + at] = value;
    pack_body(&shape, &words, packed).unwrap();
    frame
}

fn hello(purpose: Purpose, set: ParameterId) -> Vec<u8> {
    opening(&Hello { purpose, ..good_hello() }, set)
}

fn good_hello() -> Hello {
    Hello {
        digest: TINY.engine.digest(),
        purpose: direct(2, 1, 2),
        answered: 0,
        max_payload: MAX_PAYLOAD as u32,
    }
}

fn opening(hello: &Hello, set: ParameterId) -> Vec<u8> {
    let mut body = [0; 256];
    let length = encode_body(hello, &mut body).unwrap();
    let header = Header { frame: FrameType::Hello, set, session: run().id, sequence: 0, length: 0 };
    wire::frame(header, &body[..length])
}

const SEEDS: DirectSeeds = DirectSeeds { ciphertexts: [1; 32], keys: [2; 32] };

const fn direct(prompt_bucket: u32, output_bucket: u32, chunk: u32) -> Purpose {
    Purpose::Direct { seeds: SEEDS, prompt_bucket, output_bucket, chunk }
}

const fn mixed(masked: u32) -> Purpose {
    Purpose::Mixed { seeds: SEEDS, prompt_bucket: 2, output_bucket: 1, chunk: 2, masked }
}

#[test]
fn openings() {
    let accepted = |frame: Vec<u8>| assert_eq!(send(&[frame]).1, None);
    accepted(hello(direct(2, 1, 2), Set::ID));
    let limits = |what: &str, frame: Vec<u8>| refused(what, FaultCode::Limits, &[frame]);
    for set in [ParameterId::InsecureMasked16x1, ParameterId::Masked256x16] {
        limits("direct mode under a masked set", hello(direct(2, 1, 2), set));
        limits("mixed mode under a masked set", hello(mixed(3), set));
    }
    for set in [Set::ID, ParameterId::Direct4096, ParameterId::InsecureDirect8] {
        let masked = Purpose::Masked { prompt_bucket: 2, output_bucket: 1, chunk: 2 };
        limits("masked mode under a direct set", hello(masked, set));
        limits("units under a direct set", hello(Purpose::Prepare { units: 1 }, set));
    }
    for (prompt, output, chunk) in [
        (0, 1, 1),
        (1, 0, 1),
        (1, 1, 0),
        (64, 2, 1),
        (u32::MAX, 1, 1),
        (1, u32::MAX, 1),
        (u32::MAX, u32::MAX, u32::MAX),
    ] {
        limits("absurd buckets", hello(direct(prompt, output, chunk), Set::ID));
    }
    let products = run().schedule.product_count(&TINY.config) as u32;
    for masked in [0, 1, products] {
        accepted(hello(mixed(masked), Set::ID));
    }
    for masked in [products + 1, u32::MAX] {
        limits("more masked products than there are", hello(mixed(masked), Set::ID));
    }
    let answered = |answered| opening(&Hello { answered, ..good_hello() }, Set::ID);
    accepted(answered(products));
    for too_many in [products + 1, u32::MAX] {
        refused("answered", WireError::Order, &[answered(too_many)]);
    }
    // The larger of the frames of the session's products.
    let host = Loopback::new(&TINY.engine, honest());
    now(run().direct_over(seed(1), host.clone(), |_, _| {})).unwrap();
    let both = [host.up(), host.down()].concat().into_iter();
    let both = both.filter(|f| is(f, FrameType::Product) || is(f, FrameType::ProductReply));
    let largest = both.map(|frame| frame.len() - HEADER_BYTES).max().unwrap() as u32;
    let takes = |max_payload| opening(&Hello { max_payload, ..good_hello() }, Set::ID);
    accepted(takes(largest));
    for little in [0, largest - 1] {
        limits("a device that takes little", takes(little));
    }
    let mut unknown = hello(direct(2, 1, 2), Set::ID);
    for set in [0, 6, 15, 17, 0xf4, 0xff] {
        unknown[6] = set;
        // It is not even known whom to answer.
        let host = Loopback::new(&TINY.engine, honest());
        now(host.link().write_all(&unknown)).unwrap();
        assert_eq!(host.refusal(), Some(WireError::Unknown.into()), "set {set}");
        assert_eq!(host.down(), Vec::<Vec<u8>>::new());
    }
}

#[test]
fn keys() {
    let up = good(1);
    let products = first_product(&up);
    let changed = |change: &dyn Fn(&mut Vec<Vec<u8>>)| {
        let mut frames = up.clone();
        change(&mut frames);
        frames
    };
    assert_eq!(send(&up).1, None);
    let order = |what: &str, change: &dyn Fn(&mut Vec<Vec<u8>>)| {
        refused(what, WireError::Order, &changed(change));
    };
    order("exchanged", &|up| up.swap(1, 2));
    order("the last two exchanged", &|up| up.swap(products - 1, products - 2));
    order("whole keys exchanged", &|up| up[1..products].rotate_left(Set::GADGET));
    order("twice", &|up| up.insert(2, up[1].clone()));
    order("the last twice", &|up| up.insert(products, up[products - 1].clone()));
    order("the first left out", &|up| drop(up.remove(1)));
    order("the last left out", &|up| drop(up.remove(products - 1)));
    order("none", &|up| drop(up.drain(1..products)));
    order("after a product", &|up| up.insert(products + 1, up[products - 1].clone()));
    order("before the opening", &|up| up.swap(0, 1));
    order("a goodbye among them", &|up| up.insert(4, up[up.len() - 1].clone()));
    order("an opening among them", &|up| up.insert(4, up[0].clone()));
    for (at, by) in [(0, 2), (0, 1), (3, 128), (4, 1), (7, 255)] {
        order("another automorphism or element", &|up| up[1][HEADER_BYTES + at] ^= by);
    }

    let body = DirectShape::of_set::<Set>().body_bytes() as isize;
    for by in [-1, 1, -body, body, -body - 1, 7] {
        for at in [1, products - 1] {
            let frames = changed(&|up| up[at] = resized(&up[at], by));
            refused("a key of another length", WireError::Length, &frames);
        }
    }
    refused("nothing", WireError::Length, &changed(&|up| up[1] = with_payload(&up[1], &[])));
    for (limb, shape) in DirectShape::of_set::<Set>().limbs().iter().enumerate() {
        for at in [0, 1, Set::N - 1] {
            for value in [shape.modulus, (1 << shape.bits) - 1] {
                let frames = changed(&|up| up[3] = with_residue(&up[3], limb, at, value));
                refused("a residue too large", WireError::Residue, &frames);
            }
            let frames = changed(&|up| up[3] = with_residue(&up[3], limb, at, shape.modulus - 1));
            assert_eq!(send(&frames).1, None, "the largest residue is one");
        }
    }
    // Of another set, whose keys would be shorter.
    for set in [ParameterId::InsecureDirect8, ParameterId::Direct4096, ParameterId::Masked256x16] {
        let frames = changed(&|up| up[1][6] = set as u8);
        refused("a key of another set", WireError::Session, &frames);
        if DirectShape::of(set).is_some() {
            let frames = changed(&|up| up.iter_mut().for_each(|frame| frame[6] = set as u8));
            // Other degrees have other automorphisms, or bodies of another length.
            let refusal = send(&frames).1.unwrap();
            let wire = refusal.wire.unwrap();
            assert!(matches!(wire, WireError::Order | WireError::Length), "{set:?}: {refusal}");
        }
    }
}

#[test]
fn ciphertexts() {
    let up = good(1);
    let products = first_product(&up);
    let spoilt = |at: usize, frame: Vec<u8>| [&up[..at], &[frame]].concat();
    let shape = DirectShape::of_set::<Set>();
    let body = shape.body_bytes();
    let lower: usize = shape.limbs()[..2].iter().map(|l| packed_bits_len(l.bits, Set::N)).sum();
    let last = up.len() - 2;
    for at in [products, products + 2, last] {
        let frame = &up[at];
        for (limb, of) in shape.limbs().iter().enumerate() {
            for coefficient in [0, Set::N - 1] {
                for value in [of.modulus, (1 << of.bits) - 1] {
                    let bad = with_residue(frame, limb, coefficient, value);
                    refused("a residue too large", WireError::Residue, &spoilt(at, bad));
                }
            }
        }
        let body_by = body as isize;
        for by in [-1, 1, -body_by, body_by] {
            refused("length", WireError::Length, &spoilt(at, resized(frame, by)));
        }
        // A ciphertext at a lower level has fewer limbs; one in masked mode has words of t.
        let short = with_payload(frame, &frame[HEADER_BYTES..][..BLOCK_PREFIX_BYTES + lower]);
        refused("fewer limbs", WireError::Length, &spoilt(at, short));
        let masked = with_payload(frame, &frame[HEADER_BYTES..][..BLOCK_PREFIX_BYTES + 4 * 14]);
        refused("masked words", WireError::Length, &spoilt(at, masked));
        for (place, by) in [(0, 1), (0, 7), (3, 255), (4, 1), (4, 3), (7, 128)] {
            let mut bad = frame.clone();
            bad[HEADER_BYTES + place] ^= by;
            refused("another group or tokens", WireError::Order, &spoilt(at, bad));
        }
    }
    refused("one twice", WireError::Order, &spoilt(products + 1, up[products].clone()));
    let more = [&up[..=last], &[up[last].clone()]].concat();
    refused("one too many", WireError::Order, &more);
}

/// In mixed mode each product has the form that is due.
#[test]
fn the_other_form_of_a_product() {
    let run = run();
    let host = Loopback::new(&TINY.engine, honest());
    let mut store = provisioned(&TINY, &run.schedule, 1, &mut Rng(1));
    now(run.mixed_over(&mut store, seed(1), 2, host.clone(), |_, _| {})).unwrap();
    let (mixed, direct) = (host.up(), good(1));
    let products = first_product(&mixed);
    assert_eq!(products, first_product(&direct));
    let Purpose::Mixed { masked, .. } =
        decode_body::<Hello>(&mixed[0][HEADER_BYTES..]).unwrap().purpose
    else {
        panic!("another purpose");
    };
    assert_eq!(masked, 2);
    for at in [products, products + 1] {
        let frames = [&mixed[..at], &[direct[at].clone()]].concat();
        refused("a ciphertext for a masked product", WireError::Length, &frames);
        let frames = [&direct[..at], &[mixed[at].clone()]].concat();
        refused("masked words for a direct product", WireError::Length, &frames);
    }
}

/// What is wrong with the answer to a direct product.
const ANSWERS: [(&str, Spoil, Why); 7] = [
    ("another group", |a| a.frame[HEADER_BYTES] ^= 1, Why::Wire(WireError::Order)),
    ("no such group", |a| a.frame[HEADER_BYTES + 3] = 255, Why::Wire(WireError::Order)),
    ("more tokens", |a| a.frame[HEADER_BYTES + 4] += 1, Why::Wire(WireError::Order)),
    ("no tokens", |a| a.frame[HEADER_BYTES + 4] = 0, Why::Wire(WireError::Order)),
    ("a byte too few", |a| device::resize(&mut a.frame, -1), Why::Wire(WireError::Length)),
    ("a byte too many", |a| device::resize(&mut a.frame, 1), Why::Wire(WireError::Length)),
    (
        "the mask alone",
        |a| a.frame = with_payload(&a.frame, &a.frame[HEADER_BYTES..][..BLOCK_PREFIX_BYTES + 336]),
        Why::Wire(WireError::Length),
    ),
];

#[test]
fn wrong_frames_end_the_session() {
    let run = run();
    let last = run.schedule.product_count(&TINY.config) as usize;
    let fails = |name: &str, target: usize, spoil: Spoil, expected: Why| {
        let tamper = move |answer: &mut Answer<'_>| {
            if answer.index == target {
                spoil(answer);
            }
        };
        let host = Loopback::new(&TINY.engine, Box::new(tamper));
        let error = now(run.direct_over(seed(2), host.clone(), |_, _| {})).unwrap_err();
        assert_eq!(device::why(error), expected, "{name}, frame {target}");
        if expected != Why::Closed {
            silent_after(&host, target);
            assert!(!host.events().contains(&Event::Pause), "{name}");
        }
    };
    for (name, spoil, expected) in FRAMES {
        for target in [0, 1, last] {
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

/// A link on which frames of the device are replaced on their way up.
struct Replacing<F> {
    host: Loopback,
    replace: F,
}

struct ReplacingLink<F> {
    link: Link,
    replace: F,
}

impl<F: FnMut(&mut Vec<u8>) + Clone> Connector for Replacing<F> {
    type Io = ReplacingLink<F>;

    async fn connect(&mut self) -> Result<Self::Io, LinkError> {
        Ok(ReplacingLink { link: self.host.link(), replace: self.replace.clone() })
    }

    async fn retry(&mut self) -> bool {
        false
    }
}

impl<F> ErrorType for ReplacingLink<F> {
    type Error = LinkError;
}

impl<F: FnMut(&mut Vec<u8>)> Write for ReplacingLink<F> {
    async fn write(&mut self, bytes: &[u8]) -> Result<usize, LinkError> {
        let mut frame = bytes.to_vec();
        (self.replace)(&mut frame);
        self.link.write_all(&frame).await?;
        Ok(bytes.len())
    }

    async fn flush(&mut self) -> Result<(), LinkError> {
        self.link.flush().await
    }
}

impl<F> Read for ReplacingLink<F> {
    async fn read(&mut self, out: &mut [u8]) -> Result<usize, LinkError> {
        self.link.read(out).await
    }
}

/// Keys, or their seed, of another session are well-formed: the host multiplies, and every product of
/// more than one input is garbage, which the checks catch.
#[test]
fn keys_of_another_session_are_caught() {
    let run = run();
    let other = good(4);
    let rows: u32 =
        run.schedule.products(&TINY.config).map(|ScheduledProduct { tokens, .. }| tokens).sum();
    for opening in [false, true] {
        let strangers = other.clone();
        let replace = move |frame: &mut Vec<u8>| {
            let header = wire::header(frame);
            let kind = if opening { FrameType::Hello } else { FrameType::EvaluationKey };
            if header.frame == kind {
                frame.clone_from(&strangers[header.sequence as usize]);
            }
        };
        let host = Loopback::new(&TINY.engine, honest());
        let device = Replacing { host: host.clone(), replace };
        let (places, verdict) = now(run.direct_over(seed(3), device, |_, _| {})).unwrap();
        assert_eq!(host.refusal(), None);
        assert_eq!(verdict.checks, rows);
        assert!(verdict.failed > 0);
        assert!(places.iter().all(|place| !place.sound));
    }
}

/// A host that goes away before or after any frame: a closed link, and in mixed mode what was reserved
/// is burned.
#[test]
fn hosts_that_leave() {
    use crate::harness::store::available;
    let run = run();
    let last = run.schedule.product_count(&TINY.config) as usize;
    for index in 0..=last {
        for after in [false, true] {
            let host = || {
                let leave = move |answer: &mut Answer<'_>| {
                    if answer.index == index {
                        answer.hang_up = true;
                        if !after {
                            answer.frame.clear();
                        }
                    }
                };
                Loopback::new(&TINY.engine, Box::new(leave))
            };
            let complete = (index, after) == (last, true);
            let direct = now(run.direct_over(seed(5), host(), |_, _| {}));
            let mut store = provisioned(&TINY, &run.schedule, 1, &mut Rng(1));
            let mixed = now(run.mixed_over(&mut store, seed(5), 3, host(), |_, _| {}));
            for outcome in [direct, mixed] {
                match outcome {
                    Ok((places, verdict)) => {
                        assert!(complete);
                        assert_eq!((places, verdict.failed), (run.plain(), 0));
                    }
                    Err(error) => assert_eq!((device::why(error), complete), (Why::Closed, false)),
                }
            }
            let opened = index > 0 || after;
            let masked: Vec<_> = run.schedule.products(&TINY.config).take(3).collect();
            for group in TINY.config.groups() {
                let of_group = masked.iter().filter(|product| product.group == group);
                let burned: u32 = of_group.map(|product| product.tokens).sum();
                let demand = run.schedule.demand(&TINY.config, group);
                let left = demand - if opened { burned } else { 0 };
                assert_eq!(available(&store, &TINY.config)[group.0 as usize], left);
            }
        }
    }
}
