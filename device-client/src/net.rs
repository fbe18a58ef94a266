//! A link to a host over the TCP of `embassy-net`, with an end to every wait.
//!
//! A device with an Ethernet or Wi-Fi driver for `embassy-net` needs nothing else to reach its host:
//!
//! ```text
//! let endpoint = Endpoint::new(stack, address, &mut rx, &mut tx, Limits::default());
//! let link = endpoint.connect().await?;                     // for a preparation
//! let connector = NetConnector::new(&endpoint, distance);   // for a session
//! ```
//!
//! An endpoint has one socket, and so one link at a time. Whoever wants the link secured wraps it: it
//! is an ordinary stream.

use crate::transport::Connector;
use core::cell::Cell;
use embassy_net::tcp::{ConnectError, TcpSocket};
use embassy_net::{IpEndpoint, Stack};
use embassy_time::{Duration, Instant, Timer, with_deadline};
use embedded_io_async::{ErrorKind, ErrorType, Read, Write};

/// How long a host is waited for. All are constants of the device: nothing in them depends on a text, a
/// check or a user.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Limits {
    /// For a connection to be made.
    pub connect: Duration,
    /// For the next bytes of the host, or for room for ours.
    pub wait: Duration,
    /// For all that happens on one link: a host that lets bytes drip does not hold the device longer.
    pub link: Duration,
    /// Before another attempt to connect.
    pub pause: Duration,
    /// Further attempts, in all.
    pub attempts: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(10),
            wait: Duration::from_secs(60),
            link: Duration::from_secs(24 * 60 * 60),
            pause: Duration::from_secs(1),
            attempts: 10,
        }
    }
}

/// Why a link failed.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum NetError {
    /// The host, or the cable, has said nothing for [`Limits::wait`] or [`Limits::connect`].
    #[error("no answer in time")]
    Silent,
    /// The link has had [`Limits::link`].
    #[error("the link took too long")]
    Slow,
    /// The host, or someone between, ended the connection.
    #[error("the connection was reset")]
    Reset,
    /// Nobody takes connections there, or there is no way.
    #[error("the host cannot be reached")]
    Unreachable,
    /// The endpoint's one socket is in use.
    #[error("there is another link")]
    Busy,
}

impl embedded_io_async::Error for NetError {
    fn kind(&self) -> ErrorKind {
        match self {
            Self::Silent | Self::Slow => ErrorKind::TimedOut,
            Self::Reset => ErrorKind::ConnectionReset,
            Self::Unreachable => ErrorKind::ConnectionRefused,
            Self::Busy => ErrorKind::Other,
        }
    }
}

/// Where the host is, and the socket that reaches it.
pub struct Endpoint<'a> {
    socket: Cell<Option<TcpSocket<'a>>>,
    stack: Stack<'a>,
    host: IpEndpoint,
    limits: Limits,
}

impl core::fmt::Debug for Endpoint<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Endpoint").field("host", &self.host).finish_non_exhaustive()
    }
}

impl<'a> Endpoint<'a> {
    /// A socket to `host` in the caller's memory: what has come and has not been read, what has been
    /// written and not yet been received.
    #[must_use]
    pub fn new(
        stack: Stack<'a>,
        host: IpEndpoint,
        receive: &'a mut [u8],
        send: &'a mut [u8],
        limits: Limits,
    ) -> Self {
        let mut socket = TcpSocket::new(stack, receive, send);
        // A frame's last, short segment leaves at once.
        socket.set_nagle_enabled(false);
        Self { socket: Cell::new(Some(socket)), stack, host, limits }
    }

    /// Opens a link.
    ///
    /// # Errors
    /// [`NetError`].
    pub async fn connect(&self) -> Result<NetLink<'_, 'a>, NetError> {
        let socket = self.socket.take().ok_or(NetError::Busy)?;
        let start = Instant::now();
        let ends = start + self.limits.link;
        // From here on the socket comes back whatever happens.
        let mut link = NetLink { endpoint: self, socket: Some(socket), ends };
        let socket = link.socket.as_mut().ok_or(NetError::Busy)?;
        socket.abort();
        let connect = async {
            // Until the last link's host has been told that nothing comes any more.
            let _ = socket.flush().await;
            self.stack.wait_config_up().await;
            socket.connect(self.host).await
        };
        match with_deadline((start + self.limits.connect).min(ends), connect).await {
            Ok(Ok(())) => Ok(link),
            Ok(Err(ConnectError::TimedOut)) | Err(_) => Err(NetError::Silent),
            Ok(Err(_)) => Err(NetError::Unreachable),
        }
    }
}

/// A connection on which every wait ends. One that ends badly is not to be used again.
pub struct NetLink<'e, 'a> {
    endpoint: &'e Endpoint<'a>,
    /// There is one until the link is dropped.
    socket: Option<TcpSocket<'a>>,
    ends: Instant,
}

impl core::fmt::Debug for NetLink<'_, '_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("NetLink").field("host", &self.endpoint.host).finish_non_exhaustive()
    }
}

impl<'a> NetLink<'_, 'a> {
    /// Does something with the socket within the limits.
    async fn within<T>(
        &mut self,
        work: impl AsyncFnOnce(&mut TcpSocket<'a>) -> Result<T, embassy_net::tcp::Error>,
    ) -> Result<T, NetError> {
        let socket = self.socket.as_mut().ok_or(NetError::Busy)?;
        let silent = Instant::now() + self.endpoint.limits.wait;
        match with_deadline(silent.min(self.ends), work(socket)).await {
            Ok(done) => done.map_err(|_| NetError::Reset),
            Err(_) if Instant::now() >= self.ends => Err(NetError::Slow),
            Err(_) => Err(NetError::Silent),
        }
    }

    /// That the link's time is not over: bytes that are there at once never wait.
    fn in_time(&self) -> Result<(), NetError> {
        if Instant::now() < self.ends { Ok(()) } else { Err(NetError::Slow) }
    }
}

impl Drop for NetLink<'_, '_> {
    fn drop(&mut self) {
        if let Some(mut socket) = self.socket.take() {
            // What was written still leaves, as far as the host takes it.
            socket.close();
            self.endpoint.socket.set(Some(socket));
        }
    }
}

impl ErrorType for NetLink<'_, '_> {
    type Error = NetError;
}

impl Read for NetLink<'_, '_> {
    async fn read(&mut self, out: &mut [u8]) -> Result<usize, NetError> {
        self.in_time()?;
        self.within(async |socket| socket.read(out).await).await
    }
}

impl Write for NetLink<'_, '_> {
    async fn write(&mut self, bytes: &[u8]) -> Result<usize, NetError> {
        self.in_time()?;
        self.within(async |socket| socket.write(bytes).await).await
    }

    /// Nothing waits here: what is written leaves by itself. To wait until the host has confirmed it would
    /// cost every frame a round trip, or the pause that hosts make before they confirm.
    async fn flush(&mut self) -> Result<(), NetError> {
        self.in_time()
    }
}

/// The host of an endpoint, requests at public moments, a fixed number of further attempts.
///
/// Every answer begins a grid of time of its own, and the next request leaves on it: at its first
/// point, or, where the device's own computing took longer, at the next one that is left.
#[derive(Debug)]
pub struct NetConnector<'e, 'a> {
    endpoint: &'e Endpoint<'a>,
    left: u32,
    distance: Duration,
    answered: Instant,
    late: u32,
}

impl<'e, 'a> NetConnector<'e, 'a> {
    /// Points of the grid are `distance` apart; zero lets requests leave at once, and the time of the
    /// float half shows.
    #[must_use]
    pub fn new(endpoint: &'e Endpoint<'a>, distance: Duration) -> Self {
        let left = endpoint.limits.attempts;
        Self { endpoint, left, distance, answered: Instant::now(), late: 0 }
    }

    /// Requests that missed the first point of their grid: only they show anything.
    #[must_use]
    pub const fn late(&self) -> u32 {
        self.late
    }
}

impl<'e, 'a> Connector for NetConnector<'e, 'a> {
    type Io = NetLink<'e, 'a>;

    async fn connect(&mut self) -> Result<Self::Io, NetError> {
        self.endpoint.connect().await
    }

    fn answered(&mut self) {
        self.answered = Instant::now();
    }

    async fn departure(&mut self) {
        let elapsed = self.answered.elapsed().as_ticks();
        let points = points(self.distance.as_ticks(), elapsed);
        self.late = self.late.saturating_add(u32::from(points > 1));
        let wait = Duration::from_ticks(points.saturating_mul(self.distance.as_ticks()));
        if let Some(departure) = self.answered.checked_add(wait) {
            Timer::at(departure).await;
        }
    }

    async fn retry(&mut self) -> bool {
        let left = self.left > 0;
        if left {
            self.left -= 1;
            Timer::after(self.endpoint.limits.pause).await;
        }
        left
    }
}

/// Points of a grid up to the next one that is left when `elapsed` has passed since its beginning; none
/// without a grid.
fn points(distance: u64, elapsed: u64) -> u64 {
    if distance == 0 { 0 } else { elapsed.div_ceil(distance).max(1) }
}

#[cfg(test)]
mod tests;
