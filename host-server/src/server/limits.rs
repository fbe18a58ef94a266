use crate::session::{Need, SessionLimits, Work};
use core::time::Duration;
use std::io;

/// Limits of a server.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Limits {
    /// Sessions at a time; one more is told that the host is busy.
    pub sessions: usize,
    /// Sessions at a time of one peer address; one more is told that the host is busy. An IPv6
    /// address counts by its first 64 bits: they are one network's.
    pub sessions_per_address: usize,
    /// Connections at a time, beside the sessions, that are told why they are refused. Those above
    /// are closed at once: so the sockets are bounded too.
    pub refusals: usize,
    /// Bytes that the work of all sessions may hold at a time, frames included: a quarter of them
    /// for products, a quarter for evaluation keys, half for units, so that none waits for another's
    /// memory.
    pub memory: usize,
    /// Bytes of these that the sessions of one peer address may hold.
    pub memory_per_address: usize,
    /// Time that work may wait for memory, first come first served, before its session is refused.
    pub wait: Duration,
    /// Time for the first frame.
    pub opening: Duration,
    /// Time for every later frame to begin, while its session holds no memory: a device may pause
    /// between tokens.
    pub idle: Duration,
    /// Time for a frame to pass, in or out, once it has begun. While a session holds memory its
    /// frames must pass at one MiB in this time on the whole, however small they are.
    pub frame: Duration,
    /// Time for a whole session.
    pub session: Duration,
    /// What one session may ask for.
    pub work: SessionLimits,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            sessions: 256,
            sessions_per_address: 128,
            refusals: 64,
            memory: 4 << 30,
            memory_per_address: 2 << 30,
            wait: Duration::from_secs(120),
            opening: Duration::from_secs(10),
            idle: Duration::from_secs(300),
            frame: Duration::from_secs(30),
            session: Duration::from_secs(24 * 3600),
            work: SessionLimits::default(),
        }
    }
}

impl Limits {
    /// Least bytes of `memory` and of `memory_per_address`: any masked product then fits its part.
    pub const LEAST_MEMORY: usize = 4 * Need::LARGEST_PRODUCT;

    /// Checks that the limits let any session through.
    ///
    /// # Errors
    /// [`io::ErrorKind::InvalidInput`] with the first that does not.
    pub fn check(&self) -> io::Result<()> {
        let problem = if self.sessions == 0 || self.sessions_per_address == 0 {
            "the limits allow no session".to_owned()
        } else if self.address_memory() < Self::LEAST_MEMORY {
            format!("the limits of memory must be {} MiB at least", Self::LEAST_MEMORY >> 20)
        } else {
            return Ok(());
        };
        Err(io::Error::new(io::ErrorKind::InvalidInput, problem))
    }

    /// Bytes that the sessions of one address can have.
    pub(super) fn address_memory(&self) -> usize {
        self.memory.min(self.memory_per_address)
    }

    /// What a session may ask for: never a product, a unit or keys that could not have their memory, ever.
    pub(super) fn session_limits(&self) -> SessionLimits {
        let part = share(self.address_memory(), Work::Unit);
        let unit_bytes = self.work.unit_bytes.min(part.saturating_sub(Need::UNIT_FRAMES));
        let key_bytes = self.work.key_bytes.min(share(self.address_memory(), Work::Keys));
        let part = share(self.address_memory(), Work::Product);
        let product_bytes = self.work.product_bytes.min(part);
        SessionLimits { unit_bytes, key_bytes, product_bytes, ..self.work }
    }
}

/// The part of `memory` bytes that is for this work.
pub(super) const fn share(memory: usize, work: Work) -> usize {
    match work {
        Work::Product => memory / 4,
        Work::Keys => memory / 4,
        Work::Unit => memory - 2 * (memory / 4),
    }
}
