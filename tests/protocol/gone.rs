//! A host that goes away before or after every single message, in both phases: what was finished is
//! kept, what was reserved is burned, and the store that is opened next says the same.

use crate::harness::link::{LinkError, Loopback, Tamper, honest};
use crate::harness::model::TINY;
use crate::harness::run::Run;
use crate::harness::sealed::{Memory, Store};
use crate::harness::store::available;
use crate::harness::unit::{Prepared, prepare_here};
use crate::harness::wire;
use device_client::client::ClientError;
use device_client::prepare::PrepareError;
use device_client::store::{CorrelationStore, StoreError};
use device_client::transport::TransportError;
use kernel::model::GroupId;
use kernel::params::InsecureMasked16x1;
use kernel::wire::{FrameType, RowForm};

/// Units that the store has room for.
const ROOM: usize = 12;

/// A host that goes away instead of its frame `index`, or after it.
fn leaves(index: usize, after: bool) -> Tamper {
    Box::new(move |answer| {
        if answer.index == index {
            answer.hang_up = true;
            if !after {
                answer.frame.clear();
            }
        }
    })
}

fn prepare(
    store: &mut Store,
    host: &Loopback,
    units: &[GroupId],
    seed: u64,
) -> Prepared<LinkError> {
    prepare_here::<InsecureMasked16x1>(&TINY, host, store, units, RowForm::Full, seed, 1000)
}

#[test]
fn while_units_are_prepared() {
    let units = [1, 3, 1].map(GroupId);
    let host = Loopback::new(&TINY.engine, honest());
    let all = prepare(&mut Memory::default().create(&TINY, ROOM), &host, &units, 1);
    assert_eq!(all.result, Ok(()));
    let frames = host.down();
    // The last frame of each unit: the next begins again with the first row.
    let first_row = |frame: &[u8]| frame[32..36] == [0; 4];
    let ends: Vec<usize> = (1..frames.len())
        .filter(|&at| frames.get(at + 1).is_none_or(|next| first_row(next)))
        .collect();
    assert!(ends.len() == 3 && frames.len() > 10);
    for index in 0..frames.len() {
        for after in [false, true] {
            let memory = Memory::default();
            let mut store = memory.create(&TINY, ROOM);
            let host = Loopback::new(&TINY.engine, leaves(index, after));
            let prepared = prepare(&mut store, &host, &units, 1);
            let complete = ends.iter().filter(|&&end| end < index || (end == index && after));
            let kept = complete.count();
            if kept == units.len() {
                assert_eq!(prepared.result, Ok(()));
            } else {
                let closed = PrepareError::Transport(TransportError::Closed);
                assert_eq!(prepared.result, Err(closed), "frame {index}");
            }
            assert_eq!(prepared.units.len(), kept);
            let mut held = [0; 5];
            units[..kept].iter().for_each(|group| held[group.0 as usize] += 16);
            assert_eq!(available(&store, &TINY.config), held, "frame {index}, {after}");
            assert_eq!(store.room(), ROOM - kept);
            // The unit under way has been abandoned: no row and no end of it are taken in.
            assert_eq!(store.put_row(&[0; 16]), Err(StoreError::Order), "frame {index}");
            assert_eq!(store.finish_unit(true), Err(StoreError::Order));
            drop(store);

            let mut store = memory.open(&TINY);
            assert_eq!(available(&store, &TINY.config), held);
            assert_eq!(store.room(), ROOM - kept);
            let host = Loopback::new(&TINY.engine, honest());
            assert_eq!(prepare(&mut store, &host, &units[kept..], 2).result, Ok(()));
            assert_eq!(available(&store, &TINY.config), [0, 32, 0, 16, 0]);
        }
    }
}

#[test]
fn while_a_text_is_generated() {
    let run = Run::new(&TINY, 2, 2, 2, 1);
    let units: Vec<GroupId> = TINY.config.groups().collect();
    let last = run.schedule.product_count(&TINY.config) as usize;
    for index in 0..=last {
        for after in [false, true] {
            let memory = Memory::default();
            let mut store = memory.create(&TINY, ROOM);
            let host = Loopback::new(&TINY.engine, honest());
            assert_eq!(prepare(&mut store, &host, &units, 1).result, Ok(()));

            let host = Loopback::new(&TINY.engine, leaves(index, after));
            let outcome = run.masked(&mut store, &host);
            if (index, after) == (last, true) {
                assert_eq!(outcome.map(|(_, verdict)| verdict.failed), Ok(0));
            } else {
                let closed = ClientError::Transport(TransportError::Closed);
                assert_eq!(outcome.err(), Some(closed), "frame {index}");
            }
            // Without the welcome nothing is reserved; with it all is, once.
            let opened = index > 0 || after;
            let left = |group| 16 - u32::from(opened) * run.schedule.demand(&TINY.config, group);
            let left: Vec<u32> = TINY.config.groups().map(left).collect();
            assert_eq!(available(&store, &TINY.config), left, "frame {index}, {after}");
            drop(store);

            // Whoever comes next takes other masks, and gets the right answer.
            let mut store = memory.open(&TINY);
            assert_eq!(available(&store, &TINY.config), left);
            let again = Loopback::new(&TINY.engine, honest());
            let (places, verdict) = run.masked(&mut store, &again).unwrap();
            assert_eq!((places, verdict.failed), (run.plain(), 0));
            let sent = |host: &Loopback| {
                let all = host.up().into_iter();
                all.filter(|f| wire::header(f).frame == FrameType::Product).collect::<Vec<_>>()
            };
            for (a, b) in sent(&host).iter().zip(&sent(&again)) {
                assert!(wire::words(a).iter().zip(wire::words(b)).all(|(a, b)| *a != b));
            }
        }
    }
}
