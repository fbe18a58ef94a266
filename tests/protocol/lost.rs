//! A host whose fast accelerator is lost at any call goes on with its other one, and no byte that a device
//! sees is another.

use crate::harness::link::{Event, Loopback, honest};
use crate::harness::model::TINY;
use crate::harness::now;
use crate::harness::random::Rng;
use crate::harness::run::{Run, Set};
use crate::harness::store::provisioned;
use crate::harness::unit::{FORMS, prepare_direct_here, prepare_here};
use crate::preparation_direct::take_all;
use accel_cpu::Cpu;
use device_client::store::MemoryStore;
use host_server::fallback::Fallback;
use kernel::accel::hooked::{Call, Hooked, Hooks, Output};
use kernel::accel::ring::RingAccelerator;
use kernel::accel::{AccelError, Accelerator, Capabilities, RowSource};
use kernel::conformance::Faults;
use kernel::params::{Masked256x16, ParameterSet};
use kernel::stream::Seed;
use kernel::trace::Layout;
use kernel::wire::MAX_PAYLOAD;
use std::sync::Arc;

/// Calls that a session makes.
const OF_A_SESSION: fn(&Call) -> bool = |call| !matches!(call, Call::Load { .. });

/// An accelerator that likes many columns: tiles of a batch that is under way must not become such.
struct Wide;

impl Hooks for Wide {
    fn around<T>(
        &self,
        _: Call,
        output: Output<'_>,
        run: impl FnOnce(Output<'_>) -> Result<T, AccelError>,
    ) -> Result<T, AccelError> {
        run(output)
    }

    fn capabilities(&self, inner: Capabilities) -> Capabilities {
        Capabilities::new(inner.name, 200)
    }
}

/// Runs `session` with a host that is as `faults` want it: what passes, and the calls that were counted.
fn on(faults: Faults, session: &dyn Fn(&Loopback)) -> (Vec<Event>, usize) {
    let cpu = Arc::new(Cpu::builder().threads(1).build().unwrap());
    let second = Arc::new(Hooked::new(cpu, Wide));
    let first = Arc::new(faults.on_reference());
    let columns = |a: &dyn Accelerator| a.capabilities().preferred_columns;
    assert!(columns(&*first) < columns(&*second));
    let both = Arc::new(Fallback::new(first.clone(), second));
    let host = Loopback::new(&TINY.engine_on(both), honest());
    session(&host);
    (host.events(), first.hooks().calls())
}

/// The session is the same to the byte, whichever of some calls fails.
fn nothing_is_noticed(session: &dyn Fn(&Loopback)) {
    let usual = Loopback::new(&TINY.engine, honest());
    session(&usual);
    let usual = usual.events();
    let (events, calls) = on(Faults::none(OF_A_SESSION), session);
    assert!(events == usual, "two accelerators, neither of which fails");
    assert!(calls > 3, "{calls}");
    for error in [AccelError::DeviceLost, AccelError::OutOfMemory] {
        for at in (0..calls).step_by(calls.div_ceil(24)).chain([calls - 1]) {
            let (events, _) = on(Faults::at(at, error, OF_A_SESSION), session);
            assert!(events == usual, "{error:?} at call {at} of {calls}");
        }
    }
}

#[test]
fn a_masked_session() {
    let run = Run::new(&TINY, 3, 4, 3, 2);
    let plain = run.plain();
    nothing_is_noticed(&|host| {
        let mut store = provisioned(&TINY, &run.schedule, 1, &mut Rng(1));
        let (places, verdict) = run.masked(&mut store, host).unwrap();
        assert_eq!((places, verdict.failed), (plain.clone(), 0));
    });
}

#[test]
fn a_session_in_direct_mode() {
    let run = Run::new(&TINY, 2, 2, 2, 2);
    let plain = run.plain();
    nothing_is_noticed(&|host| {
        let session = run.direct_over(Seed::from_bytes([1; 32]), host.clone(), |_, _| {});
        let (places, verdict) = now(session).unwrap();
        assert_eq!((places, verdict.failed), (plain.clone(), 0));
    });
}

#[test]
fn a_session_in_mixed_mode() {
    let run = Run::new(&TINY, 2, 2, 2, 2);
    let plain = run.plain();
    nothing_is_noticed(&|host| {
        let mut store = provisioned(&TINY, &run.schedule, 1, &mut Rng(1));
        let seed = Seed::from_bytes([2; 32]);
        let session = run.mixed_over(&mut store, seed, 4, host.clone(), |_, _| {});
        let (places, verdict) = now(session).unwrap();
        assert_eq!((places, verdict.failed), (plain.clone(), 0));
    });
}

/// Every correlation is kept, and exact.
#[test]
fn a_batch() {
    let units: Vec<_> = TINY.config.groups().collect();
    for form in FORMS {
        nothing_is_noticed(&|host| {
            let mut store = MemoryStore::new(&TINY.config);
            let prepared =
                prepare_here::<Masked256x16>(&TINY, host, &mut store, &units, form, 3, MAX_PAYLOAD);
            assert_eq!(prepared.result, Ok(()));
            assert!(prepared.units.iter().all(|(_, kept)| *kept));
            take_all(&TINY, &mut store);
        });
    }
}

#[test]
fn a_preparation_through_direct_mode() {
    let units: Vec<_> = TINY.config.groups().collect();
    nothing_is_noticed(&|host| {
        let mut store = MemoryStore::new(&TINY.config);
        let prepared = prepare_direct_here::<Set>(&TINY, host, &mut store, &units, 4);
        assert_eq!(prepared.result, Ok(()));
        assert!(prepared.units.iter().all(|(_, kept)| *kept));
        take_all(&TINY, &mut store);
    });
}

struct Ones;

impl RowSource for Ones {
    fn next_row(&mut self, row: &mut [i8]) -> Result<(), AccelError> {
        row.fill(1);
        Ok(())
    }
}

/// The bytes of encoded forms are those of both, and of the second alone when the first is lost.
#[test]
fn encoded_bytes_are_added_up() {
    let (m, n) = (70, 33);
    let cpu = || Arc::new(Cpu::builder().threads(1).build().unwrap());
    let layouts = [1, 4].map(|tokens| Layout::fitting(Set::N, m, n, tokens));
    let alone = cpu();
    let bytes = layouts.map(|layout| {
        let id = alone.load(m, n, &mut Ones).unwrap();
        alone.encode(id, Set::ID, &layout).unwrap()
    });
    assert!(bytes.iter().all(|&bytes| bytes > 0));
    let both = |at, error| {
        let faults = Faults::at(at, error, |call| matches!(call, Call::Encode(_))).before();
        let both = Fallback::new(Arc::new(Hooked::new(cpu(), faults)), cpu());
        let id = both.load(m, n, &mut Ones).unwrap();
        layouts.map(|layout| both.encode(id, Set::ID, &layout).unwrap())
    };
    let sum = bytes[0] + bytes[1];
    assert_eq!(both(0, AccelError::UnknownSet), [bytes[0], sum]);
    assert_eq!(both(1, AccelError::UnknownSet), [bytes[0], sum]);
    assert_eq!(both(0, AccelError::DeviceLost), [bytes[0], sum]);
    assert_eq!(both(1, AccelError::DeviceLost), bytes);
}
