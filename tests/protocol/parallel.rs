//! Many sessions on one engine: each is as it would be alone.

use crate::harness::link::{Event, Loopback, honest};
use crate::harness::model::{FIXTURE, TINY};
use crate::harness::random::Rng;
use crate::harness::run::Run;
use crate::harness::store::provisioned;
use crate::harness::unit::{FORMS, prepare_here};
use device_client::store::MemoryStore;
use kernel::params::InsecureMasked16x1;
use kernel::wire::SessionId;

/// Session `index`, online and then offline: all that passes.
fn session(index: u64) -> Vec<Event> {
    let model = if index < 4 { &*TINY } else { &*FIXTURE };
    let mut run = Run::new(model, 1 + index as usize, 8, 3, 1 + index as u32 % 5);
    run.id = SessionId([index as u8; 16]);
    let host = Loopback::new(&model.engine, honest());
    let mut store = provisioned(model, &run.schedule, 1, &mut Rng(index));
    let (places, verdict) = run.masked(&mut store, &host).unwrap();
    assert_eq!((places, verdict.failed), (run.plain(), 0));

    let units: Vec<_> = model.config.groups().collect();
    let mut store = MemoryStore::new(&model.config);
    let form = FORMS[index as usize % 2];
    let prepared =
        prepare_here::<InsecureMasked16x1>(model, &host, &mut store, &units, form, index, 10_000);
    assert_eq!(prepared.result, Ok(()));
    assert!(prepared.units.iter().all(|(_, kept)| *kept));
    host.events()
}

#[test]
fn sessions_do_not_disturb_each_other() {
    let alone: Vec<_> = (0..8).map(session).collect();
    for _ in 0..5 {
        std::thread::scope(|scope| {
            let sessions: Vec<_> = (0..8).map(|i| scope.spawn(move || session(i))).collect();
            for (session, alone) in sessions.into_iter().zip(&alone) {
                assert!(session.join().unwrap() == *alone);
            }
        });
    }
}
