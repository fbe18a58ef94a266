//! Clients as they should be.

use crate::harness::model::DEMO;
use crate::harness::random::Rng;
use crate::harness::run::{Place, Run};
use crate::harness::store::provisioned;
use crate::harness::tcp::{Once, dial, run};
use crate::harness::unit::prepare_over;
use device_client::client::ClientError;
use device_client::prepare::PrepareError;
use device_client::store::{CorrelationStore, MemoryStore};
use device_client::transport::TransportError;
use kernel::model::GroupId;
use kernel::params::{Masked256x16, ParameterSet};
use kernel::wire::{Fault, FaultCode, RowForm, SessionId};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::thread;
use std::time::{Duration, Instant};

type Set = Masked256x16;

/// Pause of a client that has generated: somebody reads.
const READING: Duration = Duration::from_millis(1500);

/// What a client does, again and again.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Task {
    /// Generates, with correlations of its own making.
    Generate,
    /// Prepares units of one small group.
    PrepareOne,
    /// Prepares units of all groups, then generates with them.
    PrepareAll,
}

/// What has been achieved.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    pub(crate) sessions: AtomicU64,
    pub(crate) tokens: AtomicU64,
    pub(crate) units: AtomicU64,
    /// Sessions on correlations that the host has helped to prepare.
    pub(crate) from_prepared: AtomicU64,
    /// Times that the host was busy.
    pub(crate) busy: AtomicU64,
}

fn request(index: u64) -> Run<'static> {
    let prompt = 1 + index as usize % VARIANTS;
    Run { set: Set::ID, ..Run::new(&DEMO, prompt, 8, 4, 4) }
}

const VARIANTS: usize = 5;

/// What each request gives in the clear.
pub(crate) fn plain_runs() -> Vec<Vec<Place>> {
    (0..VARIANTS as u64).map(|index| request(index).plain()).collect()
}

/// Works until `end`; what is under way then is finished.
pub(crate) fn work(
    task: Task,
    index: u64,
    address: SocketAddr,
    end: Instant,
    plain: &[Vec<Place>],
    counts: &Counts,
) {
    let mut rng = Rng((task as u64) << 32 | index);
    let mut client = Client { rng: rng.clone(), address, end, counts };
    let request = request(index);
    let expected = &plain[index as usize % VARIANTS];
    let mut first = true;
    while first || Instant::now() < end {
        first = false;
        match task {
            Task::Generate => {
                let mut store = provisioned(&DEMO, &request.schedule, 1, &mut rng);
                client.generate(&request, &mut store, expected);
                thread::sleep(READING);
            }
            Task::PrepareOne => {
                client.prepare(&mut MemoryStore::new(&DEMO.config), GroupId(1));
            }
            Task::PrepareAll => {
                let mut store = MemoryStore::new(&DEMO.config);
                let whole = DEMO.config.groups().all(|group| client.prepare(&mut store, group));
                while whole && client.generate(&request, &mut store, expected) {
                    counts.from_prepared.fetch_add(1, Relaxed);
                }
            }
        }
    }
}

struct Client<'a> {
    rng: Rng,
    address: SocketAddr,
    end: Instant,
    counts: &'a Counts,
}

impl Client<'_> {
    /// One session, if the store holds enough for it; its answer must be that in the clear.
    fn generate(&mut self, request: &Run<'_>, store: &mut MemoryStore, expected: &[Place]) -> bool {
        let config = &DEMO.config;
        let demand = |group| request.schedule.demand(config, group);
        while config.groups().all(|group| store.available(group) >= demand(group)) {
            let mut id = [0; 16];
            id.fill_with(|| self.rng.next() as u8);
            let request = Run { id: SessionId(id), ..request.clone() };
            match run(request.masked_over(store, Once(self.address), |_, _| {})) {
                Ok((places, verdict)) => {
                    assert_eq!(verdict.failed, 0);
                    assert!(places == expected, "not as in the clear");
                    self.counts.sessions.fetch_add(1, Relaxed);
                    self.counts.tokens.fetch_add(places.len() as u64, Relaxed);
                    return true;
                }
                Err(ClientError::Transport(error)) => self.busy(error),
                Err(error) => panic!("{error}"),
            }
        }
        false
    }

    /// One unit of `group`, if there is time.
    fn prepare(&mut self, store: &mut MemoryStore, group: GroupId) -> bool {
        while Instant::now() < self.end {
            let seed = self.rng.next();
            let prepared = run(async {
                let io = dial(self.address).await.unwrap();
                prepare_over::<Set, _>(&DEMO, io, store, &[group], RowForm::Switched, seed, 1 << 20)
                    .await
            });
            match prepared.result {
                Ok(()) => {
                    assert_eq!(prepared.units, [(group, true)]);
                    self.counts.units.fetch_add(1, Relaxed);
                    return true;
                }
                Err(PrepareError::Transport(error)) => self.busy(error),
                Err(error) => panic!("{error}"),
            }
        }
        false
    }

    /// Waits a little, if the host said that it is busy; nothing else may have happened.
    fn busy<E: std::fmt::Display>(&self, error: TransportError<E>) {
        match error {
            TransportError::Fault(Fault { code: FaultCode::Busy }) => {
                self.counts.busy.fetch_add(1, Relaxed);
                thread::sleep(Duration::from_millis(100));
            }
            error => panic!("{error}"),
        }
    }
}
