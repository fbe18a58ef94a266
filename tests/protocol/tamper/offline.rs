use super::tell_all;
use crate::harness::link::{Answer, Loopback, Tamper, honest};
use crate::harness::model::TINY;
use crate::harness::random::Rng;
use crate::harness::store::available;
use crate::harness::unit::{FORMS, prepare_here};
use crate::harness::wire::{self, Row};
use core::cell::Cell;
use device_client::store::{CorrelationStore, MemoryStore};
use kernel::bundle::CHECK_REPETITIONS;
use kernel::glwe::SWITCHED_BODY_BITS;
use kernel::model::GroupId;
use kernel::ntt;
use kernel::params::{InsecureMasked16x1, ParameterSet};
use kernel::prime::{Delta, Prime, T};
use kernel::wire::{BLOCK_PREFIX_BYTES, Block, FrameType, HEADER_BYTES, RowForm};
use std::collections::HashMap;
use std::rc::Rc;

type Set = InsecureMasked16x1;
const N: usize = Set::N;
/// Eight bodies, four full rows or six switched ones to a frame.
const PAYLOAD: usize = 1000;

/// What a liar knows about the rows of a frame.
struct Scene<'a> {
    form: RowForm,
    group: GroupId,
    first_row: usize,
    /// The same rows of another unit.
    older: &'a [Row],
}

/// Changes some of the rows of a frame.
type Lie = fn(&mut Rng, &Scene<'_>, rows: &mut [Row]);

/// Another value for one word of a limb, from word `from` on.
fn spoil(rng: &mut Rng, scene: &Scene<'_>, rows: &mut [Row], limb: usize, from: usize) {
    let (row, at) = (rng.below(rows.len()), from + rng.below(N));
    rows[row][limb][at] = rng.residue(wire::row_modulus(scene.form, Set::ID, limb, at));
}

/// Adds to word `at` of a limb, modulo what it is modulo.
fn add(form: RowForm, row: &mut Row, limb: usize, at: usize, b: u32) {
    let modulus = u64::from(wire::row_modulus(form, Set::ID, limb, at));
    row[limb][at] = ((u64::from(row[limb][at]) + u64::from(b)) % modulus) as u32;
}

const KINDS: [(&str, Lie); 15] = [
    ("a mask word modulo t", |rng, scene, rows| spoil(rng, scene, rows, 0, 0)),
    ("a body word modulo t", |rng, scene, rows| spoil(rng, scene, rows, 0, N)),
    ("a mask word of the other limb", |rng, scene, rows| spoil(rng, scene, rows, 1, 0)),
    ("a body word of the other limb", |rng, scene, rows| spoil(rng, scene, rows, 1, N)),
    ("one word by one", |rng, scene, rows| {
        let (row, limb) = (rng.below(rows.len()), rng.below(2));
        add(scene.form, &mut rows[row], limb, rng.below(2 * N), 1);
    }),
    ("several words", |rng, scene, rows| {
        for _ in 0..2 + rng.below(6) {
            let (limb, from) = (rng.below(2), N * rng.below(2));
            spoil(rng, scene, rows, limb, from);
        }
    }),
    ("all words", |rng, scene, rows| {
        for (limb, words) in rows.iter_mut().flat_map(|row| row.iter_mut().enumerate()) {
            for (at, word) in words.iter_mut().enumerate() {
                *word = rng.residue(wire::row_modulus(scene.form, Set::ID, limb, at));
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
                add(scene.form, &mut rows[a], limb, at, word);
            }
        }
    }),
    ("a number added for one token", |rng, scene, rows| {
        let (row, token) = (rng.below(rows.len()), rng.below(N));
        add_number(scene.form, &mut rows[row], token, 1 + rng.residue(T::VALUE - 1));
    }),
    // What no host can do, since the check vectors are secret: the other vector still catches it.
    ("a lie that one check vector misses", |rng, scene, rows| {
        let u = TINY.check_vector(scene.group, rng.below(CHECK_REPETITIONS));
        let (a, b, token) = (rng.below(rows.len()), rng.below(rows.len()), rng.below(N));
        add_number(scene.form, &mut rows[a], token, u[scene.first_row + b]);
        add_number(scene.form, &mut rows[b], token, T::neg(u[scene.first_row + a]));
    }),
];

/// Adds a number to what a row's ciphertext holds for a token, without any noise.
fn add_number(form: RowForm, row: &mut Row, token: usize, number: u32) {
    let mut message = [0; N];
    // Both scales are multiples of the other limb's modulus, which sees nothing of it.
    if form == RowForm::Full {
        message[token] = T::mul(Delta::VALUE, number);
        ntt::forward::<T>(&mut message);
    } else {
        message[token] = T::mul(1 << SWITCHED_BODY_BITS, number);
    }
    message.iter().enumerate().for_each(|(at, &m)| add(form, row, 0, N + at, m));
}

/// Lies in frame `target` of the session's first unit.
fn liar(
    form: RowForm,
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
            let rows = wire::rows(&answer.frame, form, Set::ID);
            let (block, _) = Block::split(&answer.frame[HEADER_BYTES..]).unwrap();
            let first_row = block.index as usize;
            let older = &wire::rows(&older, form, Set::ID);
            let scene = Scene { form, group, first_row, older };
            let mut lie = rows.clone();
            while lie == rows {
                let (name, kind) = KINDS[rng.below(KINDS.len())];
                kind(&mut rng, &scene, &mut lie);
                told.set(name);
            }
            wire::set_rows(&mut answer.frame, form, Set::ID, &lie);
        }
        frames += 1;
    })
}

/// Honest preparations, by the form of their rows, their first group and their seed.
#[derive(Default)]
struct Honest(HashMap<(usize, u32, u64), Loopback>);

impl Honest {
    fn of(&mut self, form: usize, units: [GroupId; 2], seed: u64) -> &Loopback {
        self.0.entry((form, units[0].0, seed)).or_insert_with(|| {
            let host = Loopback::new(&TINY.engine, honest());
            let mut store = MemoryStore::new(&TINY.config);
            let form = FORMS[form];
            let prepared =
                prepare_here::<Set>(&TINY, &host, &mut store, &units, form, seed, PAYLOAD);
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
        let form = rng.below(FORMS.len());
        let first = rng.below(groups as usize) as u32;
        let units = [GroupId(first), GroupId((first + 1) % groups)];
        let seed = rng.below(8) as u64;
        let older = self.of(form, units, seed + 1).down();
        let honest = self.of(form, units, seed).clone();
        let form = FORMS[form];

        let row_bytes = form.row_bytes(N, Set::K);
        let frames = TINY.shape(units[0]).rows.div_ceil((PAYLOAD - BLOCK_PREFIX_BYTES) / row_bytes);
        let target = rng.below(frames);
        let told = Rc::new(Cell::new(""));
        let tamper = liar(form, units[0], target, older[1 + target].clone(), rng, Rc::clone(&told));
        let host = Loopback::new(&TINY.engine, tamper);
        let mut store = MemoryStore::new(&TINY.config);
        let prepared = prepare_here::<Set>(&TINY, &host, &mut store, &units, form, seed, PAYLOAD);
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
    FORMS.into_iter().for_each(small_noise_is_harmless);
}

fn small_noise_is_harmless(form: RowForm) {
    let tamper: Tamper = Box::new(move |answer| {
        if wire::header(&answer.frame).frame != FrameType::UnitRows {
            return;
        }
        let mut rows = wire::rows(&answer.frame, form, Set::ID);
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
                noise.iter().enumerate().for_each(|(j, &e)| add(form, row, limb, N + j, e));
            }
        }
        wire::set_rows(&mut answer.frame, form, Set::ID, &rows);
    });
    let host = Loopback::new(&TINY.engine, tamper);
    let mut store = MemoryStore::new(&TINY.config);
    let units: Vec<_> = TINY.config.groups().collect();
    let prepared = prepare_here::<Set>(&TINY, &host, &mut store, &units, form, 1, PAYLOAD);
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
