//! Direct and mixed mode. A ciphertext hides its numbers by computation alone, so there is no second
//! prompt that gives the same bytes; but one key gives the same bytes for the same numbers. So:
//!
//! - for two prompts of the same buckets types, numbers, lengths, order, pauses, the moments of
//!   departure and the close are the same, and all frames but the products' are the same bytes;
//! - for one prompt and one key all that goes up is a function of the number of the first product
//!   whose check fails: which lie it was, and what follows it, changes no byte;
//! - before the device has seen that lie nothing differs from an honest conversation, and after it
//!   nothing but the packed numbers of products, which are now of zeros.

use super::prompts;
use crate::harness::link::{Answer, Cut, Event, Loopback, Outline, Tamper, honest};
use crate::harness::model::{FIXTURE, Model, Plain, TINY};
use crate::harness::moments::{Moment, Noted};
use crate::harness::now;
use crate::harness::random::Rng;
use crate::harness::results::{Results, answers};
use crate::harness::run::{Place, Run};
use crate::harness::store::provisioned;
use crate::harness::wire;
use kernel::direct::{BODY_BITS, MASK_BITS};
use kernel::prime::{Prime, T};
use kernel::stream::Seed;
use kernel::wire::{BLOCK_PREFIX_BYTES, FrameType, HEADER_BYTES};
use std::rc::Rc;

/// Products that are masked, of direct mode or mixed.
type Masked = Option<u32>;

/// A conversation, and what the device alone knows of it.
struct Conversation {
    events: Vec<Event>,
    outline: Vec<Outline>,
    moments: Vec<(usize, Moment)>,
    up: Vec<Vec<u8>>,
    down: Vec<Vec<u8>>,
    places: Vec<Place>,
    failed: u32,
}

fn converse(run: &Run<'_>, masked: Masked, byte: u8, host: &Loopback) -> Conversation {
    let (device, seed) = (Noted::new(host), Seed::from_bytes([byte; 32]));
    let outcome = match masked {
        None => now(run.direct_over(seed, device.clone(), |_, _| {})),
        Some(products) => {
            let mut store = provisioned(run.model, &run.schedule, 1, &mut Rng(41));
            now(run.mixed_over(&mut store, seed, products, device.clone(), |_, _| {}))
        }
    };
    let (places, verdict) = outcome.unwrap();
    Conversation {
        events: host.events(),
        outline: host.outline(),
        moments: device.moments(),
        up: host.up(),
        down: host.down(),
        places,
        failed: verdict.failed,
    }
}

/// Changes what a direct product is answered with; the other results are of a session under other keys.
type Lie = fn(&mut Results, &Results);

/// The first word of each mask, and the first body, in their highest bits and in their lowest.
const LIES: [(&str, Lie); 8] = [
    ("a mask bit", |r, _| r.all[0].mask[0] ^= 1 << (MASK_BITS - 1)),
    ("a body bit", |r, _| r.all[0].body[0] ^= 1 << (BODY_BITS - 1)),
    ("zeros", |r, _| {
        for result in &mut r.all {
            result.mask.fill(0);
            result.body.fill(0);
        }
    }),
    ("all of another session", |r, other| r.all.clone_from(&other.all)),
    ("a mask of another session", |r, other| r.all[0].mask.clone_from(&other.all[0].mask)),
    ("bodies of another session", |r, other| {
        r.all.iter_mut().zip(&other.all).for_each(|(r, other)| r.body.clone_from(&other.body));
    }),
    ("tokens or blocks exchanged", |r, _| {
        if r.all.len() > 1 {
            r.all.rotate_left(1);
        } else {
            r.all[0].body.rotate_left(1);
        }
    }),
    ("twice the numbers", |r, _| {
        for result in &mut r.all {
            result.mask.iter_mut().for_each(|a| *a = (2 * *a) & ((1 << MASK_BITS) - 1));
            result.body.iter_mut().for_each(|b| *b = (2 * *b) & ((1 << BODY_BITS) - 1));
        }
    }),
];

/// What rounding takes away.
const HARMLESS: Lie = |r, _| r.all.iter_mut().for_each(|result| result.body[0] ^= 1);

/// A host that lies about the products from `from` to `to`; in a masked one about its first word.
fn liar(
    model: &'static Model,
    (from, to): (usize, usize),
    masked: Masked,
    lie: Lie,
    other: &Rc<Vec<Vec<u8>>>,
) -> Tamper {
    let other = Rc::clone(other);
    Box::new(move |answer: &mut Answer<'_>| {
        let Some(product) = answers(&answer.frame).filter(|at| (from..to).contains(at)) else {
            return;
        };
        if product < masked.unwrap_or(0) as usize {
            let mut words = wire::words(&answer.frame);
            words[0] = T::add(words[0], 1);
            wire::set_words(&mut answer.frame, &words);
        } else {
            let mut results = Results::of(model, &answer.frame);
            lie(&mut results, &Results::of(model, &other[product + 1]));
            results.put(&mut answer.frame);
        }
    })
}

/// Nothing is shown from the failure on, and everything before it is right.
fn judge(run: &Run<'_>, failed_from: usize, seen: &Conversation) {
    assert_eq!(seen.failed > 0, failed_from != usize::MAX);
    for ((place, plain), head) in seen.places.iter().zip(run.plain()).zip(run.heads()) {
        assert_eq!(place.sound, head < failed_from);
        assert!(!place.sound || *place == plain);
    }
}

/// The same types, numbers, lengths, order, pauses, moments and close; the same bytes but for the
/// numbers in products from number `from` on.
#[track_caller]
fn alike(a: &Conversation, b: &Conversation, from: usize, what: &str) {
    assert!(a.outline == b.outline, "{what}: the conversations differ");
    assert!(a.moments == b.moments, "{what}: requests depart at other moments");
    let mut product = 0;
    for (a, b) in a.up.iter().zip(&b.up) {
        let is_product = wire::header(a).frame == FrameType::Product;
        let same =
            if is_product && product >= from { HEADER_BYTES + BLOCK_PREFIX_BYTES } else { a.len() };
        assert!(a[..same] == b[..same], "{what}: product {product}");
        product += usize::from(is_product);
    }
}

/// The opening, the keys, the products in the schedule's order with an answer and a departure each,
/// the goodbye and the close; and every departure between the answer before it and its request.
fn follows_the_schedule(run: &Run<'_>, seen: &Conversation) {
    let schedule: Vec<_> = run.schedule.products(&run.model.config).collect();
    let kinds: Vec<_> = seen.up.iter().map(|frame| wire::header(frame).frame).collect();
    let keys = kinds.iter().filter(|kind| **kind == FrameType::EvaluationKey).count();
    assert!(keys > 0);
    let mut expected = vec![FrameType::Hello];
    expected.resize(1 + keys, FrameType::EvaluationKey);
    expected.resize(1 + keys + schedule.len(), FrameType::Product);
    expected.push(FrameType::Bye);
    assert_eq!(kinds, expected);
    for (at, frame) in seen.up.iter().enumerate() {
        assert_eq!(wire::header(frame).sequence as usize, at);
    }
    assert_eq!(seen.down.len(), 1 + schedule.len());
    for ((up, down), due) in seen.up[1 + keys..].iter().zip(&seen.down[1..]).zip(schedule) {
        let block = kernel::wire::Block { index: due.group.0, count: due.tokens }.encode();
        assert!(up[HEADER_BYTES..].starts_with(&block) && down[HEADER_BYTES..].starts_with(&block));
    }
    assert_eq!(seen.events[0], Event::Connect);
    assert!(matches!(seen.events[seen.events.len() - 2..], [Event::Up(_), Event::Hangup(_)]));
    assert!(!seen.events.contains(&Event::Pause));

    let mut moments = vec![(3 + keys, Moment::Answered)];
    for product in 0..seen.down.len() - 1 {
        let events = 3 + keys + 2 * product;
        moments.extend([(events, Moment::Departure), (events + 2, Moment::Answered)]);
    }
    moments.push((seen.events.len() - 2, Moment::Departure));
    assert_eq!(seen.moments, moments);
}

/// The modes of a model's sessions: direct, and mixed with this many masked products.
fn modes(run: &Run<'_>) -> [Masked; 3] {
    let all = run.schedule.product_count(&run.model.config) as u32;
    [None, Some(1), Some(all / 2)]
}

#[test]
fn honest_hosts_see_the_same_conversation() {
    for model in [&*TINY, &*FIXTURE] {
        let [a, b] = prompts(model);
        for masked in modes(&a) {
            let host = || Loopback::new(&model.engine, honest());
            let [first, second] = [&a, &b].map(|run| converse(run, masked, 1, &host()));
            judge(&a, usize::MAX, &first);
            judge(&b, usize::MAX, &second);
            follows_the_schedule(&a, &first);
            alike(&first, &second, 0, "two prompts");
            // The second time it is the same to the byte.
            assert!(converse(&a, masked, 1, &host()).events == first.events);
        }
    }
}

#[test]
fn lying_hosts_see_the_same_conversation() {
    // How often the verdict told the prompts apart, and nothing else did.
    let mut verdicts = 0;
    for (model, every) in [(&*TINY, 1), (&*FIXTURE, 11)] {
        let [a, b] = prompts(model);
        let products = a.schedule.product_count(&model.config) as usize;
        for masked in modes(&a) {
            let host = |tamper| Loopback::new(&model.engine, tamper);
            let other = Rc::new(converse(&a, masked, 2, &host(honest())).down);
            let good = [&a, &b].map(|run| converse(run, masked, 1, &host(honest())));
            for from in (0..products).step_by(every) {
                // All that went up from the first prompt: the same for every lie.
                let mut caught: Option<Vec<Vec<u8>>> = None;
                for (at, (name, lie)) in LIES.into_iter().enumerate() {
                    // Every lie is told once or, every second one, to the end.
                    let to = if (at + from) % 2 == 0 { from + 1 } else { usize::MAX };
                    let what = format!("{name}, {masked:?} masked, product {from}");
                    let tell = |run| {
                        let tamper = liar(model, (from, to), masked, lie, &other);
                        converse(run, masked, 1, &host(tamper))
                    };
                    let first = tell(&a);
                    judge(&a, from, &first);
                    follows_the_schedule(&a, &first);
                    alike(&first, &good[0], from + 1, &what);
                    let same = caught.get_or_insert_with(|| first.up.clone());
                    assert!(*same == first.up, "{what}: the bytes tell which lie it was");
                    // The other prompt, for some.
                    if (at + from) % 4 == 0 {
                        let second = tell(&b);
                        // Where its rows are dummies, twice nothing is no lie.
                        let caught = second.failed > 0;
                        judge(&b, if caught { from } else { usize::MAX }, &second);
                        alike(&second, &good[1], from + 1, &what);
                        alike(&first, &second, 0, &what);
                        verdicts += usize::from(!caught);
                    }
                }
                let tamper = liar(model, (from, usize::MAX), None, HARMLESS, &other);
                if from >= masked.unwrap_or(0) as usize {
                    let seen = converse(&a, masked, 1, &host(tamper));
                    judge(&a, usize::MAX, &seen);
                    assert!(seen.up == good[0].up, "rounded away in product {from}");
                }
            }
        }
    }
    assert!(verdicts > 0);
}

/// What is encrypted after a failed check are the numbers of a run whose products are zero: a host
/// that knew the key would find these, and the device is busy with nothing else.
#[test]
fn after_a_failed_check_the_run_goes_on_with_zeros() {
    let [a, _] = prompts(&TINY);
    let host = |tamper| Loopback::new(&TINY.engine, tamper);
    let other = Rc::new(converse(&a, None, 2, &host(honest())).down);
    for from in [0, 3, 8] {
        let mut plain = Plain::new(&TINY);
        plain.failed_from = from;
        let mut rows = Vec::new();
        let places = a.plain_with(&mut plain);
        let tamper = liar(&TINY, (from, from + 1), None, LIES[0].1, &other);
        let device = host(tamper);
        let run = a.direct_over(Seed::from_bytes([1; 32]), device, |request, _| {
            let columns = TINY.shape(request.group).columns;
            rows.extend(request.x.chunks(columns).map(|x| (request.group, x.to_vec())));
        });
        let (found, _) = now(run).unwrap();
        assert!(rows == plain.inputs, "lie about product {from}");
        let logits = |places: &[Place]| -> Vec<_> {
            places.iter().map(|place| (place.logits.clone(), place.token)).collect()
        };
        assert_eq!(logits(&found), logits(&places));
    }
}

/// Links that break before, at and after the failure are resumed alike, on the same cadence.
#[test]
fn broken_links_see_the_same_conversation() {
    let [a, b] = prompts(&TINY);
    let plain_host = || Loopback::new(&TINY.engine, honest());
    for masked in [None, Some(6)] {
        let unbroken = converse(&a, masked, 1, &plain_host());
        let other = Rc::new(converse(&a, masked, 2, &plain_host()).down);
        let bytes: usize = unbroken.up.iter().map(Vec::len).sum();
        for seed in 0..30 {
            let rng = &mut Rng(seed);
            let cuts: Vec<Cut> = (0..1 + rng.below(3))
                .map(|_| {
                    let up = rng.below(2) == 0;
                    let reach = if up { bytes } else { bytes / 8 };
                    Cut { up, after: rng.below(reach) as u64, quiet: rng.below(2) == 0 }
                })
                .collect();
            let from = [5, usize::MAX][seed as usize % 2];
            let retries = cuts.len() as u32;
            let [first, second, good] =
                [(&a, from), (&b, from), (&a, usize::MAX)].map(|(run, from)| {
                    let tamper = liar(&TINY, (from, usize::MAX), masked, LIES[1].1, &other);
                    let host = Loopback::new(&TINY.engine, tamper).breaking(&cuts, retries);
                    let seen = converse(run, masked, 1, &host);
                    judge(run, from, &seen);
                    seen
                });
            assert!(first.outline == second.outline, "{cuts:?}");
            assert!(first.outline == good.outline, "{cuts:?}");
            assert!(first.moments == second.moments && first.moments == good.moments, "{cuts:?}");
        }
    }
}
