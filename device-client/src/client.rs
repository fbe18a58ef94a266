//! The online phase over a link: a [`Session`] with a transport, as a source of products.

use crate::decoder::Request;
use crate::generate::Multiply;
use crate::session::{Exchange, Mode, PART_BYTES, Session, SessionError, Verdict};
use crate::transport::{Connector, Transport, TransportError};
use embedded_io_async::ErrorType;
use kernel::wire::WireError;

/// Why a run ended early. All of it is visible to the host, or happens before it starts.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ClientError<E> {
    /// The link or the host.
    #[error(transparent)]
    Transport(#[from] TransportError<E>),
    /// The session.
    #[error(transparent)]
    Session(#[from] SessionError),
}

impl<E> From<WireError> for ClientError<E> {
    fn from(error: WireError) -> Self {
        Self::Transport(error.into())
    }
}

type LinkErrorOf<K> = TransportError<<<K as Connector>::Io as ErrorType>::Error>;
type ErrorOf<K> = ClientError<<<K as Connector>::Io as ErrorType>::Error>;

/// A session over a link that is resumed, with identical bytes, when it breaks.
pub struct Client<'a, M: Mode, K: Connector> {
    session: Session<'a, M>,
    line: Line<'a, K>,
}

/// The way to the host.
struct Line<'a, K: Connector> {
    connector: K,
    link: Option<Transport<K::Io>>,
    /// A part of a frame, in or out.
    part: &'a mut [u8],
    bytes_up: u64,
    bytes_down: u64,
}

impl<M: Mode, K: Connector> core::fmt::Debug for Client<'_, M, K> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Client").field("bytes_up", &self.line.bytes_up).finish_non_exhaustive()
    }
}

impl<'a, M: Mode, K: Connector> Client<'a, M, K> {
    /// Connects and opens the session. Frames go through `part` in pieces of its length, at least
    /// [`PART_BYTES`]. The first piece of a request is made before its departure: one that holds all of it
    /// leaves at once then.
    ///
    /// # Errors
    /// As the link or the host fails; correlations are burned only once the session is open.
    /// [`SessionError::Order`] if `part` is too short.
    pub async fn open(
        mut session: Session<'a, M>,
        connector: K,
        part: &'a mut [u8],
    ) -> Result<Self, ErrorOf<K>> {
        if part.len() < PART_BYTES {
            return Err(SessionError::Order.into());
        }
        let mut line = Line { connector, link: None, part, bytes_up: 0, bytes_down: 0 };
        loop {
            match line.connect(&mut session).await {
                Ok(()) => return Ok(Self { session, line }),
                Err(error) => line.recover(error, TransportError::is_broken_link).await?,
            }
        }
    }
}

impl<K: Connector> Line<'_, K> {
    /// Opens a link and the session on it.
    async fn connect<M: Mode>(&mut self, session: &mut Session<'_, M>) -> Result<(), ErrorOf<K>> {
        let io = self.connector.connect().await.map_err(TransportError::Link)?;
        let mut link = Transport::new(io);
        let length = session.hello(self.part)?;
        let opened = self.open_on(&mut link, session, length).await;
        self.count(&mut link);
        opened?;
        self.link = Some(link);
        // Behind the store's writes: their time is theirs, and says nothing.
        self.connector.answered();
        Ok(())
    }

    async fn open_on<M: Mode>(
        &mut self,
        link: &mut Transport<K::Io>,
        session: &mut Session<'_, M>,
        length: usize,
    ) -> Result<(), ErrorOf<K>> {
        link.send(&self.part[..length]).await?;
        let (header, payload) = link.receive(self.part).await?;
        session.welcome(&header, payload)?;
        for index in 0.. {
            let mut first = 0;
            loop {
                let Some(length) = session.opening(index, first, self.part)? else {
                    return Ok(());
                };
                if length == 0 {
                    break;
                }
                link.send_part(&self.part[..length]).await?;
                first += length;
            }
            link.flush().await?;
        }
        Ok(())
    }

    /// Takes over a link's count of bytes.
    const fn count(&mut self, link: &mut Transport<K::Io>) {
        self.bytes_up += link.bytes_up;
        self.bytes_down += link.bytes_down;
        (link.bytes_up, link.bytes_down) = (0, 0);
    }

    /// Waits the fixed pause if the link's failure is one that passes and an attempt is left; fails
    /// otherwise.
    async fn recover(
        &mut self,
        error: ErrorOf<K>,
        passes: impl FnOnce(&LinkErrorOf<K>) -> bool,
    ) -> Result<(), ErrorOf<K>> {
        self.link = None;
        match error {
            ClientError::Transport(ref e) if passes(e) => {
                if self.connector.retry().await {
                    Ok(())
                } else {
                    Err(error)
                }
            }
            _ => Err(error),
        }
    }

    /// Sends the request, whose first `ready` bytes are in place, and takes in the answer.
    async fn exchange<M: Mode>(
        &mut self,
        exchange: &mut Exchange<'_, '_, '_, M>,
        mut ready: usize,
    ) -> Result<(), ErrorOf<K>> {
        if self.link.is_none() {
            self.connect(exchange.session()).await?;
            ready = 0;
        }
        let mut link = self.link.take().ok_or(TransportError::Closed)?;
        let result = self.exchange_on(&mut link, exchange, ready).await;
        self.count(&mut link);
        self.link = Some(link);
        result
    }

    async fn exchange_on<M: Mode>(
        &mut self,
        link: &mut Transport<K::Io>,
        exchange: &mut Exchange<'_, '_, '_, M>,
        ready: usize,
    ) -> Result<(), ErrorOf<K>> {
        let (mut first, mut length) = (0, ready);
        loop {
            link.send_part(&self.part[..length]).await?;
            first += length;
            length = exchange.request(first, self.part)?;
            if length == 0 {
                break;
            }
        }
        link.flush().await?;
        loop {
            let header = link.receive_header().await?;
            exchange.answer(&header)?;
            let mut whole = false;
            while link.payload_left() > 0 {
                let part = self.part.len().min(link.payload_left());
                let part = &mut self.part[..part];
                link.receive_part(part).await?;
                if link.payload_left() == 0 {
                    self.connector.answered();
                }
                whole = exchange.take(part)?;
            }
            if whole {
                return Ok(());
            }
        }
    }
}

impl<M: Mode, K: Connector> Client<'_, M, K> {
    /// Bytes sent and received, broken links included.
    #[must_use]
    pub const fn bytes(&self) -> (u64, u64) {
        (self.line.bytes_up, self.line.bytes_down)
    }

    /// Products so far that failed their check, for a run that has ended: nothing that is sent may
    /// depend on it.
    #[must_use]
    pub fn failures(&self) -> u32 {
        self.session.poison().reveal_failures()
    }

    /// Says goodbye, the same whatever the checks said, and ends the session.
    ///
    /// # Errors
    /// None for a link that breaks here: the schedule is complete.
    pub async fn close(mut self) -> Result<(Verdict, u64, u64), ErrorOf<K>> {
        let length = self.session.bye(self.line.part)?;
        self.line.connector.departure().await;
        if let Some(mut link) = self.line.link.take() {
            let _ = link.send(&self.line.part[..length]).await;
            self.line.count(&mut link);
        }
        let (up, down) = self.bytes();
        Ok((self.session.finish(), up, down))
    }
}

impl<M: Mode, K: Connector> Multiply for Client<'_, M, K> {
    type Error = ErrorOf<K>;

    async fn multiply(&mut self, request: Request<'_>, y: &mut [i32]) -> Result<(), Self::Error> {
        let Self { session, line } = self;
        let mut exchange = session.exchange(request, y)?;
        let mut ready = exchange.request(0, line.part)?;
        line.connector.departure().await;
        loop {
            match line.exchange(&mut exchange, ready).await {
                Ok(()) => return Ok(()),
                Err(error) => line.recover(error, TransportError::is_passing).await?,
            }
            ready = 0;
        }
    }

    fn is_sound(&self) -> bool {
        !self.session.poison().reveal()
    }
}
