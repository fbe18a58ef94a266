use super::limits::Limits;
use super::memory::Pools;
use core::net::{IpAddr, Ipv6Addr};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Who is inside: sockets and sessions, in all and of each address.
#[derive(Debug)]
pub(super) struct Door {
    limits: Limits,
    sockets: Arc<Semaphore>,
    sessions: Arc<Semaphore>,
    /// Only addresses that have a socket: so there are no more than these.
    addresses: Mutex<HashMap<IpAddr, Address>>,
}

/// What the connections of one address share.
#[derive(Debug)]
struct Address {
    sockets: usize,
    sessions: Arc<Semaphore>,
    memory: Arc<Pools>,
}

/// A connection's place; dropped, it is free again.
#[derive(Debug)]
pub(super) struct Place {
    door: Arc<Door>,
    key: IpAddr,
    memory: Arc<Pools>,
    session: Option<[OwnedSemaphorePermit; 2]>,
    _socket: OwnedSemaphorePermit,
}

impl Door {
    pub(super) fn new(limits: Limits) -> Self {
        let (sockets, sessions) = (permits(all_sockets(&limits)), permits(limits.sessions));
        Self { limits, sockets, sessions, addresses: Mutex::default() }
    }

    /// A place for a connection, with a session if there is room for one; none at all if its socket
    /// is one too many.
    pub(super) fn enter(self: &Arc<Self>, peer: IpAddr) -> Option<Place> {
        let socket = Arc::clone(&self.sockets).try_acquire_owned().ok()?;
        let key = network(peer);
        let mut addresses = self.addresses.lock().unwrap_or_else(PoisonError::into_inner);
        let address = addresses.entry(key).or_insert_with(|| Address {
            sockets: 0,
            sessions: permits(self.limits.sessions_per_address),
            memory: Arc::new(Pools::new(self.limits.address_memory())),
        });
        address.sockets += 1;
        let of_address = Arc::clone(&address.sessions).try_acquire_owned().ok();
        let session = of_address.and_then(|of_address| {
            Some([of_address, Arc::clone(&self.sessions).try_acquire_owned().ok()?])
        });
        let memory = Arc::clone(&address.memory);
        Some(Place { door: Arc::clone(self), key, memory, session, _socket: socket })
    }

    /// Sockets and sessions that are inside now.
    pub(super) fn inside(&self) -> (usize, usize) {
        let taken = |all: usize, left: &Semaphore| {
            all.min(Semaphore::MAX_PERMITS) - left.available_permits()
        };
        (
            taken(all_sockets(&self.limits), &self.sockets),
            taken(self.limits.sessions, &self.sessions),
        )
    }

    /// Addresses that have a socket now.
    #[cfg(test)]
    pub(super) fn addresses(&self) -> usize {
        self.addresses.lock().unwrap_or_else(PoisonError::into_inner).len()
    }
}

impl Place {
    /// Whether there was room for a session.
    pub(super) const fn has_session(&self) -> bool {
        self.session.is_some()
    }

    /// The memory of its address.
    pub(super) fn memory(&self) -> &Pools {
        &self.memory
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut addresses = self.door.addresses.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(address) = addresses.get_mut(&self.key) {
            address.sockets -= 1;
            if address.sockets == 0 {
                addresses.remove(&self.key);
            }
        }
    }
}

const fn all_sockets(limits: &Limits) -> usize {
    limits.sessions.saturating_add(limits.refusals)
}

fn permits(count: usize) -> Arc<Semaphore> {
    Arc::new(Semaphore::new(count.min(Semaphore::MAX_PERMITS)))
}

/// What a peer is counted by: its IPv4 address, or the first half of its IPv6 address.
fn network(peer: IpAddr) -> IpAddr {
    match peer.to_canonical() {
        IpAddr::V4(address) => address.into(),
        IpAddr::V6(address) => {
            let prefix = u128::from(address) >> 64 << 64;
            Ipv6Addr::from(prefix).into()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn door(sessions: usize, sessions_per_address: usize, refusals: usize) -> Arc<Door> {
        let limits = Limits { sessions, sessions_per_address, refusals, ..Limits::default() };
        Arc::new(Door::new(limits))
    }

    #[test]
    fn an_address_has_its_sessions_and_leaves_the_others_theirs() {
        let door = door(3, 2, 2);
        let (a, b) = (IpAddr::from([10, 0, 0, 1]), IpAddr::from([10, 0, 0, 2]));
        let places = [door.enter(a), door.enter(a), door.enter(a), door.enter(b), door.enter(b)];
        let has = places.each_ref().map(|place| place.as_ref().is_some_and(Place::has_session));
        // The second of b is one too many in all.
        assert_eq!(has, [true, true, false, true, false]);
        assert_eq!(door.inside(), (5, 3));
        assert!(door.enter(b).is_none(), "no socket is left");
        drop(places);
        assert_eq!((door.inside(), door.addresses()), ((0, 0), 0));
        assert!(door.enter(a).is_some_and(|place| place.has_session()));
    }

    #[test]
    fn an_address_is_a_network_where_it_is_long() {
        let network = |text: &str| network(text.parse().unwrap_or(IpAddr::from([0; 4])));
        assert_eq!(network("2001:db8:1:2:3::4"), network("2001:db8:1:2:ffff::"));
        assert_ne!(network("2001:db8:1:2::"), network("2001:db8:1:3::"));
        assert_eq!(network("::ffff:10.0.0.1"), network("10.0.0.1"));
        assert_ne!(network("10.0.0.1"), network("10.0.0.2"));
    }
}
