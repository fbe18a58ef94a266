//! The offline phase through direct mode's engine: exact correlations, and all or none of a session's.

mod frames;
mod lies;

use crate::harness::link::{Loopback, honest};
use crate::harness::model::{DEMO, FIXTURE, Model, TINY};
use crate::harness::run::{Run, Set};
use crate::harness::store::available;
use crate::harness::unit::{prepare_direct_here, prepare_here};
use crate::harness::wire;
use device_client::prepare_direct::preparation_rule;
use device_client::store::{CorrelationStore, MemoryStore};
use kernel::model::GroupId;
use kernel::params::{Direct4096, DirectSet, InsecureDirect8, InsecureMasked16x1};
use kernel::wire::{Block, FrameType, HEADER_BYTES, RowForm};
use std::collections::HashSet;

/// Tokens of a unit.
pub(crate) fn unit_tokens<S: DirectSet>(model: &Model) -> u32 {
    preparation_rule::<S>(&model.bundle()).unwrap().tokens() as u32
}

/// Takes out all correlations, each of which must be exact; no mask may come twice.
pub(crate) fn take_all(model: &Model, store: &mut impl CorrelationStore) {
    let held = available(store, &model.config);
    store.reserve(&|group| held[group.0 as usize]).unwrap();
    let mut masks = HashSet::new();
    for group in model.config.groups() {
        let shape = model.shape(group);
        let (mut r, mut z) = (vec![0; shape.columns], vec![0; shape.rows]);
        for token in 0..held[group.0 as usize] {
            store.take(group, &mut r, &mut z).unwrap();
            assert_eq!(z, model.image(group, &r), "group {}, token {token}", group.0);
            assert!(masks.insert(r.clone()), "a mask came twice");
        }
    }
}

fn from_nothing_to_an_answer<S: DirectSet>(model: &Model) {
    // Every group twice, in no order.
    let groups: Vec<_> = model.config.groups().collect();
    let units: Vec<_> = groups.iter().chain(groups.iter().rev()).copied().collect();
    let prepared = || {
        let host = Loopback::new(&model.engine, honest());
        let mut store = MemoryStore::new(&model.config);
        let prepared = prepare_direct_here::<S>(model, &host, &mut store, &units, 21);
        assert_eq!(prepared.result, Ok(()));
        assert_eq!(host.refusal(), None);
        assert!(prepared.units.iter().map(|(group, _)| group).eq(&units));
        assert!(prepared.units.iter().all(|(_, kept)| *kept));
        let tokens = 2 * unit_tokens::<S>(model);
        assert!(available(&store, &model.config).iter().all(|&held| held == tokens));
        store
    };
    take_all(model, &mut prepared());
    // As long a run as the correlations allow, up to 16 of each.
    let output = (2 * unit_tokens::<S>(model)).min(16) / 2;
    let run = Run::new(model, output as usize, output, output, 3);
    let host = Loopback::new(&model.engine, honest());
    let (places, verdict) = run.masked(&mut prepared(), &host).unwrap();
    assert_eq!((places, verdict.failed), (run.plain(), 0));
}

#[test]
fn small_rings() {
    from_nothing_to_an_answer::<InsecureDirect8>(&TINY);
    from_nothing_to_an_answer::<Set>(&TINY);
    from_nothing_to_an_answer::<Set>(&FIXTURE);
}

#[test]
fn the_real_set() {
    from_nothing_to_an_answer::<Direct4096>(&FIXTURE);
}

/// The demo model: blocks of several inputs and outputs, of which some are padding.
#[test]
fn the_demo_model() {
    let host = Loopback::new(&DEMO.engine, honest());
    let mut store = MemoryStore::new(&DEMO.config);
    let groups = [2, 3, 20].map(GroupId);
    let prepared = prepare_direct_here::<Direct4096>(&DEMO, &host, &mut store, &groups, 3);
    assert_eq!(prepared.result, Ok(()));
    assert_eq!(unit_tokens::<Direct4096>(&DEMO), 32);
    assert_eq!(available(&store, &DEMO.config).iter().sum::<u32>(), 3 * 32);
    take_all(&DEMO, &mut store);
}

/// The frames are those that the rule says: keys, units, their replies; and as many bytes.
#[test]
fn frames_are_the_rules() {
    let rule = preparation_rule::<Set>(&TINY.bundle()).unwrap();
    let groups: Vec<_> = TINY.config.groups().collect();
    let host = Loopback::new(&TINY.engine, honest());
    let mut store = MemoryStore::new(&TINY.config);
    prepare_direct_here::<Set>(&TINY, &host, &mut store, &groups, 4).result.unwrap();
    let (up, down) = (host.up(), host.down());
    let keys = rule.automorphisms().count() * Set::GADGET;
    let kinds: Vec<_> = up.iter().map(|frame| wire::header(frame).frame).collect();
    assert_eq!(kinds[0], FrameType::Hello);
    assert!(kinds[1..=keys].iter().all(|&kind| kind == FrameType::EvaluationKey));
    assert_eq!(kinds[keys + 1..], [[FrameType::Product; 5].as_slice(), &[FrameType::Bye]].concat());
    for (frames, first) in [(&up[..up.len() - 1], keys + 1), (&down[..], 1)] {
        for (frame, group) in frames[first..].iter().zip(&groups) {
            let (block, _) = Block::split(&frame[HEADER_BYTES..]).unwrap();
            assert_eq!(block, Block { index: group.0, count: rule.tokens() as u32 });
        }
    }
    let bytes = |frames: &[Vec<u8>]| frames.iter().map(Vec::len).sum::<usize>();
    let (said_up, said_down) = rule.bytes(rule.tokens());
    assert_eq!(bytes(&up[1..up.len() - 1]), said_up);
    assert_eq!(bytes(&down[1..]), said_down);
    for (number, frame) in up.iter().enumerate() {
        assert_eq!(wire::header(frame).sequence as usize, number);
    }
}

/// Two sessions of the same units have nothing in common but their shape, nor have two units of one.
#[test]
fn sessions_and_units_share_no_ciphertext() {
    let mut seen = HashSet::new();
    for seed in [1, 2] {
        let host = Loopback::new(&TINY.engine, honest());
        let mut store = MemoryStore::new(&TINY.config);
        let units = [GroupId(0); 3];
        prepare_direct_here::<Set>(&TINY, &host, &mut store, &units, seed).result.unwrap();
        for frame in host.up().iter().chain(&host.down()) {
            let payload = frame[HEADER_BYTES..].get(8..).unwrap_or_default();
            for piece in payload.chunks_exact(16) {
                // The welcome is the same.
                let fresh = seen.insert(piece.to_vec());
                assert!(fresh || wire::header(frame).sequence == 0);
            }
        }
        take_all(&TINY, &mut store);
    }
}

/// Both methods fill one store.
#[test]
fn both_methods_fill_one_store() {
    let mut store = MemoryStore::new(&TINY.config);
    let host = Loopback::new(&TINY.engine, honest());
    let units = [GroupId(1), GroupId(4)];
    prepare_direct_here::<Set>(&TINY, &host, &mut store, &units, 6).result.unwrap();
    let host = Loopback::new(&TINY.engine, honest());
    let masked = prepare_here::<InsecureMasked16x1>(
        &TINY,
        &host,
        &mut store,
        &units,
        RowForm::Switched,
        7,
        1000,
    );
    assert_eq!(masked.result, Ok(()));
    let tokens = 16 + unit_tokens::<Set>(&TINY);
    assert_eq!(available(&store, &TINY.config), [0, tokens, 0, 0, tokens]);
    take_all(&TINY, &mut store);
}
