use super::waiting::Waiting;
use tokio::sync::{Semaphore, SemaphorePermit};

/// Turns on the accelerator: one tile at a time, first come first served. A session has one tile in
/// line at most, so sessions take turns, whatever each of them has still to do.
#[derive(Debug)]
pub(super) struct Turns {
    turn: Semaphore,
    waiting: Waiting,
}

impl Default for Turns {
    fn default() -> Self {
        Self { turn: Semaphore::new(1), waiting: Waiting::default() }
    }
}

impl Turns {
    /// Waits for a turn, which ends when it is dropped.
    pub(super) async fn next(&self) -> Option<SemaphorePermit<'_>> {
        let _waits = self.waiting.begin();
        self.turn.acquire().await.ok()
    }

    /// Sessions that wait for a turn.
    pub(super) fn waiting(&self) -> usize {
        self.waiting.count()
    }
}
