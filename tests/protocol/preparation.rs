//! The offline phase from end to end, under every secure parameter set.

use crate::harness::link::{Loopback, honest};
use crate::harness::model::{FIXTURE, Model, TINY};
use crate::harness::random::Rng;
use crate::harness::run::Run;
use crate::harness::store::{available, provisioned};
use crate::harness::unit::{FORMS, form_of, prepare_keys_here, prepare_with};
use crate::harness::{now, wire};
use core::convert::Infallible;
use core::ops::Range;
use device_client::store::{CorrelationStore, MemoryStore};
use device_client::unit::{MaskSource, UnitForm};
use kernel::glwe::{EncryptScratch, SecretKey, encrypt_seeded_into};
use kernel::params::{
    InsecureMasked16x1, MASKED_LIMBS, Masked256x16, Masked512x8, Masked1024x4, Masked2048x2,
    Masked4096x1, MaskedSet,
};
use kernel::prime::{Prime, T};
use kernel::ring::Scalar;
use kernel::stream::{Entropy, Label, PublicSeed, Seed, one_time_mask, ternary};
use kernel::wire::{
    BLOCK_PREFIX_BYTES, FrameType, HEADER_BYTES, MAX_PAYLOAD, MaskSeed, RowForm, UnitOpen,
    body_bytes, decode_body, pack_residues, packed_len,
};
use std::collections::HashSet;

/// Prepares one unit of every group, of which each correlation must be exact, and answers from
/// them, whatever form the rows come in and however many keys they are under.
fn from_nothing_to_an_answer<S: MaskedSet>(model: &Model, payload: usize, keys: &[u8]) {
    for (form, &keys) in FORMS.iter().flat_map(|form| keys.iter().map(move |keys| (*form, keys))) {
        from_rows_to_an_answer::<S>(model, form_of(form, keys), payload);
    }
}

fn from_rows_to_an_answer<S: MaskedSet>(model: &Model, form: UnitForm, payload: usize) {
    let keys = usize::from(form.keys);
    let tokens = keys * S::N;
    let units: Vec<_> = model.config.groups().collect();
    let prepared = || {
        let host = Loopback::new(&model.engine, honest());
        let mut store = MemoryStore::new(&model.config);
        let prepared = prepare_keys_here::<S>(model, &host, &mut store, &units, form, 21, payload);
        assert_eq!(prepared.result, Ok(()));
        assert!(prepared.units.iter().all(|(_, kept)| *kept));
        assert!(available(&store, &model.config).iter().all(|&held| held == tokens as u32));
        let bytes = |frame: &Vec<u8>| match wire::header(frame).frame {
            FrameType::UnitRows => frame.len() - HEADER_BYTES - BLOCK_PREFIX_BYTES,
            _ => 0,
        };
        let rows: usize = model.config.groups().map(|group| model.shape(group).rows).sum();
        let expected = rows * form.rows.row_bytes(S::N, S::K, keys);
        assert_eq!(host.down().iter().map(bytes).sum::<usize>(), expected);
        store
    };

    let mut store = prepared();
    store.reserve(&|_| tokens as u32).unwrap();
    for group in model.config.groups() {
        let shape = model.shape(group);
        let (mut r, mut z) = (vec![0; shape.columns], vec![0; shape.rows]);
        for token in 0..tokens {
            store.take(group, &mut r, &mut z).unwrap();
            assert_eq!(z, model.image(group, &r), "group {}, token {token}", group.0);
        }
    }

    let run = Run { set: S::ID, ..Run::new(model, 9, 12, 5, 4) };
    let host = Loopback::new(&model.engine, honest());
    let (places, verdict) = run.masked(&mut prepared(), &host).unwrap();
    assert_eq!((places, verdict.failed), (run.plain(), 0));
}

#[test]
fn sixteen_tokens() {
    // Frames of two rows, of four, and as large as they can be.
    for payload in [600, 1000, MAX_PAYLOAD] {
        from_nothing_to_an_answer::<InsecureMasked16x1>(&TINY, payload, &[1, 2, 3]);
    }
    // Frames of one row.
    from_nothing_to_an_answer::<InsecureMasked16x1>(&TINY, 8 + 17 * 120, &[16]);
}

#[test]
fn a_batch_of_256() {
    from_nothing_to_an_answer::<Masked256x16>(&TINY, MAX_PAYLOAD, &[1, 2, 3, 16]);
    from_nothing_to_an_answer::<Masked256x16>(&FIXTURE, 500_000, &[1, 3]);
}

#[test]
fn a_batch_of_512() {
    from_nothing_to_an_answer::<Masked512x8>(&TINY, MAX_PAYLOAD, &[1, 2, 3, 16]);
}

#[test]
fn a_batch_of_1024() {
    from_nothing_to_an_answer::<Masked1024x4>(&TINY, MAX_PAYLOAD, &[1, 2, 3, 16]);
}

#[test]
fn a_batch_of_2048() {
    from_nothing_to_an_answer::<Masked2048x2>(&TINY, 300_000, &[1, 2, 3, 16]);
}

#[test]
fn a_batch_of_4096() {
    from_nothing_to_an_answer::<Masked4096x1>(&TINY, MAX_PAYLOAD, &[1, 2, 3, 16]);
}

/// What goes up, less what it hides, is the mask: over the sessions of a store no mask serves
/// twice, dummies included, and equal inputs do not look equal.
#[test]
fn no_mask_is_used_twice() {
    let run = Run::new(&TINY, 3, 9, 4, 4);
    let mut store = provisioned(&TINY, &run.schedule, 3, &mut Rng(8));
    let mut masks = HashSet::new();
    let mut rows = 0;
    for _ in 0..3 {
        let host = Loopback::new(&TINY.engine, honest());
        let mut inputs = Vec::new();
        let session = run.masked_over(&mut store, host.clone(), |request, _| {
            inputs.push((request.group, request.x.to_vec()));
        });
        now(session).unwrap();
        let products =
            host.up().into_iter().filter(|f| wire::header(f).frame == FrameType::Product);
        for (frame, (group, x)) in products.zip(inputs) {
            let c = wire::words(&frame);
            let r: Vec<u32> = c.iter().zip(x).map(|(&c, x)| T::sub(c, T::from_i32(x))).collect();
            for r in r.chunks_exact(TINY.shape(group).columns) {
                masks.insert((group, r.to_vec()));
                rows += 1;
            }
        }
    }
    assert_eq!(masks.len(), rows);
    assert_eq!(available(&store, &TINY.config), [0; 5]);
}

/// Randomness that is written down.
struct Recorded(Rng, Vec<Vec<u8>>);

impl Entropy for Recorded {
    type Error = Infallible;

    fn fill(&mut self, out: &mut [u8]) -> Result<(), Infallible> {
        let Ok(()) = self.0.fill(out);
        self.1.push(out.to_vec());
        Ok(())
    }
}

/// Every unit has keys and one-time masks of its own, whatever public seed it names: under one store's
/// entropy no body goes up twice, and no public seed meets a key again.
#[test]
fn units_share_nothing() {
    for masks in [MaskSource::Unit, MaskSource::Model] {
        share_nothing::<InsecureMasked16x1>(masks, 1);
        share_nothing::<InsecureMasked16x1>(masks, 3);
    }
}

fn share_nothing<S: MaskedSet>(masks: MaskSource, keys: u8) {
    let host = Loopback::new(&TINY.engine, honest());
    let mut store = MemoryStore::new(&TINY.config);
    let group = TINY.config.groups().next().unwrap();
    let (units, count, columns) = ([group; 6], usize::from(keys), TINY.shape(group).columns);
    let mut entropy = Recorded(Rng(5), Vec::new());
    let asked = UnitForm { masks, rows: RowForm::Switched, keys };
    let session =
        prepare_with::<S, _>(&TINY, host.link(), &mut store, &units, asked, &mut entropy, 1000);
    assert_eq!(now(session).result, Ok(()));
    assert_eq!(store.available(group), (6 * count * S::N) as u32);
    let (mut seeds, mut bodies) = (Vec::new(), Vec::new());
    for frame in host.up() {
        match wire::header(&frame).frame {
            FrameType::UnitOpen => {
                let open: UnitOpen = decode_body(&frame[HEADER_BYTES..]).unwrap();
                assert_eq!(open.keys, keys);
                seeds.push(match open.seed {
                    MaskSeed::Unit(seed) => PublicSeed(seed),
                    MaskSeed::Model => PublicSeed::of_model(TINY.bundle().digest(), S::ID),
                });
            }
            FrameType::UnitBodies => {
                let packed = &frame[HEADER_BYTES + BLOCK_PREFIX_BYTES..];
                bodies.extend(packed.chunks_exact(body_bytes(S::N)).map(<[u8]>::to_vec));
            }
            _ => {}
        }
    }
    assert_eq!(bodies.len(), 6 * count * columns);
    assert_eq!(bodies.iter().collect::<HashSet<_>>().len(), bodies.len());

    // After the session's name, one draw for each unit: its seed, of which its keys and bodies are. What
    // a unit of several keys sends is what as many units of one key would, with one public seed.
    let draws = entropy.1.split_off(1);
    let (mut secrets, mut pairs) = (HashSet::new(), HashSet::new());
    let of_units = draws.iter().zip(&seeds).zip(bodies.chunks_exact(count * columns));
    for ((draw, public), bodies) in of_units {
        let seed = Seed::from_bytes(draw[..].try_into().unwrap());
        for (key, bodies) in (0..keys).zip(bodies.chunks_exact(columns)) {
            let key_seed = seed.derive_key(key);
            let mut draws = vec![0; S::N];
            ternary(&key_seed, 0, &mut draws);
            assert!(secrets.insert(draws.clone()));
            assert!(pairs.insert((public.0, draws)));
            let first = usize::from(key) * S::N;
            let tokens = first..first + S::N;
            let expected = bodies_of::<S>(&seed, &key_seed, public, tokens, columns);
            assert!(expected == bodies, "key {key}");
        }
    }
    assert_eq!((draws.len(), seeds.len(), pairs.len()), (6, 6, 6 * count));
    let shared = seeds.iter().all(|seed| *seed == seeds[0]);
    assert_eq!(shared, masks == MaskSource::Model);

    // The masks of all their tokens differ.
    let tokens = (6 * count * S::N) as u32;
    store.reserve(&|g| if g == group { tokens } else { 0 }).unwrap();
    let (mut r, mut z) = (vec![0; 14], vec![0; 24]);
    let mut masks = HashSet::new();
    for _ in 0..tokens {
        store.take(group, &mut r, &mut z).unwrap();
        assert!(masks.insert(r.clone()));
    }
}

/// The packed bodies of all coordinates for these tokens of the unit `seed`, under the key of `key_seed`.
fn bodies_of<S: MaskedSet>(
    seed: &Seed,
    key_seed: &Seed,
    public: &PublicSeed,
    tokens: Range<usize>,
    columns: usize,
) -> Vec<Vec<u8>> {
    let mut words = vec![0; SecretKey::<S>::WORDS];
    let key = SecretKey::<S>::generate::<Scalar>(key_seed, &mut words).unwrap();
    let masks = seed.derive(Label::OneTimeMask);
    let mut r = vec![vec![0; columns]; S::N];
    tokens.zip(&mut r).for_each(|(token, r)| one_time_mask(&masks, token, 0, r));
    let body = |j: usize| {
        let message: Vec<u32> = r.iter().map(|r| r[j]).collect();
        let (mut body, mut mask, mut noise) = (vec![0; 2 * S::N], vec![0; S::N], vec![0; S::N]);
        let mut scratch = EncryptScratch { mask: &mut mask, noise: &mut noise };
        encrypt_seeded_into::<S, Scalar>(
            &key,
            key_seed,
            public,
            j,
            &message,
            &mut body,
            &mut scratch,
        )
        .unwrap();
        let mut packed = Vec::new();
        for (p, limb) in MASKED_LIMBS.into_iter().zip(body.chunks_exact(S::N)) {
            let mut bytes = vec![0; packed_len(p, S::N)];
            pack_residues(p, limb, &mut bytes).unwrap();
            packed.extend(bytes);
        }
        packed
    };
    (0..columns).map(body).collect()
}
