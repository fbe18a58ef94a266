//! Direct and mixed mode: the run in the clear, to the bit, over links that break and hosts that lie.

use crate::harness::link::{Answer, Cut, Event, Loopback, Tamper, honest};
use crate::harness::model::TINY;
use crate::harness::now;
use crate::harness::random::Rng;
use crate::harness::run::{Place, Run, Set};
use crate::harness::store::{available, provisioned};
use crate::harness::wire;
use device_client::client::ClientError;
use device_client::session::Verdict;
use embedded_io_async::Write;
use kernel::params::{DirectSet, ParameterSet};
use kernel::stream::Seed;
use kernel::trace::session_automorphisms;
use kernel::wire::{BLOCK_PREFIX_BYTES, FrameType, HEADER_BYTES, REPLY_PREFIX_BYTES, WireError};

fn seed(byte: u8) -> Seed {
    Seed::from_bytes([byte; 32])
}

fn direct(run: &Run<'_>, byte: u8, host: &Loopback) -> (Vec<Place>, Verdict) {
    now(run.direct_over(seed(byte), host.clone(), |_, _| {})).unwrap()
}

/// Lengths at bucket edges, chunks of one, of some and of all.
#[test]
fn direct_runs_equal_the_run_in_the_clear() {
    for (prompt, bucket, output, chunk) in [(1, 1, 1, 1), (3, 3, 2, 2), (5, 8, 3, 8), (2, 7, 2, 3)]
    {
        let run = Run::new(&TINY, prompt, bucket, output, chunk);
        let host = Loopback::new(&TINY.engine, honest());
        let (places, verdict) = direct(&run, 1, &host);
        assert_eq!(places, run.plain());
        assert_eq!(verdict.failed, 0);
        let rows: u32 = run.schedule.products(&TINY.config).map(|product| product.tokens).sum();
        assert_eq!(verdict.checks, rows);
        assert_eq!(host.refusal(), None);
        let keys = session_automorphisms(&TINY.config, &run.schedule, Set::N).count();
        let sent =
            host.up().into_iter().filter(|f| wire::header(f).frame == FrameType::EvaluationKey);
        assert_eq!(sent.count(), keys * Set::GADGET);
    }
}

/// Every number of masked products, from none to all.
#[test]
fn mixed_runs_equal_the_run_in_the_clear() {
    let run = Run::new(&TINY, 3, 3, 2, 2);
    let plain = run.plain();
    let all = run.schedule.product_count(&TINY.config) as u32;
    for masked in 0..=all {
        let host = Loopback::new(&TINY.engine, honest());
        let mut store = provisioned(&TINY, &run.schedule, 1, &mut Rng(1));
        let outcome = now(run.mixed_over(&mut store, seed(2), masked, host.clone(), |_, _| {}));
        let (places, verdict) = outcome.unwrap();
        assert_eq!((places, verdict.failed), (plain.clone(), 0), "{masked} masked");
        // What is not masked uses no correlations.
        let left: Vec<u32> = TINY
            .config
            .groups()
            .map(|group| {
                let products = run.schedule.products(&TINY.config).skip(masked as usize);
                products
                    .filter(|product| product.group == group)
                    .map(|product| product.tokens)
                    .sum()
            })
            .collect();
        assert_eq!(available(&store, &TINY.config), left, "{masked} masked");
    }
}

/// Two sessions of one prompt under different seeds have nothing in common but their shape.
#[test]
fn sessions_share_no_ciphertext() {
    let run = Run::new(&TINY, 3, 3, 2, 2);
    let hosts = [1, 2].map(|byte| {
        let host = Loopback::new(&TINY.engine, honest());
        direct(&run, byte, &host);
        host
    });
    assert_eq!(hosts[0].outline(), hosts[1].outline());
    let [a, b] = hosts.map(|host| host.up());
    for (a, b) in a.iter().zip(&b).skip(1) {
        let (a, b) = (&a[HEADER_BYTES..], &b[HEADER_BYTES..]);
        if a.len() > BLOCK_PREFIX_BYTES {
            let same = a.iter().zip(b).skip(BLOCK_PREFIX_BYTES).filter(|(a, b)| a == b).count();
            assert!(same < a.len() / 32, "{same} of {} bytes are the same", a.len());
        }
    }
}

/// Links that break anywhere, keys included: the same bytes again.
#[test]
fn broken_links_are_resumed() {
    let run = Run::new(&TINY, 2, 2, 2, 2);
    let uncut = Loopback::new(&TINY.engine, honest());
    let outcome = direct(&run, 3, &uncut);
    let (up, down) = (uncut.up(), uncut.down());
    let (bytes_up, bytes_down): (u64, u64) = (
        up.iter().map(|frame| frame.len() as u64).sum(),
        down.iter().map(|frame| frame.len() as u64).sum(),
    );
    let rng = &mut Rng(4);
    for at in 0..60 {
        let direction = at % 2 == 0;
        let reach = if direction { bytes_up } else { bytes_down };
        let after = rng.below(reach as usize) as u64;
        let cut = Cut { up: direction, after, quiet: at % 3 == 0 };
        let host = Loopback::new(&TINY.engine, honest()).breaking(&[cut], 1);
        assert_eq!(direct(&run, 3, &host), outcome, "{cut:?}");
        assert_eq!(host.refusal(), None);
        // Every product that went up, whole, is one of the undisturbed session's.
        let product = |frame: &&Vec<u8>| wire::header(frame).frame == FrameType::Product;
        let sent = host.up();
        assert!(sent.iter().filter(product).all(|frame| up.contains(frame)));
        let key = |frame: &&Vec<u8>| wire::header(frame).frame == FrameType::EvaluationKey;
        assert!(sent.iter().filter(key).all(|frame| up.contains(frame)));
    }
}

/// A lie in any answer is caught: zeros from there on, the conversation as it was.
#[test]
fn lies_are_caught_and_do_not_show() {
    let run = Run::new(&TINY, 3, 3, 2, 2);
    let plain = run.plain();
    let uncut = Loopback::new(&TINY.engine, honest());
    direct(&run, 5, &uncut);
    let answers = uncut.down().len();
    for at in 1..answers {
        for place in [0, 1, 1000] {
            let lie: Tamper = Box::new(move |answer: &mut Answer<'_>| {
                if answer.index == at {
                    let length = answer.frame.len();
                    let from = HEADER_BYTES + REPLY_PREFIX_BYTES;
                    answer.frame[from + (place * 37) % (length - from)] ^= 0x80;
                }
            });
            let host = Loopback::new(&TINY.engine, lie);
            let (places, verdict) = direct(&run, 5, &host);
            assert_eq!(host.outline(), uncut.outline(), "answer {at}");
            if verdict.failed == 0 {
                // A bit so low that rounding takes it away.
                assert_eq!(places, plain);
            } else {
                let head = run.heads();
                for (place, product) in places.iter().zip(&head) {
                    assert_eq!(place.sound, *product + 1 < at, "answer {at}");
                }
                assert!(places.iter().zip(&plain).all(|(a, b)| !a.sound || a == b));
            }
        }
    }
}

/// Keys that are not those that are due, in any way that the host can see, end the session.
#[test]
fn wrong_keys_are_refused() {
    let run = Run::new(&TINY, 2, 2, 1, 2);
    let uncut = Loopback::new(&TINY.engine, honest());
    direct(&run, 6, &uncut);
    let up = uncut.up();
    type Spoil = fn(&mut Vec<Vec<u8>>);
    let cases: [(&str, Spoil, WireError); 6] = [
        ("another automorphism", |up| up[1][HEADER_BYTES] ^= 2, WireError::Order),
        ("another element", |up| up[1][HEADER_BYTES + 4] ^= 1, WireError::Order),
        ("a key left out", |up| drop(up.drain(1..=Set::GADGET)), WireError::Order),
        (
            "cut short",
            |up| {
                let frame = up[1].len() - 1;
                up[1].truncate(frame);
                let length = (frame - HEADER_BYTES) as u32;
                up[1][28..32].copy_from_slice(&length.to_le_bytes());
            },
            WireError::Length,
        ),
        (
            "a residue too large",
            |up| up[1][HEADER_BYTES + BLOCK_PREFIX_BYTES..][..8].fill(0xff),
            WireError::Residue,
        ),
        (
            "a product too early",
            |up| {
                let at =
                    up.iter().position(|f| wire::header(f).frame == FrameType::Product).unwrap();
                up.drain(1..at);
            },
            WireError::Order,
        ),
    ];
    for (what, spoil, error) in cases {
        let mut frames = up.clone();
        spoil(&mut frames);
        let host = Loopback::new(&TINY.engine, honest());
        let mut link = host.link();
        for frame in &frames {
            now(link.write_all(frame)).unwrap();
        }
        drop(link);
        assert_eq!(host.refusal().and_then(|refusal| refusal.wire), Some(error), "{what}");
    }
}

/// A device that is answered with frames that break the protocol says so and ends.
#[test]
fn malformed_answers_end_the_session() {
    let run = Run::new(&TINY, 2, 2, 1, 2);
    for shorter in [true, false] {
        let spoil: Tamper = Box::new(move |answer: &mut Answer<'_>| {
            if answer.index == 1 {
                let length = answer.frame.len() - HEADER_BYTES;
                let length = if shorter { length - 1 } else { length + 1 };
                answer.frame.resize(HEADER_BYTES + length, 0);
                answer.frame[28..32].copy_from_slice(&(length as u32).to_le_bytes());
            }
        });
        let host = Loopback::new(&TINY.engine, spoil);
        let error = now(run.direct_over(seed(7), host.clone(), |_, _| {})).unwrap_err();
        assert!(matches!(error, ClientError::Session(_) | ClientError::Transport(_)), "{error}");
        assert!(host.events().iter().any(|event| matches!(event, Event::Hangup(_))));
    }
}
