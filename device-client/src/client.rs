//! The online phase over a link: a [`Session`] with a transport, as a source of products.

use crate::decoder::Request;
use crate::generate::Multiply;
use crate::session::{Mode, Session, SessionError, Verdict};
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
    connector: K,
    link: Option<Transport<K::Io>>,
    /// The request under way; kept until it is answered.
    request: &'a mut [u8],
    /// Openings of a session, and frames of answers.
    reply: &'a mut [u8],
    bytes_up: u64,
    bytes_down: u64,
}

impl<M: Mode, K: Connector> core::fmt::Debug for Client<'_, M, K> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Client").field("bytes_up", &self.bytes_up).finish_non_exhaustive()
    }
}

impl<'a, M: Mode, K: Connector> Client<'a, M, K> {
    /// Connects and opens the session. `request` and `reply` hold the session's largest frames.
    ///
    /// # Errors
    /// As the link or the host fails; correlations are burned only once the session is open.
    pub async fn open(
        session: Session<'a, M>,
        connector: K,
        request: &'a mut [u8],
        reply: &'a mut [u8],
    ) -> Result<Self, ErrorOf<K>> {
        let mut client =
            Self { session, connector, link: None, request, reply, bytes_up: 0, bytes_down: 0 };
        loop {
            match client.connect().await {
                Ok(()) => return Ok(client),
                Err(error) => client.recover(error, TransportError::is_broken_link).await?,
            }
        }
    }

    /// Opens a link and the session on it.
    async fn connect(&mut self) -> Result<(), ErrorOf<K>> {
        let io = self.connector.connect().await.map_err(TransportError::Link)?;
        let mut link = Transport::new(io);
        let length = self.session.hello(self.reply)?;
        let opened = self.open_on(&mut link, length).await;
        self.count(&mut link);
        opened?;
        self.link = Some(link);
        // Behind the store's writes: their time is theirs, and says nothing.
        self.connector.answered();
        Ok(())
    }

    async fn open_on(
        &mut self,
        link: &mut Transport<K::Io>,
        length: usize,
    ) -> Result<(), ErrorOf<K>> {
        link.send(&self.reply[..length]).await?;
        let (header, payload) = link.receive(self.reply).await?;
        self.session.welcome(&header, payload)?;
        let mut index = 0;
        while let Some(length) = self.session.opening(index, self.reply)? {
            link.send(&self.reply[..length]).await?;
            index += 1;
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

    /// Sends the kept request of `length` bytes and takes in the answer.
    async fn exchange(&mut self, length: usize, y: &mut [i32]) -> Result<(), ErrorOf<K>> {
        if self.link.is_none() {
            self.connect().await?;
        }
        let link = self.link.as_mut().ok_or(TransportError::Closed)?;
        let result = async {
            link.send(&self.request[..length]).await?;
            loop {
                let (header, payload) = link.receive(self.reply).await?;
                self.connector.answered();
                if self.session.response(&header, payload, y)? {
                    return Ok(());
                }
            }
        }
        .await;
        self.bytes_up += link.bytes_up;
        self.bytes_down += link.bytes_down;
        (link.bytes_up, link.bytes_down) = (0, 0);
        result
    }

    /// Bytes sent and received, broken links included.
    #[must_use]
    pub const fn bytes(&self) -> (u64, u64) {
        (self.bytes_up, self.bytes_down)
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
        let length = self.session.bye(self.request)?;
        self.connector.departure().await;
        if let Some(mut link) = self.link.take() {
            let _ = link.send(&self.request[..length]).await;
            self.bytes_up += link.bytes_up;
        }
        let (up, down) = self.bytes();
        Ok((self.session.finish(), up, down))
    }
}

impl<M: Mode, K: Connector> Multiply for Client<'_, M, K> {
    type Error = ErrorOf<K>;

    async fn multiply(&mut self, request: Request<'_>, y: &mut [i32]) -> Result<(), Self::Error> {
        let length = self.session.request(&request, self.request)?;
        self.connector.departure().await;
        loop {
            match self.exchange(length, y).await {
                Ok(()) => return Ok(()),
                Err(error) => self.recover(error, TransportError::is_passing).await?,
            }
        }
    }

    fn is_sound(&self) -> bool {
        !self.session.poison().reveal()
    }
}
