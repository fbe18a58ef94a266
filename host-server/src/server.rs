//! The daemon: sessions over TCP, within limits, until it is told to stop.

mod connection;

use crate::engine::Engine;
use crate::session::SessionLimits;
use core::future::Future;
use core::net::SocketAddr;
use core::time::Duration;
use std::io;
use std::sync::Arc;
use tokio::net::{TcpListener, TcpSocket};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;

/// Limits of a server.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Limits {
    /// Connections at a time; more are told that the host is busy.
    pub sessions: usize,
    /// Time for the first frame.
    pub opening: Duration,
    /// Time for every later frame to begin: a device may pause between tokens.
    pub idle: Duration,
    /// Time for a frame to pass, in or out, once it has begun.
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
            opening: Duration::from_secs(10),
            idle: Duration::from_secs(300),
            frame: Duration::from_secs(30),
            session: Duration::from_secs(24 * 3600),
            work: SessionLimits::default(),
        }
    }
}

/// A server that listens.
#[derive(Debug)]
pub struct Server {
    listener: TcpListener,
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    engine: Arc<Engine>,
    limits: Limits,
    /// One permit for each connection.
    sessions: Arc<Semaphore>,
    /// The accelerator, one tile at a time, first come first served: so sessions take turns.
    turn: Semaphore,
}

impl Server {
    /// Listens on `address`.
    ///
    /// # Errors
    /// As the system refuses the address.
    pub fn bind(address: SocketAddr, engine: Arc<Engine>, limits: Limits) -> io::Result<Self> {
        let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
        socket.set_reuseaddr(true)?;
        socket.bind(address)?;
        let listener = socket.listen(1024)?;
        let sessions = Arc::new(Semaphore::new(limits.sessions));
        let shared = Shared { engine, limits, sessions, turn: Semaphore::new(1) };
        Ok(Self { listener, shared: Arc::new(shared) })
    }

    /// The address that it listens on.
    ///
    /// # Errors
    /// As the system fails.
    pub fn address(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Serves until `shutdown` completes. Then no connection is accepted, running work is
    /// finished, and every peer is told.
    pub async fn run(self, shutdown: impl Future<Output = ()>) {
        let (stop, stopped) = watch::channel(false);
        let mut connections = JoinSet::new();
        tokio::pin!(shutdown);
        loop {
            tokio::select! {
                () = &mut shutdown => break,
                accepted = self.listener.accept() => match accepted {
                    Ok((stream, peer)) => {
                        let shared = Arc::clone(&self.shared);
                        connections.spawn(connection::serve(stream, peer, shared, stopped.clone()));
                    }
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
