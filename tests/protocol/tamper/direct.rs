use super::tell_all;
use crate::harness::link::{Answer, Loopback, Tamper, honest};
use crate::harness::model::TINY;
use crate::harness::now;
use crate::harness::random::Rng;
use crate::harness::results::{Outcome, Results, answers};
use crate::harness::run::{Place, Run};
use core::cell::Cell;
use device_client::session::Verdict;
use kernel::bundle::CHECK_REPETITIONS;
use kernel::direct::{BODY_BITS, MASK_BITS};
use kernel::prime::{Prime, T};
use kernel::stream::Seed;
use std::rc::Rc;

/// What a lie about a result does to what is decrypted.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Effect {
    /// Rounding takes it away.
    None,
    /// It may fall where rounding takes it away, or where nothing is read.
    Perhaps,
    /// Some output is another.
    Wrong,
}

use Effect::{None as Harmless, Perhaps, Wrong};

struct Scene<'a> {
    /// The answer to the same product in a session under another seed.
    stranger: &'a [Outcome],
    /// Answers to earlier products of the same group and size.
    older: &'a [Vec<Outcome>],
}

/// Changes the answer, or leaves it where the lie does not apply.
type Lie = fn(&mut Rng, &Scene<'_>, &mut Results);

const MASK: u64 = (1 << MASK_BITS) - 1;
const BODY: u64 = (1 << BODY_BITS) - 1;

fn one<'a>(rng: &mut Rng, results: &'a mut Results) -> &'a mut Outcome {
    let at = rng.below(results.all.len());
    &mut results.all[at]
}

/// A token and an output of it that is read.
fn output(rng: &mut Rng, results: &Results) -> (usize, usize) {
    (rng.below(results.tokens), rng.below(results.shape.rows))
}

/// Adds a number to what an output holds, without any noise but rounding.
fn add_number(results: &mut Results, (token, row): (usize, usize), number: u32) {
    let (result, at) = results.place(token, row);
    let t = u128::from(T::VALUE);
    let units = ((u128::from(number) << BODY_BITS) + t / 2) / t;
    let body = &mut results.all[result].body[at];
    *body = (*body + units as u64) & BODY;
}

fn add_assign(a: &mut Outcome, b: &Outcome) {
    a.mask.iter_mut().zip(&b.mask).for_each(|(a, b)| *a = (*a + b) & MASK);
    a.body.iter_mut().zip(&b.body).for_each(|(a, b)| *a = (*a + b) & BODY);
}

const KINDS: [(&str, Effect, Lie); 21] = [
    ("a bit of a mask word", Perhaps, |rng, _, results| {
        let result = one(rng, results);
        let at = rng.below(result.mask.len());
        result.mask[at] ^= 1 << rng.below(MASK_BITS as usize);
    }),
    ("a bit of a body word", Perhaps, |rng, _, results| {
        let result = one(rng, results);
        let at = rng.below(result.body.len());
        result.body[at] ^= 1 << rng.below(BODY_BITS as usize);
    }),
    ("the highest bit of a mask word", Wrong, |rng, _, results| {
        let at = rng.below(results.all[0].mask.len());
        results.all[0].mask[at] ^= 1 << (MASK_BITS - 1);
    }),
    ("the highest bit of an output", Wrong, |rng, _, results| {
        let (token, row) = output(rng, results);
        let (result, at) = results.place(token, row);
        results.all[result].body[at] ^= 1 << (BODY_BITS - 1);
    }),
    ("an output by one", Wrong, |rng, _, results| {
        let place = output(rng, results);
        add_number(results, place, if rng.below(2) == 0 { 1 } else { T::VALUE - 1 });
    }),
    ("an output by some number", Wrong, |rng, _, results| {
        let place = output(rng, results);
        add_number(results, place, 1 + rng.residue(T::VALUE - 1));
    }),
    ("a mask word", Perhaps, |rng, _, results| {
        let result = one(rng, results);
        let at = rng.below(result.mask.len());
        result.mask[at] = rng.next() & MASK;
    }),
    ("several body words", Perhaps, |rng, _, results| {
        for _ in 0..2 + rng.below(6) {
            let result = one(rng, results);
            let at = rng.below(result.body.len());
            result.body[at] = rng.next() & BODY;
        }
    }),
    ("all words", Wrong, |rng, _, results| {
        for result in &mut results.all {
            result.mask.iter_mut().for_each(|word| *word = rng.next() & MASK);
            result.body.iter_mut().for_each(|word| *word = rng.next() & BODY);
        }
    }),
    ("zeros", Wrong, |_, _, results| {
        for result in &mut results.all {
            result.mask.fill(0);
            result.body.fill(0);
        }
    }),
    ("bodies of zeros", Wrong, |_, _, results| {
        results.all.iter_mut().for_each(|result| result.body.fill(0));
    }),
    ("all ones", Wrong, |_, _, results| {
        for result in &mut results.all {
            result.mask.fill(MASK);
            result.body.fill(BODY);
        }
    }),
    ("outputs exchanged", Perhaps, |rng, _, results| {
        let result = one(rng, results);
        let (a, b) = (rng.below(result.body.len()), rng.below(result.body.len()));
        result.body.swap(a, b);
    }),
    ("tokens exchanged", Perhaps, |_, _, results| {
        let rows = results.layout.rows();
        if results.all.len() > 1 {
            results.all.rotate_left(1);
        } else if results.tokens > 1 {
            results.all[0].body.rotate_left(rows);
        }
    }),
    ("a mask turned", Wrong, |rng, _, results| {
        let by = 1 + rng.below(results.all[0].mask.len() - 1);
        results.all[0].mask.rotate_left(by);
    }),
    ("an older answer", Perhaps, |rng, scene, results| {
        if !scene.older.is_empty() {
            results.all.clone_from(&scene.older[rng.below(scene.older.len())]);
        }
    }),
    ("an answer under other keys", Wrong, |_, scene, results| {
        results.all.clone_from_slice(scene.stranger);
    }),
    ("a mask under other keys", Wrong, |_, scene, results| {
        results.all[0].mask.clone_from(&scene.stranger[0].mask);
    }),
    // Ciphertexts with small noise that hold something else: only the check can tell.
    ("twice the answer", Wrong, |_, _, results| {
        for result in &mut results.all {
            let same = result.clone();
            add_assign(result, &same);
        }
    }),
    // What no host can do, since the check vectors are secret: the other vector still catches it.
    ("a lie that one check vector misses", Wrong, |rng, _, results| {
        let u = TINY.check_vector(results.group, rng.below(CHECK_REPETITIONS));
        let (token, a) = output(rng, results);
        let (_, b) = output(rng, results);
        if a != b {
            add_number(results, (token, a), u[b]);
            add_number(results, (token, b), T::neg(u[a]));
        }
    }),
    ("noise below the rounding", Harmless, |rng, _, results| {
        for result in &mut results.all {
            for body in &mut result.body {
                *body = (*body + rng.below(5) as u64).wrapping_sub(2) & BODY;
            }
            let at = rng.below(result.mask.len());
            result.mask[at] = (result.mask[at] + rng.below(9) as u64).wrapping_sub(4) & MASK;
        }
    }),
];

/// Lies about product `target` in one way out of [`KINDS`], which `told` learns.
fn liar(target: usize, stranger: Vec<u8>, mut rng: Rng, told: Rc<Cell<usize>>) -> Tamper {
    let mut earlier: Vec<Results> = Vec::new();
    let stranger = Results::of(&TINY, &stranger);
    Box::new(move |answer: &mut Answer<'_>| {
        let Some(product) = answers(&answer.frame) else { return };
        let results = Results::of(&TINY, &answer.frame);
        if product == target {
            let same = |r: &&Results| (r.group, r.tokens) == (results.group, results.tokens);
            let older: Vec<_> = earlier.iter().filter(same).map(|r| r.all.clone()).collect();
            let scene = Scene { stranger: &stranger.all, older: &older };
            let mut lie = results.clone();
            while lie.all == results.all {
                let kind = rng.below(KINDS.len());
                (KINDS[kind].2)(&mut rng, &scene, &mut lie);
                told.set(kind);
            }
            lie.put(&mut answer.frame);
        }
        earlier.push(results);
    })
}

/// Honest sessions to compare with: the one that is lied to, and one under another seed.
struct Honest {
    run: Run<'static>,
    host: Loopback,
    stranger: Vec<Vec<u8>>,
    y: Vec<Vec<i32>>,
    places: Vec<Place>,
    checks: u32,
    heads: Vec<usize>,
}

fn session(run: &Run<'_>, byte: u8, host: &Loopback) -> (Vec<Place>, Verdict, Vec<Vec<i32>>) {
    let mut all = Vec::new();
    let seed = Seed::from_bytes([byte; 32]);
    let outcome = run.direct_over(seed, host.clone(), |_, y| all.push(y.to_vec()));
    let (places, verdict) = now(outcome).unwrap();
    (places, verdict, all)
}

impl Honest {
    fn new() -> Self {
        let run = Run::new(&TINY, 6, 6, 2, 2);
        let [host, other] = [(); 2].map(|()| Loopback::new(&TINY.engine, honest()));
        session(&run, 9, &other);
        let (places, verdict, y) = session(&run, 8, &host);
        assert_eq!((places.clone(), verdict.failed), (run.plain(), 0));
        let (checks, heads) = (verdict.checks, run.heads());
        Self { run, host, stranger: other.down(), y, places, checks, heads }
    }

    /// A session in which one product is answered by a lie; its kind, and whether it was caught.
    fn lie(&self, mut rng: Rng) -> (&'static str, bool) {
        let target = rng.below(self.y.len());
        let told = Rc::new(Cell::new(0));
        let stranger = self.stranger[target + 1].clone();
        let host = Loopback::new(&TINY.engine, liar(target, stranger, rng, Rc::clone(&told)));
        let (places, verdict, y) = session(&self.run, 8, &host);
        let (kind, effect, _) = KINDS[told.get()];
        let caught = verdict.failed > 0;
        match effect {
            Harmless => assert!(!caught, "{kind}: rounding does not take it away"),
            Wrong => assert!(caught, "{kind}: not caught"),
            Perhaps => {}
        }
        assert_eq!((verdict.checks, y.len()), (self.checks, self.y.len()), "{kind}");
        let from = if caught { target } else { usize::MAX };
        for (product, (y, good)) in y.iter().zip(&self.y).enumerate() {
            if product < from {
                assert!(y == good, "{kind}: product {product} is wrong, and nobody says so");
            } else {
                assert!(y.iter().all(|&y| y == 0), "{kind}: product {product} is not blank");
            }
        }
        for (at, place) in places.iter().enumerate() {
            assert_eq!(place.sound, self.heads[at] < from, "{kind}");
            assert!(!place.sound || *place == self.places[at], "{kind}");
        }
        assert!(host.outline() == self.host.outline(), "{kind}: the conversation differs");
        // What is sent before the device has seen the lie is the same to the byte; all of it is, if
        // there was nothing to see.
        let (up, expected) = (host.up(), self.host.up());
        let keys = expected.len() - self.y.len() - 2;
        let same = if caught { keys + target + 2 } else { expected.len() };
        assert!(up[..same] == expected[..same], "{kind}");
        (kind, caught)
    }
}

#[test]
fn every_lie_about_a_direct_product_is_caught_or_rounded_away() {
    let told = tell_all(KINDS.len(), Honest::new, |honest, rng| honest.lie(rng));
    for (kind, effect, _) in KINDS {
        let (all, caught) = told[kind];
        match effect {
            Harmless => assert_eq!(caught, 0, "{kind}"),
            Perhaps => assert!(caught > 0, "{kind} is never caught"),
            Wrong => assert_eq!(caught, all, "{kind}"),
        }
    }
    // Rounding does take away what is small enough.
    for kind in ["a bit of a mask word", "a bit of a body word"] {
        assert!(told[kind].1 < told[kind].0, "{kind}");
    }
}
