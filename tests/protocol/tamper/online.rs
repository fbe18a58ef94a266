use super::tell_all;
use crate::harness::link::{Answer, Loopback, Tamper, honest};
use crate::harness::model::{Model, TINY};
use crate::harness::now;
use crate::harness::random::Rng;
use crate::harness::run::{Place, Run};
use crate::harness::store::provisioned;
use crate::harness::wire;
use core::cell::Cell;
use kernel::bundle::CHECK_REPETITIONS;
use kernel::model::{GroupId, GroupKind};
use kernel::prime::{Prime, T};
use kernel::wire::{Block, FrameType, HEADER_BYTES};
use std::rc::Rc;

/// What a liar knows about the product under way.
struct Scene<'a> {
    model: &'a Model,
    group: GroupId,
    tokens: usize,
    /// The masked input.
    c: &'a [u32],
    /// Answers to earlier products of the same size.
    older: &'a [Vec<u32>],
}

/// Changes the answer d, or leaves it where the lie does not apply.
type Lie = fn(&mut Rng, &Scene<'_>, &mut Vec<u32>);

const KINDS: [(&str, Lie); 14] = [
    ("one word", |rng, _, d| {
        let at = rng.below(d.len());
        d[at] = rng.residue(T::VALUE);
    }),
    ("one word by one", |rng, _, d| {
        let at = rng.below(d.len());
        d[at] = if rng.below(2) == 0 { T::add(d[at], 1) } else { T::sub(d[at], 1) };
    }),
    ("one word by half of t", |rng, _, d| {
        let at = rng.below(d.len());
        d[at] = T::add(d[at], T::VALUE / 2);
    }),
    ("several words", |rng, _, d| {
        for _ in 0..2 + rng.below(6) {
            let at = rng.below(d.len());
            d[at] = rng.residue(T::VALUE);
        }
    }),
    ("all words", |rng, _, d| d.iter_mut().for_each(|word| *word = rng.residue(T::VALUE))),
    ("zeros", |_, _, d| d.fill(0)),
    ("scaled", |rng, _, d| {
        let factor = 2 + rng.residue(T::VALUE - 2);
        d.iter_mut().for_each(|word| *word = T::mul(*word, factor));
    }),
    ("words exchanged", |rng, _, d| {
        let (a, b) = (rng.below(d.len()), rng.below(d.len()));
        d.swap(a, b);
    }),
    ("rows exchanged", |_, scene, d| {
        let length = d.len();
        d.rotate_left(length / scene.tokens % length);
    }),
    ("row repeated", |_, scene, d| {
        let m = d.len() / scene.tokens;
        d.copy_within(..m, (scene.tokens - 1) * m);
    }),
    ("older answer", |rng, scene, d| {
        if !scene.older.is_empty() {
            *d = scene.older[rng.below(scene.older.len())].clone();
        }
    }),
    ("another matrix", |_, scene, d| {
        let (_, kind) = scene.model.config.kind(scene.group).unwrap();
        let other = match kind {
            GroupKind::AttnOut => scene.model.config.group(0, GroupKind::MlpOut),
            GroupKind::MlpOut => scene.model.config.group(0, GroupKind::AttnOut),
            _ => return,
        };
        *d = scene.model.engine.product(other, scene.tokens, scene.c).unwrap();
    }),
    // The right matrix and an input that differs in one place: a lie that is linear in W.
    ("another input", |rng, scene, d| {
        let mut c = scene.c.to_vec();
        let at = rng.below(c.len());
        c[at] = T::add(c[at], 1 << rng.below(31));
        *d = scene.model.engine.product(scene.group, scene.tokens, &c).unwrap();
    }),
    // What no host can do, since the check vectors are secret: the other vector still catches it.
    ("a lie that one check vector misses", |rng, scene, d| {
        let (m, row) = (d.len() / scene.tokens, rng.below(scene.tokens));
        let u = scene.model.check_vector(scene.group, rng.below(CHECK_REPETITIONS));
        let d = &mut d[row * m..][..m];
        let (a, b) = (rng.below(m), rng.below(m));
        d[a] = T::add(d[a], u[b]);
        d[b] = T::sub(d[b], u[a]);
    }),
];

/// Lies about product `target` in one way out of [`KINDS`], which `told` learns.
fn liar(
    model: &'static Model,
    target: usize,
    mut rng: Rng,
    told: Rc<Cell<&'static str>>,
) -> Tamper {
    let mut answers: Vec<(GroupId, Vec<u32>)> = Vec::new();
    Box::new(move |answer: &mut Answer<'_>| {
        if wire::header(&answer.frame).frame != FrameType::ProductReply {
            return;
        }
        let (block, _) = Block::split(&answer.frame[HEADER_BYTES..]).unwrap();
        let d = wire::words(&answer.frame);
        let group = GroupId(block.index);
        if answers.len() == target {
            let same_size = |(g, a): &(GroupId, Vec<u32>)| {
                (*g == group && a.len() == d.len()).then(|| a.clone())
            };
            let scene = Scene {
                model,
                group,
                tokens: block.count as usize,
                c: &wire::words(answer.request),
                older: &answers.iter().filter_map(same_size).collect::<Vec<_>>(),
            };
            let mut lie = d.clone();
            while lie == d {
                let (name, kind) = KINDS[rng.below(KINDS.len())];
                kind(&mut rng, &scene, &mut lie);
                told.set(name);
            }
            wire::set_words(&mut answer.frame, &lie);
        }
        answers.push((group, d));
    })
}

/// An honest session to compare with.
struct Honest {
    run: Run<'static>,
    host: Loopback,
    places: Vec<Place>,
    checks: u32,
    heads: Vec<usize>,
    products: usize,
}

impl Honest {
    fn new() -> Self {
        let run = Run::new(&TINY, 3, 4, 2, 2);
        let host = Loopback::new(&TINY.engine, honest());
        let mut store = provisioned(&TINY, &run.schedule, 1, &mut Rng(2));
        let (places, verdict) = run.masked(&mut store, &host).unwrap();
        assert_eq!((places.clone(), verdict.failed), (run.plain(), 0));
        let products = run.schedule.product_count(&TINY.config) as usize;
        Self { host, places, checks: verdict.checks, heads: run.heads(), products, run }
    }

    /// A session in which one product is answered by a lie.
    fn lie(&self, mut rng: Rng) -> (&'static str, bool) {
        let target = rng.below(self.products);
        let told = Rc::new(Cell::new(""));
        let host = Loopback::new(&TINY.engine, liar(&TINY, target, rng, Rc::clone(&told)));
        let mut store = provisioned(&TINY, &self.run.schedule, 1, &mut Rng(2));
        let mut product = 0;
        let session = self.run.masked_over(&mut store, host.clone(), |_, y| {
            let blank = y.iter().all(|&y| y == 0);
            assert_eq!(blank, product >= target, "product {product}, lie about {target}");
            product += 1;
        });
        let (places, verdict) = now(session).unwrap();
        let kind = told.get();
        assert!(verdict.failed > 0, "{kind}: not caught");
        assert_eq!((verdict.checks, product), (self.checks, self.products), "{kind}");
        for (at, place) in places.iter().enumerate() {
            assert_eq!(place.sound, self.heads[at] < target, "{kind}");
            assert!(!place.sound || *place == self.places[at], "{kind}");
        }
        assert!(host.outline() == self.host.outline(), "{kind}: the conversation differs");
        // What is sent before the device has seen the lie is the same to the byte.
        assert!(host.up()[..target + 2] == self.host.up()[..target + 2], "{kind}");
        (kind, true)
    }
}

#[test]
fn every_lie_about_a_product_is_caught() {
    tell_all(KINDS.len(), Honest::new, |honest, rng| honest.lie(rng));
}
