//! The daemon: sessions over TCP, within limits, until it is told to stop.

mod connection;
mod door;
mod limits;
mod links;
mod memory;
mod stream;
#[cfg(feature = "tls")]
mod tls;
mod turns;
mod waiting;

pub use limits::Limits;
pub use links::{Links, Noise, Plain};
#[cfg(feature = "tls")]
pub use tls::Tls;

use crate::engine::Engine;
use core::future::Future;
use core::net::SocketAddr;
use core::time::Duration;
use door::Door;
use memory::Memory;
use std::io;
use std::sync::Arc;
use tokio::net::{TcpListener, TcpSocket};
use tokio::sync::watch;
use tokio::task::JoinSet;
use turns::Turns;

/// A server that listens.
#[derive(Debug)]
pub struct Server {
    listener: TcpListener,
    shared: Arc<Shared>,
    links: Arc<Links>,
}

#[derive(Debug)]
struct Shared {
    engine: Arc<Engine>,
    limits: Limits,
    door: Arc<Door>,
    memory: Memory,
    turns: Turns,
}

/// What a server holds at a moment.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Status {
    /// Connections, with those that are being refused.
    pub sockets: usize,
    /// Sessions.
    pub sessions: usize,
    /// Bytes that work holds.
    pub bytes: usize,
    /// Sessions whose next work waits for memory.
    pub waiting_for_memory: usize,
    /// Sessions whose next tile waits for the accelerator.
    pub waiting_for_turn: usize,
}

/// A view of a running server.
#[derive(Clone, Debug)]
pub struct Gauge(Arc<Shared>);

impl Gauge {
    /// What the server holds now.
    #[must_use]
    pub fn status(&self) -> Status {
        self.0.status()
    }
}

impl Shared {
    fn status(&self) -> Status {
        let (sockets, sessions) = self.door.inside();
        Status {
            sockets,
            sessions,
            bytes: self.memory.held(),
            waiting_for_memory: self.memory.waiting(),
            waiting_for_turn: self.turns.waiting(),
        }
    }
}

impl Server {
    /// Listens on `address`. Peers on this machine may speak in the clear, others not at all; see
    /// [`with_links`](Self::with_links).
    ///
    /// # Errors
    /// As [`Limits::check`], or as the system refuses the address.
    pub fn bind(address: SocketAddr, engine: Arc<Engine>, limits: Limits) -> io::Result<Self> {
        limits.check()?;
        let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
        socket.set_reuseaddr(true)?;
        socket.bind(address)?;
        let listener = socket.listen(1024)?;
        let shared = Shared {
            engine,
            limits,
            door: Arc::new(Door::new(limits)),
            memory: Memory::new(limits.memory),
            turns: Turns::default(),
        };
        Ok(Self { listener, shared: Arc::new(shared), links: Arc::default() })
    }

    /// The same server, to which peers speak over these links.
    #[must_use]
    pub fn with_links(self, links: Links) -> Self {
        Self { links: Arc::new(links), ..self }
    }

    /// The address that it listens on.
    ///
    /// # Errors
    /// As the system fails.
    pub fn address(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// A view of what the server holds, for as long as one likes.
    #[must_use]
    pub fn gauge(&self) -> Gauge {
        Gauge(Arc::clone(&self.shared))
    }

    /// Serves until `shutdown` completes. Then no connection is accepted, tiles and products that
    /// run or wait for the accelerator are finished and answered, and every peer is told.
    pub async fn run(self, shutdown: impl Future<Output = ()>) {
        let (stop, stopped) = watch::channel(false);
        let mut connections = JoinSet::new();
        tokio::pin!(shutdown);
        loop {
            tokio::select! {
                () = &mut shutdown => break,
                accepted = self.listener.accept() => match accepted {
                    Ok((stream, peer)) => match self.shared.door.enter(peer.ip()) {
                        Some(place) => {
                            let shared = (Arc::clone(&self.shared), Arc::clone(&self.links));
                            let stop = stopped.clone();
                            connections.spawn(connection::serve(stream, peer, place, shared, stop));
                        }
                        None => tracing::debug!(%peer, "no socket is left: closed at once"),
                    },
                    Err(error) => {
                        // Out of descriptors, usually: wait for some to be freed.
                        tracing::warn!(%error, "accept failed");
                        tokio::time::sleep(Duration::from_millis(100)).await;
                    }
                },
                Some(_) = connections.join_next(), if !connections.is_empty() => {}
            }
        }
        drop(self.listener);
        let _ = stop.send(true);
        while connections.join_next().await.is_some() {}
    }
}
