use super::door::Place;
use super::links::Links;
use super::memory::Holding;
use super::stream::Stream;
use super::{Limits, Shared};
use crate::engine::{Engine, UnitJob, UnitTile};
use crate::session::{Action, Need, Refusal, Session, Work};
use core::net::SocketAddr;
use core::time::Duration;
use kernel::accel::AccelError;
use kernel::wire::{FaultCode, HEADER_BYTES, Header, MAX_PAYLOAD};
use std::sync::Arc;
use tokio::io::Interest;
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
    tcp: TcpStream,
    peer: SocketAddr,
    place: Place,
    (shared, links): (Arc<Shared>, Arc<Links>),
    mut stop: watch::Receiver<bool>,
) {
    let started = Instant::now();
    let _ = tcp.set_nodelay(true);
    let opened = tokio::select! {
        opened = timeout(shared.limits.opening, links.open(tcp)) => opened,
        _ = stop.wait_for(|&stop| stop) => return,
    };
    let stream = match opened {
        Ok(Ok(stream)) => stream,
        Ok(Err(stranger)) => return tracing::warn!(%peer, "no link: {stranger}"),
        Err(_) => return tracing::info!(%peer, "no link: the peer was too slow"),
    };
    let (link, admitted) = (stream.kind(), links.admit(&stream, peer.ip()));
    let mut connection = Connection {
        stream,
        session: Session::new(Arc::clone(&shared.engine), shared.limits.session_limits()),
        deadline: started + shared.limits.session,
        shared: Arc::clone(&shared),
        place,
        held: None,
        keys: None,
        stop,
        bytes_in: 0,
        bytes_out: 0,
    };
    let refusal = match (admitted, connection.place.has_session()) {
        (true, true) => None,
        (true, false) => Some(FaultCode::Busy),
        (false, _) => Some(FaultCode::Link),
    };
    let end = match refusal {
        None => connection.run().await,
        // The peer's first frame is read, so that it can be answered in its session.
        Some(code) => connection.frame().await.map_or_else(|end| end, |_| code.into()),
    };
    let seconds = started.elapsed().as_secs_f64();
    let (bytes_in, bytes_out) = (connection.bytes_in, connection.bytes_out);
    match end {
        End::Peer => tracing::info!(%peer, link, seconds, bytes_in, bytes_out, "session ended"),
        End::Broken => tracing::info!(%peer, link, seconds, bytes_in, bytes_out, "connection lost"),
        End::Refused(refusal) => {
            tracing::warn!(%peer, link, seconds, bytes_in, bytes_out, %refusal, "session refused");
            // What the session held is given back before a peer that may not read is told.
            let fault = connection.session.fault(refusal.code);
            (connection.held, connection.keys) = (None, None);
            if let Some(frame) = fault {
                let _ = connection.send(&frame).await;
                let _ = connection.stream.shutdown().await;
            }
        }
    }
    drop(connection);
    let status = shared.status();
    tracing::debug!(?status, "after it");
}

struct Connection {
    stream: Stream,
    session: Session,
    deadline: Instant,
    shared: Arc<Shared>,
    held: Option<Held>,
    /// Memory of the session's evaluation keys.
    keys: Option<Holding>,
    place: Place,
    stop: watch::Receiver<bool>,
    bytes_in: u64,
    bytes_out: u64,
}

/// Memory of the work under way.
struct Held {
    _memory: Holding,
    /// Time that the link may still take, in all, before it is given back.
    left: Duration,
}

impl Connection {
    async fn run(&mut self) -> End {
        loop {
            if let Err(end) = self.turn().await {
                return end;
            }
        }
    }

    /// One frame in, and what it asks for.
    async fn turn(&mut self) -> Result<(), End> {
        let (header, payload) = self.frame().await?;
        let action = self.session.receive(&header, &payload)?;
        drop(payload);
        match action {
            Action::Receive => return Ok(()),
            Action::Send(frame) => self.send(&frame).await?,
            Action::Product(job) => {
                let reply = self.work(move |engine| job.run(engine)).await?;
                let mut reply = reply.map_err(internal)?;
                while let Some(frame) = self.session.product_reply(&mut reply)? {
                    self.send(&frame).await?;
                }
            }
            Action::Key(job) => {
                self.work(move |engine| job.run(engine)).await?.map_err(internal)?;
                return Ok(());
            }
            Action::Unit(job) => self.unit(job).await?,
            Action::Close => return Err(End::Peer),
        }
        self.held = None;
        Ok(())
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
            match tile.map_err(internal)? {
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
            tokio::select! {
                biased;
                () = gone(self.stream.tcp()) => return Err(End::Broken),
                () = core::future::ready(()) => {}
            }
        }
    }

    /// Runs blocking work when it is this session's turn.
    async fn work<W: Send + 'static>(
        &self,
        work: impl FnOnce(&Engine) -> W + Send + 'static,
    ) -> Result<W, End> {
        let _turn = self.shared.turns.next().await.ok_or(FaultCode::Internal)?;
        let engine = Arc::clone(&self.shared.engine);
        tokio::task::spawn_blocking(move || work(&engine))
            .await
            .map_err(|_| FaultCode::Internal.into())
    }

    /// Reads and admits the next frame. Its payload is read only once the session holds the memory
    /// for all that the frame leads to.
    async fn frame(&mut self) -> Result<(Header, Vec<u8>), End> {
        let first = self.session.id().is_none();
        let patience = match &self.held {
            Some(held) => held.left,
            None if first => self.shared.limits.opening,
            None => self.shared.limits.idle,
        };
        let mut bytes = [0; HEADER_BYTES];
        let started = Instant::now();
        let begun = tokio::select! {
            begun = timeout_at(
                self.deadline.min(started + patience),
                self.stream.read(&mut bytes),
            ) => begun,
            _ = self.stop.wait_for(|&stop| stop) => {
                return Err(FaultCode::Shutdown.into());
            }
        };
        self.spend(started);
        let read = match begun {
            Ok(Ok(0)) => return Err(End::Peer),
            Ok(Ok(read)) => read,
            Ok(Err(_)) => return Err(End::Broken),
            Err(_) => return Err(FaultCode::Deadline.into()),
        };
        self.read(&mut bytes[read..]).await?;
        let header = Header::decode(&bytes)?;
        self.session.admit(&header)?;
        if let Some(need) = self.session.need(&header) {
            match need.work {
                Work::Keys if self.keys.is_none() => {
                    self.keys = Some(self.hold(&need).await?);
                }
                Work::Product | Work::Unit if self.held.is_none() => {
                    let memory = self.hold(&need).await?;
                    let left = self.time_for(&need);
                    self.held = Some(Held { _memory: memory, left });
                }
                _ => {}
            }
        }
        let mut payload = vec![0; (header.length as usize).min(MAX_PAYLOAD)];
        self.read(&mut payload).await?;
        self.bytes_in += (HEADER_BYTES + payload.len()) as u64;
        Ok((header, payload))
    }

    /// Waits in line for memory. The session holds none meanwhile.
    async fn hold(&mut self, need: &Need) -> Result<Holding, End> {
        let Limits { wait, .. } = self.shared.limits;
        let deadline = self.deadline.min(Instant::now() + wait);
        let taken = tokio::select! {
            taken = timeout_at(deadline, self.shared.memory.take(self.place.memory(), need)) => taken,
            _ = self.stop.wait_for(|&stop| stop) => return Err(FaultCode::Shutdown.into()),
            () = gone(self.stream.tcp()) => return Err(End::Broken),
        };
        match taken {
            Ok(memory) => Ok(memory.ok_or(FaultCode::Internal)?),
            Err(_) => Err(FaultCode::Busy.into()),
        }
    }

    /// Time on the link for all frames of a need.
    fn time_for(&self, need: &Need) -> Duration {
        let frames = (need.traffic / MAX_PAYLOAD).saturating_add(2);
        let frame = self.shared.limits.frame;
        frame.saturating_mul(u32::try_from(frames).unwrap_or(u32::MAX))
    }

    /// Time for the link's next step.
    fn patience(&self) -> Duration {
        let frame = self.shared.limits.frame;
        self.held.as_ref().map_or(frame, |held| frame.min(held.left))
    }

    /// Counts time on the link against the work that holds memory.
    fn spend(&mut self, started: Instant) {
        if let Some(held) = &mut self.held {
            held.left = held.left.saturating_sub(started.elapsed());
        }
    }

    async fn send(&mut self, frame: &[u8]) -> Result<(), End> {
        let started = Instant::now();
        let sent = timeout(self.patience(), self.stream.send(frame)).await;
        self.spend(started);
        match sent {
            Ok(Ok(())) => {
                self.bytes_out += frame.len() as u64;
                Ok(())
            }
            _ => Err(End::Broken),
        }
    }

    /// Reads the rest of a frame, unless the server stops.
    async fn read(&mut self, out: &mut [u8]) -> Result<(), End> {
        let started = Instant::now();
        let patience = self.patience();
        let read = tokio::select! {
            read = timeout(patience, self.stream.read_exact(out)) => read,
            _ = self.stop.wait_for(|&stop| stop) => return Err(FaultCode::Shutdown.into()),
        };
        self.spend(started);
        match read {
            Ok(Ok(())) => Ok(()),
            _ => Err(End::Broken),
        }
    }
}

/// What a peer is told of an accelerator's failure, which the log names.
fn internal(error: AccelError) -> FaultCode {
    tracing::error!(%error, "the accelerator failed");
    FaultCode::Internal
}

/// Completes when the peer has closed its side, whatever it has sent before.
async fn gone(stream: &TcpStream) {
    // Bytes that wait to be read hide the news of a close: then it is asked for.
    const PAUSE: Duration = Duration::from_millis(250);
    while let Ok(ready) = stream.ready(Interest::READABLE).await {
        if ready.is_read_closed() {
            return;
        }
        tokio::time::sleep(PAUSE).await;
    }
}
