use super::Shared;
use crate::engine::{Engine, UnitJob, UnitTile};
use crate::session::{Action, Refusal, Session};
use core::net::SocketAddr;
use core::time::Duration;
use kernel::wire::{FaultCode, HEADER_BYTES, Header, MAX_PAYLOAD};
use std::sync::Arc;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::{Instant, timeout, timeout_at};

/// Why a connection ended.
enum End {
    /// The peer said goodbye, or went away between frames.
    Peer,
    /// The stream failed or a deadline passed: nobody is left to tell.
    Broken,
    /// The session is over, and the peer is told why.
    Refused(Refusal),
}

impl<R: Into<Refusal>> From<R> for End {
    fn from(refusal: R) -> Self {
        Self::Refused(refusal.into())
    }
}

/// Serves one connection to its end. Logs sizes and times, never contents.
pub(super) async fn serve(
    stream: TcpStream,
    peer: SocketAddr,
    shared: Arc<Shared>,
    stop: watch::Receiver<bool>,
) {
    let started = Instant::now();
    let _ = stream.set_nodelay(true);
    let mut connection = Connection {
        stream,
        session: Session::new(Arc::clone(&shared.engine), shared.limits.work),
        deadline: started + shared.limits.session,
        shared: Arc::clone(&shared),
        stop,
        bytes_in: 0,
        bytes_out: 0,
    };
    let permit = Arc::clone(&shared.sessions).try_acquire_owned();
    let end = match &permit {
        Ok(_) => connection.run().await,
        // The peer's first frame is read, so that it can be answered in its session.
        Err(_) => match connection.frame(&mut Vec::new()).await {
            Ok(_) => End::from(FaultCode::Busy),
            Err(end) => end,
        },
    };
    let seconds = started.elapsed().as_secs_f64();
    let (bytes_in, bytes_out) = (connection.bytes_in, connection.bytes_out);
    match end {
        End::Peer => tracing::info!(%peer, seconds, bytes_in, bytes_out, "session ended"),
        End::Broken => tracing::info!(%peer, seconds, bytes_in, bytes_out, "connection lost"),
        End::Refused(refusal) => {
            tracing::warn!(%peer, seconds, bytes_in, bytes_out, %refusal, "session refused");
            if let Some(frame) = connection.session.fault(refusal.code) {
                let _ = connection.send(&frame).await;
                let _ = connection.stream.shutdown().await;
            }
        }
    }
}

struct Connection {
    stream: TcpStream,
    session: Session,
    deadline: Instant,
    shared: Arc<Shared>,
    stop: watch::Receiver<bool>,
    bytes_in: u64,
    bytes_out: u64,
}

impl Connection {
    async fn run(&mut self) -> End {
        let mut payload = Vec::new();
        loop {
            if let Err(end) = self.turn(&mut payload).await {
                return end;
            }
        }
    }

    /// One frame in, and what it asks for.
    async fn turn(&mut self, payload: &mut Vec<u8>) -> Result<(), End> {
        let header = self.frame(payload).await?;
        match self.session.receive(&header, payload)? {
            Action::Receive => Ok(()),
            Action::Send(frame) => self.send(&frame).await,
            Action::Product { group, tokens, x } => {
                let product = self
                    .work(move |engine| engine.product(group, tokens, &x))
                    .await?
                    .map_err(|_| FaultCode::Internal)?;
                let frame = self.session.product_reply(group, tokens, &product)?;
                self.send(&frame).await
            }
            Action::Unit(job) => self.unit(job).await,
            Action::Close => Err(End::Peer),
        }
    }

    async fn unit(&mut self, mut job: Box<UnitJob>) -> Result<(), End> {
        loop {
            let (returned, tile) = self
                .work(move |engine| {
                    let tile = job.step(engine);
                    (job, tile)
                })
                .await?;
            job = returned;
            match tile.map_err(|_| FaultCode::Internal)? {
                UnitTile::Computed => {}
                UnitTile::Rows(payload) => {
                    let frame = self.session.unit_rows(&payload)?;
                    self.send(&frame).await?;
                }
                UnitTile::Finished => return Ok(()),
            }
            if Instant::now() > self.deadline {
                return Err(FaultCode::Deadline.into());
            }
            if *self.stop.borrow() {
                return Err(FaultCode::Shutdown.into());
            }
        }
    }

    /// Runs blocking work when it is this session's turn.
    async fn work<W: Send + 'static>(
        &self,
        work: impl FnOnce(&Engine) -> W + Send + 'static,
    ) -> Result<W, End> {
        let _turn = self.shared.turn.acquire().await.map_err(|_| FaultCode::Internal)?;
        let engine = Arc::clone(&self.shared.engine);
        tokio::task::spawn_blocking(move || work(&engine))
            .await
            .map_err(|_| FaultCode::Internal.into())
    }

    /// Reads and admits the next frame. Memory is set aside only for a length that its type may
    /// have.
    async fn frame(&mut self, payload: &mut Vec<u8>) -> Result<Header, End> {
        let first = self.session.id().is_none();
        let patience = if first { self.shared.limits.opening } else { self.shared.limits.idle };
        let mut bytes = [0; HEADER_BYTES];
        let begun = tokio::select! {
            begun = timeout_at(
                self.deadline.min(Instant::now() + patience),
                self.stream.read(&mut bytes),
            ) => begun,
            _ = self.stop.wait_for(|&stop| stop) => {
                return Err(FaultCode::Shutdown.into());
            }
        };
        let read = match begun {
            Ok(Ok(0)) => return Err(End::Peer),
            Ok(Ok(read)) => read,
            Ok(Err(_)) => return Err(End::Broken),
            Err(_) => return Err(FaultCode::Deadline.into()),
        };
        let limit = self.shared.limits.frame;
        read_exact(&mut self.stream, &mut bytes[read..], limit).await?;
        let header = Header::decode(&bytes)?;
        self.session.admit(&header)?;
        payload.resize((header.length as usize).min(MAX_PAYLOAD), 0);
        read_exact(&mut self.stream, payload, limit).await?;
        self.bytes_in += (HEADER_BYTES + payload.len()) as u64;
        Ok(header)
    }

    async fn send(&mut self, frame: &[u8]) -> Result<(), End> {
        match timeout(self.shared.limits.frame, self.stream.write_all(frame)).await {
            Ok(Ok(())) => {
                self.bytes_out += frame.len() as u64;
                Ok(())
            }
            _ => Err(End::Broken),
        }
    }
}

async fn read_exact(stream: &mut TcpStream, out: &mut [u8], limit: Duration) -> Result<(), End> {
    match timeout(limit, stream.read_exact(out)).await {
        Ok(Ok(_)) => Ok(()),
        _ => Err(End::Broken),
    }
}
