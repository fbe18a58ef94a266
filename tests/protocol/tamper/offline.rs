use super::tell_all;
use crate::harness::link::{Answer, Loopback, Tamper, honest};
use crate::harness::model::TINY;
use crate::harness::random::Rng;
use crate::harness::store::available;
use crate::harness::unit::{FORMS, form_of, prepare_keys_here};
use crate::harness::wire::{self, Row};
use core::cell::Cell;
use core::ops::Range;
use device_client::store::{CorrelationStore, MemoryStore};
use kernel::bundle::CHECK_REPETITIONS;
use kernel::glwe::SWITCHED_BODY_BITS;
use kernel::model::GroupId;
use kernel::ntt;
use kernel::params::{InsecureMasked16x1, ParameterSet};
use kernel::prime::{Delta, Prime, T};
use kernel::wire::{BLOCK_PREFIX_BYTES, Block, FrameType, HEADER_BYTES, RowForm, RowShape};
use std::collections::HashMap;
use std::rc::Rc;

type Set = InsecureMasked16x1;
const N: usize = Set::N;
/// Eight bodies, four full rows or six switched ones to a frame, of units of one key.
const PAYLOAD: usize = 1000;
/// Numbers of keys.
const KEYS: [usize; 3] = [1, 2, 5];

/// What a liar knows about the rows of a frame.
struct Scene<'a> {
    shape: RowShape,
    group: GroupId,
    first_row: usize,
    /// The same rows of another unit.
    older: &'a [Row],
}

/// Changes some of the rows of a frame.
type Lie = fn(&mut Rng, &Scene<'_>, rows: &mut [Row]);

/// Where the masks of a limb are.
const MASKS: Range<usize> = 0..N;

/// Where its bodies are.
const fn bodies(shape: &RowShape) -> Range<usize> {
    N..shape.limb_words()
}

/// Another value for one of these words of a limb.
fn spoil(rng: &mut Rng, scene: &Scene<'_>, rows: &mut [Row], limb: usize, words: Range<usize>) {
    let (row, at) = (rng.below(rows.len()), words.start + rng.below(words.len()));
    rows[row][limb][at] = rng.residue(wire::row_modulus(&scene.shape, limb, at));
}

/// Adds to word `at` of a limb, modulo what it is modulo.
fn add(shape: &RowShape, row: &mut Row, limb: usize, at: usize, b: u32) {
    let modulus = u64::from(wire::row_modulus(shape, limb, at));
    row[limb][at] = ((u64::from(row[limb][at]) + u64::from(b)) % modulus) as u32;
}

const KINDS: [(&str, Lie); 16] = [
    ("a mask word modulo t", |rng, scene, rows| spoil(rng, scene, rows, 0, MASKS)),
    ("a body word modulo t", |rng, scene, rows| spoil(rng, scene, rows, 0, bodies(&scene.shape))),
    ("a mask word of the other limb", |rng, scene, rows| spoil(rng, scene, rows, 1, MASKS)),
    ("a body word of the other limb", |rng, scene, rows| {
        spoil(rng, scene, rows, 1, bodies(&scene.shape));
    }),
    ("one word by one", |rng, scene, rows| {
        let (row, limb) = (rng.below(rows.len()), rng.below(2));
        add(&scene.shape, &mut rows[row], limb, rng.below(scene.shape.limb_words()), 1);
    }),
    ("several words", |rng, scene, rows| {
        for _ in 0..2 + rng.below(6) {
            let (limb, words) = (rng.below(2), [MASKS, bodies(&scene.shape)][rng.below(2)].clone());
            spoil(rng, scene, rows, limb, words);
        }
    }),
    // Good ciphertexts, under another key than they should be.
    ("bodies of two rows and keys exchanged", |rng, scene, rows| {
        let mut place = || {
            let body = N * (1 + rng.below(scene.shape.keys));
            (rng.below(rows.len()), body..body + N)
        };
        let ((a, from), (b, to)) = (place(), place());
        for limb in 0..2 {
            let (first, second) =
                (rows[a][limb][from.clone()].to_vec(), rows[b][limb][to.clone()].to_vec());
            rows[b][limb][to.clone()].copy_from_slice(&first);
            rows[a][limb][from.clone()].copy_from_slice(&second);
        }
    }),
    ("all words", |rng, scene, rows| {
        for (limb, words) in rows.iter_mut().flat_map(|row| row.iter_mut().enumerate()) {
            for (at, word) in words.iter_mut().enumerate() {
                *word = rng.residue(wire::row_modulus(&scene.shape, limb, at));
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
    ("a sum of two rows", |rng, scene, rows| {
        let (a, b) = (rng.below(rows.len()), rng.below(rows.len()));
        let other = rows[b].clone();
        for (limb, words) in other.iter().enumerate() {
            for (at, &word) in words.iter().enumerate() {
                add(&scene.shape, &mut rows[a], limb, at, word);
            }
        }
    }),
    ("a number added for one token", |rng, scene, rows| {
        let (row, token) = (rng.below(rows.len()), rng.below(scene.shape.keys * N));
        add_number(&scene.shape, &mut rows[row], token, 1 + rng.residue(T::VALUE - 1));
    }),
    // What no host can do, since the check vectors are secret: the other vector still catches it.
    ("a lie that one check vector misses", |rng, scene, rows| {
        let u = TINY.check_vector(scene.group, rng.below(CHECK_REPETITIONS));
        let (a, b) = (rng.below(rows.len()), rng.below(rows.len()));
        let token = rng.below(scene.shape.keys * N);
        add_number(&scene.shape, &mut rows[a], token, u[scene.first_row + b]);
        add_number(&scene.shape, &mut rows[b], token, T::neg(u[scene.first_row + a]));
    }),
];

/// Adds a number to what a row's ciphertext holds for a token, without any noise.
fn add_number(shape: &RowShape, row: &mut Row, token: usize, number: u32) {
    let (mut message, (key, token)) = ([0; N], (token / N, token % N));
    // Both scales are multiples of the other limb's modulus, which sees nothing of it.
    if shape.form == RowForm::Full {
        message[token] = T::mul(Delta::VALUE, number);
        ntt::forward::<T>(&mut message);
    } else {
        message[token] = T::mul(1 << SWITCHED_BODY_BITS, number);
    }
    let body = N * (1 + key);
    message.iter().enumerate().for_each(|(at, &m)| add(shape, row, 0, body + at, m));
}

/// Lies in frame `target` of the session's first unit.
fn liar(
    shape: RowShape,
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
            let rows = wire::rows(&answer.frame, &shape);
            let (block, _) = Block::split(&answer.frame[HEADER_BYTES..]).unwrap();
            let first_row = block.index as usize;
            let older = &wire::rows(&older, &shape);
            let scene = Scene { shape, group, first_row, older };
            let mut lie = rows.clone();
            while lie == rows {
                let (name, kind) = KINDS[rng.below(KINDS.len())];
                kind(&mut rng, &scene, &mut lie);
                told.set(name);
            }
            wire::set_rows(&mut answer.frame, &shape, &lie);
        }
        frames += 1;
    })
}

/// Honest preparations, by the form of their rows, their keys, their first group and their seed.
#[derive(Default)]
struct Honest(HashMap<(usize, usize, u32, u64), Loopback>);

impl Honest {
    fn of(&mut self, form: usize, keys: usize, units: [GroupId; 2], seed: u64) -> &Loopback {
        self.0.entry((form, keys, units[0].0, seed)).or_insert_with(|| {
            let host = Loopback::new(&TINY.engine, honest());
            let mut store = MemoryStore::new(&TINY.config);
            let form = form_of(FORMS[form], keys as u8);
            let prepared =
                prepare_keys_here::<Set>(&TINY, &host, &mut store, &units, form, seed, PAYLOAD);
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
        let (form, keys) = (rng.below(FORMS.len()), KEYS[rng.below(KEYS.len())]);
        let first = rng.below(groups as usize) as u32;
        let units = [GroupId(first), GroupId((first + 1) % groups)];
        let seed = rng.below(8) as u64;
        let older = self.of(form, keys, units, seed + 1).down();
        let honest = self.of(form, keys, units, seed).clone();
        let form = form_of(FORMS[form], keys as u8);

        let shape = wire::row_shape(form.rows, Set::ID, keys);
        let rows_per_frame = (PAYLOAD - BLOCK_PREFIX_BYTES) / shape.row_bytes();
        let frames = TINY.shape(units[0]).rows.div_ceil(rows_per_frame);
        let target = rng.below(frames);
        let told = Rc::new(Cell::new(""));
        let tamper =
            liar(shape, units[0], target, older[1 + target].clone(), rng, Rc::clone(&told));
        let host = Loopback::new(&TINY.engine, tamper);
        let mut store = MemoryStore::new(&TINY.config);
        let prepared =
            prepare_keys_here::<Set>(&TINY, &host, &mut store, &units, form, seed, PAYLOAD);
        let kind = told.get();
        assert_eq!(prepared.result, Ok(()), "{kind}");
        assert_eq!(prepared.units, [(units[0], false), (units[1], true)], "{kind}: not caught");
        // Nothing of the unit is kept, and the next one is not touched.
        assert_eq!(store.available(units[0]), 0, "{kind}");
        assert_eq!(store.available(units[1]), (keys * N) as u32, "{kind}");
        assert_eq!(store.bytes(), 4 * keys * N * TINY.shape(units[1]).rows, "{kind}");
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
    FORMS.into_iter().for_each(|form| KEYS.iter().for_each(|&keys| noise_is_harmless(form, keys)));
}

fn noise_is_harmless(form: RowForm, keys: usize) {
    let shape = wire::row_shape(form, Set::ID, keys);
    let tamper: Tamper = Box::new(move |answer| {
        if wire::header(&answer.frame).frame != FrameType::UnitRows {
            return;
        }
        let mut rows = wire::rows(&answer.frame, &shape);
        for (i, row) in rows.iter_mut().enumerate() {
            let switched = form == RowForm::Switched;
            let size = |j: usize| if switched { 1 } else { (1000 * (i + 1) * (j + 1)) as i32 };
            let noise = |j: usize| size(j) * [1, -1][j % 2];
            let mut plain: [u32; N] = core::array::from_fn(|j| T::from_i32(noise(j)));
            let mut scale: [u32; N] = core::array::from_fn(|j| Delta::from_i32(noise(j)));
            if switched {
                scale = core::array::from_fn(|j| noise(j) as u32 & 7);
            } else {
                ntt::forward::<T>(&mut plain);
                ntt::forward::<Delta>(&mut scale);
            }
            for (limb, noise) in [plain, scale].iter().enumerate() {
                for at in bodies(&shape) {
                    add(&shape, row, limb, at, noise[at % N]);
                }
            }
        }
        wire::set_rows(&mut answer.frame, &shape, &rows);
    });
    let host = Loopback::new(&TINY.engine, tamper);
    let mut store = MemoryStore::new(&TINY.config);
    let units: Vec<_> = TINY.config.groups().collect();
    let form = form_of(form, keys as u8);
    let prepared = prepare_keys_here::<Set>(&TINY, &host, &mut store, &units, form, 1, PAYLOAD);
    assert_eq!(prepared.result, Ok(()));
    assert!(prepared.units.iter().all(|(_, kept)| *kept));
    let tokens = (keys * N) as u32;
    assert_eq!(available(&store, &TINY.config), [tokens; 5]);
    store.reserve(&|_| tokens).unwrap();
    for group in units {
        let shape = TINY.shape(group);
        let (mut r, mut z) = (vec![0; shape.columns], vec![0; shape.rows]);
        for _ in 0..tokens {
            store.take(group, &mut r, &mut z).unwrap();
            assert_eq!(z, TINY.image(group, &r));
        }
    }
}
