use super::tell_all;
use crate::harness::link::{Answer, Loopback, Tamper, honest};
use crate::harness::model::TINY;
use crate::harness::random::Rng;
use crate::harness::store::available;
use crate::harness::unit::prepare_from;
use crate::harness::wire;
use core::cell::Cell;
use device_client::store::{CorrelationStore, MemoryStore};
use device_client::unit::MaskSource;
use kernel::bundle::CHECK_REPETITIONS;
use kernel::model::GroupId;
use kernel::ntt;
use kernel::params::{InsecureMasked16x1, ParameterSet};
use kernel::prime::{Delta, Prime, PrimeId, T};
use kernel::wire::{Block, FrameType, HEADER_BYTES};
use std::collections::HashMap;
use std::rc::Rc;

type Set = InsecureMasked16x1;
const N: usize = Set::N;
/// Eight bodies or four rows to a frame.
const PAYLOAD: usize = 1000;

/// The ciphertext of a row: its limbs modulo t and Delta, each a mask polynomial, then the body.
type Row = [Vec<u32>; 2];

/// What a liar knows about the rows of a frame.
struct Scene<'a> {
    group: GroupId,
    first_row: usize,
    /// The same rows of another unit.
    older: &'a [Row],
}

/// Changes some of the rows of a frame.
type Lie = fn(&mut Rng, &Scene<'_>, rows: &mut [Row]);

fn modulus(limb: usize) -> u32 {
    PrimeId::ALL[limb].value()
}

/// Another value for one word of a limb, from word `from` on.
fn spoil(rng: &mut Rng, rows: &mut [Row], limb: usize, from: usize) {
    let row = rng.below(rows.len());
    rows[row][limb][from + rng.below(N)] = rng.residue(modulus(limb));
}

fn add(limb: usize, a: u32, b: u32) -> u32 {
    if limb == 0 { T::add(a, b) } else { Delta::add(a, b) }
}

const KINDS: [(&str, Lie); 15] = [
    ("a mask word modulo t", |rng, _, rows| spoil(rng, rows, 0, 0)),
    ("a body word modulo t", |rng, _, rows| spoil(rng, rows, 0, N)),
    ("a mask word modulo Delta", |rng, _, rows| spoil(rng, rows, 1, 0)),
    ("a body word modulo Delta", |rng, _, rows| spoil(rng, rows, 1, N)),
    ("one word by one", |rng, _, rows| {
        let (row, limb) = (rng.below(rows.len()), rng.below(2));
        let word = &mut rows[row][limb][rng.below(2 * N)];
        *word = add(limb, *word, 1);
    }),
    ("several words", |rng, _, rows| {
        for _ in 0..2 + rng.below(6) {
            let (limb, from) = (rng.below(2), N * rng.below(2));
            spoil(rng, rows, limb, from);
        }
    }),
    ("all words", |rng, _, rows| {
        for limbs in rows {
            for (limb, words) in limbs.iter_mut().enumerate() {
                words.iter_mut().for_each(|word| *word = rng.residue(modulus(limb)));
            }
        }
    }),
    ("a row of zeros", |rng, _, rows| {
        let row = rng.below(rows.len());
        rows[row].iter_mut().for_each(|limb| limb.fill(0));
    }),
    ("rows exchanged", |rng, _, rows| {
        let (a, b) = (rng.below(rows.len()), rng.below(rows.len()));
        rows.swap(a, b);
    }),
    ("a row repeated", |rng, _, rows| {
        let (a, b) = (rng.below(rows.len()), rng.below(rows.len()));
        rows[a] = rows[b].clone();
    }),
    ("rows of an older unit", |_, scene, rows| rows.clone_from_slice(scene.older)),
    ("a row of an older unit", |rng, scene, rows| {
        let row = rng.below(rows.len());
        rows[row] = scene.older[row].clone();
    }),
    // Ciphertexts with small noise that hold something else: only the check can tell.
    ("a sum of two rows", |rng, _, rows| {
        let (a, b) = (rng.below(rows.len()), rng.below(rows.len()));
        let other = rows[b].clone();
        for (limb, (words, other)) in rows[a].iter_mut().zip(&other).enumerate() {
            words.iter_mut().zip(other).for_each(|(word, &o)| *word = add(limb, *word, o));
        }
    }),
    ("a number added for one token", |rng, _, rows| {
        let (row, token) = (rng.below(rows.len()), rng.below(N));
        add_number(&mut rows[row], token, 1 + rng.residue(T::VALUE - 1));
    }),
    // What no host can do, since the check vectors are secret: the other vector still catches it.
    ("a lie that one check vector misses", |rng, scene, rows| {
        let u = TINY.check_vector(scene.group, rng.below(CHECK_REPETITIONS));
        let (a, b, token) = (rng.below(rows.len()), rng.below(rows.len()), rng.below(N));
        add_number(&mut rows[a], token, u[scene.first_row + b]);
        add_number(&mut rows[b], token, T::neg(u[scene.first_row + a]));
    }),
];

/// Adds a number to what a row's ciphertext holds for a token, without any noise.
fn add_number(row: &mut Row, token: usize, number: u32) {
    let mut message = [0; N];
    message[token] = T::mul(Delta::VALUE, number);
    ntt::forward::<T>(&mut message);
    row[0][N..].iter_mut().zip(message).for_each(|(b, m)| *b = T::add(*b, m));
}

/// Lies in frame `target` of the session's first unit.
fn liar(
    group: GroupId,
    target: usize,
    older: Vec<u8>,
    mut rng: Rng,
    told: Rc<Cell<&'static str>>,
) -> Tamper {
    let mut frames = 0;
    Box::new(move |answer: &mut Answer<'_>| {
        if wire::header(&answer.frame).frame != FrameType::UnitRows {
            return;
        }
        if frames == target {
            let rows = wire::rows(&answer.frame, Set::ID);
            let (block, _) = Block::split(&answer.frame[HEADER_BYTES..]).unwrap();
            let first_row = block.index as usize;
            let scene = Scene { group, first_row, older: &wire::rows(&older, Set::ID) };
            let mut lie = rows.clone();
            while lie == rows {
                let (name, kind) = KINDS[rng.below(KINDS.len())];
                kind(&mut rng, &scene, &mut lie);
                told.set(name);
            }
            wire::set_rows(&mut answer.frame, Set::ID, &lie);
        }
        frames += 1;
    })
}

const SOURCES: [MaskSource; 2] = [MaskSource::Unit, MaskSource::Model];

/// Honest preparations, by their first group, their source of masks and their seed.
#[derive(Default)]
struct Honest(HashMap<(u32, bool, u64), Loopback>);

impl Honest {
    fn of(&mut self, units: [GroupId; 2], masks: MaskSource, seed: u64) -> &Loopback {
        let shared = masks == MaskSource::Model;
        self.0.entry((units[0].0, shared, seed)).or_insert_with(|| {
            let host = Loopback::new(&TINY.engine, honest());
            let mut store = MemoryStore::new(&TINY.config);
            let prepared =
                prepare_from::<Set>(&TINY, &host, &mut store, &units, masks, seed, PAYLOAD);
            assert_eq!(
                (prepared.result, prepared.units),
                (Ok(()), units.map(|g| (g, true)).into())
            );
            host
        })
    }

    /// A preparation of two units, one row frame of the first of which is a lie.
    fn lie(&mut self, mut rng: Rng) -> (&'static str, bool) {
        let groups = TINY.config.group_count();
        let first = rng.below(groups as usize) as u32;
        let units = [GroupId(first), GroupId((first + 1) % groups)];
        let (masks, seed) = (SOURCES[rng.below(2)], rng.below(8) as u64);
        let older = self.of(units, masks, seed + 1).down();
        let honest = self.of(units, masks, seed).clone();

        let frames = TINY.shape(units[0]).rows.div_ceil(4);
        let target = rng.below(frames);
        let told = Rc::new(Cell::new(""));
        let tamper = liar(units[0], target, older[1 + target].clone(), rng, Rc::clone(&told));
        let host = Loopback::new(&TINY.engine, tamper);
        let mut store = MemoryStore::new(&TINY.config);
        let prepared = prepare_from::<Set>(&TINY, &host, &mut store, &units, masks, seed, PAYLOAD);
        let kind = told.get();
        assert_eq!(prepared.result, Ok(()), "{kind}");
        assert_eq!(prepared.units, [(units[0], false), (units[1], true)], "{kind}: not caught");
        // Nothing of the unit is kept, and the next one is not touched.
        assert_eq!(store.available(units[0]), 0, "{kind}");
        assert_eq!(store.available(units[1]), N as u32, "{kind}");
        assert_eq!(store.bytes(), 4 * N * TINY.shape(units[1]).rows, "{kind}");
        assert!(host.up() == honest.up(), "{kind}: bytes depend on the verdict");
        assert!(host.outline() == honest.outline(), "{kind}: the conversation differs");
        (kind, true)
    }
}

#[test]
fn every_lie_about_a_unit_is_caught() {
    tell_all(KINDS.len(), Honest::default, Honest::lie);
}

/// Noise of the host's own, small and the same in both limbs, is no lie: it is part of what
/// decryption takes off, and the correlations stay exact.
#[test]
fn small_noise_in_both_limbs_is_harmless() {
    let tamper: Tamper = Box::new(|answer| {
        if wire::header(&answer.frame).frame != FrameType::UnitRows {
            return;
        }
        let mut rows = wire::rows(&answer.frame, Set::ID);
        for (i, row) in rows.iter_mut().enumerate() {
            let noise = |j: usize| (1000 * (i + 1) * (j + 1)) as i32 * [1, -1][j % 2];
            let mut plain: [u32; N] = core::array::from_fn(|j| T::from_i32(noise(j)));
            let mut scale: [u32; N] = core::array::from_fn(|j| Delta::from_i32(noise(j)));
            ntt::forward::<T>(&mut plain);
            ntt::forward::<Delta>(&mut scale);
            for (limb, noise) in [plain, scale].iter().enumerate() {
                let body = row[limb][N..].iter_mut().zip(noise);
                body.for_each(|(b, &e)| *b = add(limb, *b, e));
            }
        }
        wire::set_rows(&mut answer.frame, Set::ID, &rows);
    });
    let host = Loopback::new(&TINY.engine, tamper);
    let mut store = MemoryStore::new(&TINY.config);
    let units: Vec<_> = TINY.config.groups().collect();
    let masks = MaskSource::Model;
    let prepared = prepare_from::<Set>(&TINY, &host, &mut store, &units, masks, 1, PAYLOAD);
    assert_eq!(prepared.result, Ok(()));
    assert!(prepared.units.iter().all(|(_, kept)| *kept));
    assert_eq!(available(&store, &TINY.config), [N as u32; 5]);
    store.reserve(&|_| N as u32).unwrap();
    for group in units {
        let shape = TINY.shape(group);
        let (mut r, mut z) = (vec![0; shape.columns], vec![0; shape.rows]);
        for _ in 0..N {
            store.take(group, &mut r, &mut z).unwrap();
            assert_eq!(z, TINY.image(group, &r));
        }
    }
}
