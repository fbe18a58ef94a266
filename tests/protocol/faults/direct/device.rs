//! Answers that a device refuses, keys that got mixed up on the way, and hosts that leave.

use super::{good, run, seed, with_payload};
use crate::faults::{FRAMES, Spoil, WELCOMES, Why, device, silent_after};
use crate::harness::link::{Answer, Event, Link, LinkError, Loopback, honest};
use crate::harness::model::TINY;
use crate::harness::now;
use crate::harness::random::Rng;
use crate::harness::run::Run;
use crate::harness::store::{available, provisioned};
use crate::harness::wire;
use device_client::transport::Connector;
use embedded_io_async::{ErrorType, Read, Write};
use kernel::schedule::ScheduledProduct;
use kernel::wire::{BLOCK_PREFIX_BYTES, FrameType, HEADER_BYTES, REPLY_PREFIX_BYTES, WireError};

/// What is wrong with the answer to a direct product.
const ANSWERS: [(&str, Spoil, Why); 12] = [
    ("another first result", |a| a.frame[HEADER_BYTES + 8] += 1, Why::Wire(WireError::Order)),
    ("a far first result", |a| a.frame[HEADER_BYTES + 11] = 255, Why::Wire(WireError::Order)),
    ("more results", |a| a.frame[HEADER_BYTES + 12] += 1, Why::Wire(WireError::Order)),
    ("no results", |a| a.frame[HEADER_BYTES + 12] = 0, Why::Wire(WireError::Order)),
    (
        "the block alone",
        |a| a.frame = with_payload(&a.frame, &a.frame[HEADER_BYTES..][..BLOCK_PREFIX_BYTES]),
        Why::Wire(WireError::Length),
    ),
    ("another group", |a| a.frame[HEADER_BYTES] ^= 1, Why::Wire(WireError::Order)),
    ("no such group", |a| a.frame[HEADER_BYTES + 3] = 255, Why::Wire(WireError::Order)),
    ("more tokens", |a| a.frame[HEADER_BYTES + 4] += 1, Why::Wire(WireError::Order)),
    ("no tokens", |a| a.frame[HEADER_BYTES + 4] = 0, Why::Wire(WireError::Order)),
    ("a byte too few", |a| device::resize(&mut a.frame, -1), Why::Wire(WireError::Length)),
    ("a byte too many", |a| device::resize(&mut a.frame, 1), Why::Wire(WireError::Length)),
    (
        "the mask alone",
        |a| a.frame = with_payload(&a.frame, &a.frame[HEADER_BYTES..][..REPLY_PREFIX_BYTES + 336]),
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
    // Frames in one part, to be replaced whole.
    let run = Run { part_bytes: 1 << 20, ..run() };
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
