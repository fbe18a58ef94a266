//! The offline phase as its host sees it does not depend on what a check says.
//!
//! Bytes, their order, and where the device works on its storage between them are the same whether
//! units are kept or dropped. Only a later session tells: it asks for what is lacking.

use crate::harness::link::{Event, Loopback, Tamper, honest};
use crate::harness::model::TINY;
use crate::harness::sealed::{Memory, Step};
use crate::harness::unit::{FORMS, form_of, prepare_keys_here};
use crate::harness::wire;
use device_client::unit::UnitForm;
use kernel::model::GroupId;
use kernel::params::{InsecureMasked16x1, ParameterSet};
use kernel::prime::{Prime, T};
use kernel::wire::{FrameType, HEADER_BYTES, RowForm};

type Set = InsecureMasked16x1;
const UNITS: [GroupId; 4] = [GroupId(2), GroupId(0), GroupId(2), GroupId(4)];
const ROOM: usize = 12;

/// A host that adds one to a word of the last key's body in a row of these units: of their first frame or
/// of all.
fn liar(form: UnitForm, units: &'static [usize], all: bool) -> Tamper {
    let shape = wire::row_shape(form.rows, Set::ID, form.keys.into());
    let mut begun = 0;
    Box::new(move |answer| {
        if wire::header(&answer.frame).frame != FrameType::UnitRows {
            return;
        }
        let first = answer.frame[HEADER_BYTES..HEADER_BYTES + 4] == [0; 4];
        begun += usize::from(first);
        if units.contains(&(begun - 1)) && (first || all) {
            let mut rows = wire::rows(&answer.frame, &shape);
            let body = &mut rows[0][0][shape.limb_words() - Set::N];
            *body = T::add(*body, 1);
            wire::set_rows(&mut answer.frame, &shape, &rows);
        }
    })
}

/// What the host sees: frames from the device as they are, its own without their words; and the
/// steps of the device's storage among them.
type Seen = (Vec<Event>, Vec<Step>);

fn seen(memory: &Memory, form: UnitForm, tamper: Tamper, seed: u64) -> (Seen, Vec<bool>) {
    let host = Loopback::new(&TINY.engine, tamper);
    let mut store = memory.open(&TINY);
    memory.watch(&host);
    let prepared = prepare_keys_here::<Set>(&TINY, &host, &mut store, &UNITS, form, seed, 1000);
    assert_eq!(prepared.result, Ok(()));
    let events = host.events().into_iter().map(|event| match event {
        Event::Down(frame) => Event::Down(frame[..HEADER_BYTES].to_vec()),
        other => other,
    });
    let kept = prepared.units.iter().map(|(_, kept)| *kept);
    ((events.collect(), memory.steps()), kept.collect())
}

fn fresh() -> Memory {
    let memory = Memory::default();
    memory.create(&TINY, ROOM);
    memory
}

#[test]
fn a_preparation_looks_the_same_whatever_its_checks_say() {
    for form in FORMS {
        for keys in [1, 3] {
            looks_the_same_whatever_its_checks_say(form_of(form, keys));
        }
    }
}

fn looks_the_same_whatever_its_checks_say(form: UnitForm) {
    let (expected, kept) = seen(&fresh(), form, honest(), 5);
    assert_eq!(kept, [true; 4]);
    assert!(expected.1.iter().any(|(_, kind, _)| *kind == "sync"));
    let lies: [&[usize]; 6] = [&[0], &[1], &[3], &[0, 2], &[1, 2, 3], &[0, 1, 2, 3]];
    for units in lies {
        for all in [false, true] {
            let (lied, kept) = seen(&fresh(), form, liar(form, units, all), 5);
            assert!(kept.iter().enumerate().all(|(unit, kept)| *kept != units.contains(&unit)));
            assert!(lied.0 == expected.0, "the bytes or their order tell the verdict of {units:?}");
            assert!(lied.1 == expected.1, "the storage's work tells the verdict of {units:?}");
        }
    }
}

/// What a later session asks for is all that an earlier verdict changes: asked for the same, it looks
/// the same.
#[test]
fn the_next_preparation_does_not_tell_what_was_dropped() {
    let form = form_of(RowForm::Switched, 2);
    let next = |tamper: Tamper| {
        let memory = fresh();
        seen(&memory, form, tamper, 5);
        seen(&memory, form, honest(), 6).0
    };
    let expected = next(honest());
    for units in [&[0][..], &[0, 1, 2, 3]] {
        assert!(next(liar(form, units, true)) == expected, "{units:?}");
    }
}
