//! Control flow that no secret steers.
//!
//! The words of a masked session are uniform whatever they hide, so for a second prompt there are
//! masks under which the same words go up. With those masks the whole conversation must be the
//! same: every byte, the order of frames, the pauses and the close. A device that stopped, waited,
//! refused or left out a step because of what it decrypts would differ.

mod direct;

use crate::harness::link::{Answer, Cut, Event, Loopback, Tamper, honest};
use crate::harness::model::{FIXTURE, Model, Plain, TINY};
use crate::harness::random::Rng;
use crate::harness::run::{Place, Run};
use crate::harness::store::{Chosen, provisioned};
use crate::harness::wire;
use kernel::prime::{Prime, T};
use kernel::wire::FrameType;
use std::collections::VecDeque;

/// A host that spoils the answers to the products from `from` to `to`: `words` words of each.
fn liar(from: usize, to: usize, words: usize) -> Tamper {
    Box::new(move |answer: &mut Answer<'_>| {
        let header = wire::header(&answer.frame);
        if header.frame != FrameType::ProductReply {
            return;
        }
        if (from..to).contains(&(header.sequence as usize - 1)) {
            let mut d = wire::words(&answer.frame);
            for (i, word) in d.iter_mut().enumerate().take(words) {
                *word = T::add(*word, 1 + i as u32);
            }
            wire::set_words(&mut answer.frame, &d);
        }
    })
}

/// Runs `a`, then `b` under the masks that turn its inputs into the words of `a`, each against its
/// own copy of a host. From product `failed_from` on the host is caught. Both conversations.
fn couple(
    a: &Run<'_>,
    b: &Run<'_>,
    failed_from: usize,
    cuts: &[Cut],
    tamper: impl Fn() -> Tamper,
) -> [Vec<Event>; 2] {
    let model = a.model;
    let retries = cuts.len() as u32;
    let host = || Loopback::new(&model.engine, tamper()).breaking(cuts, retries);
    let first = host();
    let mut store = provisioned(model, &a.schedule, 1, &mut Rng(41));
    let outcome = a.masked(&mut store, &first).unwrap();
    judge(a, failed_from, &outcome.0, outcome.1.failed);

    let mut plain = Plain::new(model);
    plain.failed_from = failed_from;
    b.plain_with(&mut plain);
    let mut store = replay(model, &first, &plain);
    let second = host();
    let outcome = b.masked(&mut store, &second).unwrap();
    judge(b, failed_from, &outcome.0, outcome.1.failed);
    assert!(store.0.iter().all(VecDeque::is_empty));
    [first.events(), second.events()]
}

/// The correlations r' = c - x', z' = W r' for the words c of a run and the inputs x' of another.
fn replay(model: &Model, run: &Loopback, plain: &Plain<'_>) -> Chosen {
    let mut store = Chosen::default();
    store.0.resize_with(model.config.group_count() as usize, VecDeque::new);
    let mut inputs = plain.inputs.iter();
    let mut sequence = 0;
    for frame in run.up().iter().filter(|f| wire::header(f).frame == FrameType::Product) {
        // After a broken link the same request may come again.
        if wire::header(frame).sequence <= sequence {
            continue;
        }
        sequence = wire::header(frame).sequence;
        let mut c = wire::words(frame);
        while !c.is_empty() {
            let (group, x) = inputs.next().unwrap();
            let rest = c.split_off(x.len());
            let r: Vec<u32> = c.iter().zip(x).map(|(&c, &x)| T::sub(c, T::from_i32(x))).collect();
            let z = model.image(*group, &r);
            store.0[group.0 as usize].push_back((r, z));
            c = rest;
        }
    }
    assert!(inputs.next().is_none(), "both runs finish the whole schedule");
    store
}

/// Nothing is shown from the failure on, and everything before it is right.
fn judge(run: &Run<'_>, failed_from: usize, places: &[Place], failed: u32) {
    assert_eq!(failed > 0, failed_from != usize::MAX);
    for ((place, plain), head) in places.iter().zip(run.plain()).zip(run.heads()) {
        assert_eq!(place.sound, head < failed_from);
        assert!(!place.sound || *place == plain);
    }
}

/// Two prompts of one bucket, one of them short of it, and what the second would say by itself.
fn prompts(model: &Model) -> [Run<'_>; 2] {
    let a = Run::new(model, 7, 7, 3, 4);
    let b = Run { prompt: vec![2, 11, 1], ..a.clone() };
    assert_ne!(a.plain(), b.plain());
    [a, b]
}

/// The public schedule, and nothing else: its products in order, then the close.
fn follows_the_schedule(run: &Run<'_>, events: &[Event]) {
    let config = &run.model.config;
    let sizes = run.schedule.products(config).map(|product| {
        (FrameType::Product, 8 + 4 * product.tokens * run.model.shape(product.group).columns as u32)
    });
    let up: Vec<_> = events
        .iter()
        .filter_map(|event| match event {
            Event::Up(frame) => Some(wire::outline(frame)),
            _ => None,
        })
        .collect();
    assert_eq!((up[0].0, up[up.len() - 1].0), (FrameType::Hello, FrameType::Bye));
    assert!(up.iter().enumerate().all(|(at, (_, sequence, _))| at as u32 == *sequence));
    let products = up[1..up.len() - 1].iter().map(|(frame, _, length)| (*frame, *length));
    assert!(products.eq(sizes));
    assert_eq!(events[0], Event::Connect);
    assert!(matches!(events[events.len() - 2..], [Event::Up(_), Event::Hangup(_)]));
    assert!(!events.contains(&Event::Pause));
}

#[test]
fn honest_hosts_see_the_same_conversation() {
    for model in [&*TINY, &*FIXTURE] {
        let [a, b] = prompts(model);
        let [first, second] = couple(&a, &b, usize::MAX, &[], honest);
        follows_the_schedule(&a, &first);
        assert!(first == second, "the conversation depends on the prompt");
    }
}

#[test]
fn lying_hosts_see_the_same_conversation() {
    for model in [&*TINY, &*FIXTURE] {
        let [a, b] = prompts(model);
        let products = a.schedule.product_count(&model.config) as usize;
        let heads = a.heads();
        // The first product, the last of the prompt, heads and what feeds them, the last product.
        let places = [0, 1, 4, heads[0] - 1, heads[0], heads[0] + 1, heads[1], products - 1];
        for from in places {
            for (to, words) in [(from + 1, 1), (from + 1, usize::MAX), (usize::MAX, usize::MAX)] {
                let [first, second] = couple(&a, &b, from, &[], || liar(from, to, words));
                follows_the_schedule(&a, &first);
                assert!(first == second, "a lie in product {from} shows the prompt");
            }
        }
    }
}

/// A lie about a dummy row alone is caught as well, and changes nothing that is seen.
#[test]
fn lies_about_dummies_see_the_same_conversation() {
    let [a, b] = prompts(&TINY);
    // The last word of a product of three rows: for `b` a dummy, for `a` the prompt's last token.
    let last_word = || -> Tamper {
        Box::new(|answer| {
            if answer.index == 6 {
                let mut d = wire::words(&answer.frame);
                let last = d.last_mut().unwrap();
                *last = T::add(*last, 1);
                wire::set_words(&mut answer.frame, &d);
            }
        })
    };
    let [first, second] = couple(&a, &b, 5, &[], last_word);
    follows_the_schedule(&a, &first);
    assert!(first == second);
}

/// Links that break before, at and after the failure are resumed alike, on the same cadence.
#[test]
fn broken_links_see_the_same_conversation() {
    let [a, b] = prompts(&TINY);
    for lies in [usize::MAX, 5] {
        for seed in 0..100 {
            let rng = &mut Rng(seed);
            let cuts: Vec<Cut> = (0..1 + rng.below(4))
                .map(|_| Cut {
                    up: rng.below(2) == 0,
                    after: rng.below(2000) as u64,
                    quiet: rng.below(2) == 0,
                })
                .collect();
            let tamper = || liar(lies, usize::MAX, 1);
            let [first, second] = couple(&a, &b, lies, &cuts, tamper);
            assert!(first == second, "{cuts:?}");
        }
    }
}
