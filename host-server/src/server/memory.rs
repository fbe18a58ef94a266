use super::limits::share;
use super::waiting::Waiting;
use crate::session::{Need, Work};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Memory is counted in pages, so that a 32-bit number of permits covers any machine.
const PAGE: usize = 4096;

/// Bytes that work may hold: for products, for units and for keys apart, so that a product never
/// stands in line behind a unit, nor behind keys that a session keeps.
#[derive(Debug)]
pub(super) struct Pools {
    products: Arc<Semaphore>,
    units: Arc<Semaphore>,
    keys: Arc<Semaphore>,
}

impl Pools {
    pub(super) fn new(bytes: usize) -> Self {
        let pool = |work| {
            let pages = (share(bytes, work) / PAGE).min(Semaphore::MAX_PERMITS);
            Arc::new(Semaphore::new(pages))
        };
        Self { products: pool(Work::Product), units: pool(Work::Unit), keys: pool(Work::Keys) }
    }

    /// Waits in line for memory. Nothing else is held by the session meanwhile.
    async fn take(&self, need: &Need) -> Option<OwnedSemaphorePermit> {
        let pool = match need.work {
            Work::Product => &self.products,
            Work::Unit => &self.units,
            Work::Keys => &self.keys,
        };
        let pages = u32::try_from(need.memory.div_ceil(PAGE)).ok()?;
        Arc::clone(pool).acquire_many_owned(pages).await.ok()
    }
}

/// The memory of all sessions.
#[derive(Debug)]
pub(super) struct Memory {
    all: Pools,
    held: Arc<AtomicUsize>,
    waiting: Waiting,
}

impl Memory {
    pub(super) fn new(bytes: usize) -> Self {
        Self { all: Pools::new(bytes), held: Arc::default(), waiting: Waiting::default() }
    }

    /// Bytes that are held now.
    pub(super) fn held(&self) -> usize {
        self.held.load(Ordering::Relaxed)
    }

    /// Sessions that wait for memory.
    pub(super) fn waiting(&self) -> usize {
        self.waiting.count()
    }

    /// Waits in line for a need's memory: first among the sessions of one address, then among all.
    /// All of it is had at once or none; whoever has it needs no more to finish, but for keys, for
    /// which no product waits. So nobody waits for somebody who waits.
    pub(super) async fn take(&self, address: &Pools, need: &Need) -> Option<Holding> {
        let _waits = self.waiting.begin();
        let of_address = address.take(need).await?;
        let of_all = self.all.take(need).await?;
        self.held.fetch_add(need.memory, Ordering::Relaxed);
        let held = Arc::clone(&self.held);
        Some(Holding { bytes: need.memory, held, _of_address: of_address, _of_all: of_all })
    }
}

/// Memory of one piece of work; dropped, it is given back.
#[derive(Debug)]
pub(super) struct Holding {
    bytes: usize,
    held: Arc<AtomicUsize>,
    _of_address: OwnedSemaphorePermit,
    _of_all: OwnedSemaphorePermit,
}

impl Drop for Holding {
    fn drop(&mut self) {
        self.held.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}
