//! A server of a small model, and a client's end of a session.

use crate::gate::{Gate, Opens};
use host_server::engine::{Engine, UnitJob};
use host_server::server::{Gauge, Limits, Links, Server, Status};
use host_server::session::Need;
use kernel::accel::{AccelError, RowSource};
use kernel::bundle::ModelDigest;
use kernel::model::{GroupId, ModelConfig};
use kernel::params::ParameterId;
use kernel::wire::{
    BLOCK_PREFIX_BYTES, Block, Fault, FaultCode, FrameType, HEADER_BYTES, Header, Hello, MaskSeed,
    Purpose, RowForm, SessionId, UnitOpen, body_bytes, decode_body, encode_body,
};
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

pub(crate) const DIGEST: ModelDigest = ModelDigest([6; 32]);
pub(crate) const CONFIG: ModelConfig = ModelConfig {
    vocab: 300,
    hidden: 4,
    layers: 1,
    heads: 1,
    kv_heads: 1,
    head_dim: 4,
    intermediate: 4,
    context: 32,
    rms_eps: 1e-5,
};
pub(crate) const MASKED: Purpose = Purpose::Masked { prompt_bucket: 1, output_bucket: 1, chunk: 1 };
pub(crate) const PREPARE: Purpose = Purpose::Prepare { units: 100_000 };
/// The group with the most rows, whose unit does not fit the buffers of a socket.
pub(crate) const HEAD: u32 = 4;
/// Columns of every matrix.
const COLUMNS: u32 = 4;
/// Memory of which 18 MiB are for units: for one of the head and a small one, not for two of the head.
pub(crate) const SCARCE_MEMORY: usize = Limits::LEAST_MEMORY / 2 * 3;
/// Longer than any test: a limit that is not tested.
pub(crate) const NEVER: Duration = Duration::from_secs(3600);
/// A test that waits longer has failed.
const PATIENCE: Duration = Duration::from_secs(20);

/// Memory of a unit of `group`, as the server counts it.
pub(crate) fn unit_memory(group: u32) -> usize {
    let shape = CONFIG.shape(GroupId(group)).unwrap();
    UnitJob::memory(shape, ParameterId::Masked256x16, 1) + Need::UNIT_FRAMES
}

pub(crate) struct Ones;

impl RowSource for Ones {
    fn next_row(&mut self, row: &mut [i8]) -> Result<(), AccelError> {
        row.fill(1);
        Ok(())
    }
}

/// A running server.
#[derive(Clone)]
pub(crate) struct Host {
    pub(crate) address: SocketAddr,
    pub(crate) gate: Gate,
    gauge: Gauge,
    stop: Arc<Mutex<Option<oneshot::Sender<()>>>>,
}

impl Host {
    /// The same server, reached at another address.
    pub(crate) fn behind(&self, address: SocketAddr) -> Self {
        Self { address, ..self.clone() }
    }

    pub(crate) fn status(&self) -> Status {
        self.gauge.status()
    }

    pub(crate) fn stop(&self) {
        drop(self.stop.lock().unwrap().take());
    }

    /// Waits until the server holds nothing.
    pub(crate) async fn is_empty(&self) {
        until(|| self.status() == Status::default()).await;
    }
}

/// Waits until something has happened elsewhere.
#[track_caller]
pub(crate) fn until(happened: impl Fn() -> bool) -> impl Future<Output = ()> {
    let caller = std::panic::Location::caller();
    async move {
        let waits = async {
            while !happened() {
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        };
        let happened = tokio::time::timeout(PATIENCE, waits).await;
        assert!(happened.is_ok(), "it never happened: {caller}");
    }
}

/// Runs `test` against a server with these limits, then stops it, waits for its end, and waits for
/// what the test has left running.
pub(crate) fn with_server<F>(limits: Limits, test: impl FnOnce(Host) -> F)
where
    F: Future<Output = Option<JoinHandle<()>>>,
{
    let gate = Gate::default();
    let engine = Engine::load(gate.accelerator(), CONFIG, DIGEST, |_| Some(Ones)).unwrap();
    with(engine, gate, (limits, Links::default()), test);
}

/// The same server, which is spoken to over `links`.
pub(crate) fn with_links<F>(limits: Limits, links: Links, test: impl FnOnce(Host) -> F)
where
    F: Future<Output = Option<JoinHandle<()>>>,
{
    let gate = Gate::default();
    let engine = Engine::load(gate.accelerator(), CONFIG, DIGEST, |_| Some(Ones)).unwrap();
    with(engine, gate, (limits, links), test);
}

/// The same with an engine that no gate holds up.
pub(crate) fn with_engine<F>(engine: Engine, limits: Limits, test: impl FnOnce(Host) -> F)
where
    F: Future<Output = Option<JoinHandle<()>>>,
{
    with(engine, Gate::default(), (limits, Links::default()), test);
}

fn with<F>(
    engine: Engine,
    gate: Gate,
    (limits, links): (Limits, Links),
    test: impl FnOnce(Host) -> F,
) where
    F: Future<Output = Option<JoinHandle<()>>>,
{
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let loopback = SocketAddr::from(([127, 0, 0, 1], 0));
        let server = Server::bind(loopback, Arc::new(engine), limits).unwrap().with_links(links);
        let (stop, stopped) = oneshot::channel::<()>();
        let host = Host {
            address: server.address().unwrap(),
            gate,
            gauge: server.gauge(),
            stop: Arc::new(Mutex::new(Some(stop))),
        };
        let running = tokio::spawn(server.run(async {
            let _ = stopped.await;
        }));
        let opened = Opens(host.gate.clone());
        let rest = tokio::time::timeout(3 * PATIENCE, test(host.clone())).await.unwrap();
        drop(opened);
        host.stop();
        tokio::time::timeout(PATIENCE, running).await.unwrap().unwrap();
        assert_eq!(host.status(), Status::default(), "something is left");
        if let Some(rest) = rest {
            rest.await.unwrap();
        }
    });
}

/// A client's end of a session.
pub(crate) struct Client {
    pub(crate) stream: TcpStream,
    pub(crate) set: ParameterId,
    sent: u32,
}

impl Client {
    pub(crate) async fn connect(host: &Host) -> Self {
        Self::from([127, 0, 0, 1], host).await
    }

    /// A client at another address of loopback.
    pub(crate) async fn from(own: [u8; 4], host: &Host) -> Self {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind(SocketAddr::from((own, 0))).unwrap();
        let stream = socket.connect(host.address).await.unwrap();
        Self { stream, set: ParameterId::Masked256x16, sent: 0 }
    }

    /// A client whose session is open.
    pub(crate) async fn open(host: &Host, purpose: Purpose) -> Self {
        Self::connect(host).await.welcomed(purpose).await
    }

    pub(crate) async fn welcomed(mut self, purpose: Purpose) -> Self {
        self.hello(purpose, DIGEST).await;
        assert_eq!(self.receive().await.unwrap().0.frame, FrameType::Welcome);
        self
    }

    pub(crate) fn header(&mut self, frame: FrameType, length: usize) -> [u8; HEADER_BYTES] {
        let (set, session, sequence) = (self.set, SessionId([3; 16]), self.sent);
        self.sent += 1;
        Header { frame, set, session, sequence, length: length as u32 }.encode()
    }

    pub(crate) async fn send(&mut self, frame: FrameType, payload: &[u8]) {
        let header = self.header(frame, payload.len());
        self.stream.write_all(&header).await.unwrap();
        self.stream.write_all(payload).await.unwrap();
    }

    pub(crate) async fn hello(&mut self, purpose: Purpose, digest: ModelDigest) {
        let hello = Hello { digest, purpose, answered: 0, max_payload: 1 << 20 };
        let mut body = [0; 160];
        let length = encode_body(&hello, &mut body).unwrap();
        self.send(FrameType::Hello, &body[..length]).await;
    }

    /// The first product of [`MASKED`].
    pub(crate) async fn product(&mut self) {
        let mut payload = Vec::from(Block { index: 0, count: 1 }.encode());
        payload.extend((1..=4_u32).flat_map(u32::to_le_bytes));
        self.send(FrameType::Product, &payload).await;
    }

    /// Opens a unit of `group` and sends its first `count` bodies.
    pub(crate) async fn unit(&mut self, group: u32, count: u32) {
        let mut body = [0; 80];
        let length = encode_body(&opening(group), &mut body).unwrap();
        self.send(FrameType::UnitOpen, &body[..length]).await;
        self.bodies(0, count).await;
    }

    pub(crate) async fn bodies(&mut self, first: u32, count: u32) {
        let frame = self.bodies_frame(first, count);
        self.stream.write_all(&frame).await.unwrap();
    }

    pub(crate) fn bodies_frame(&mut self, first: u32, count: u32) -> Vec<u8> {
        let length = BLOCK_PREFIX_BYTES + count as usize * body_bytes(256);
        let mut frame = Vec::from(self.header(FrameType::UnitBodies, length));
        frame.extend(Block { index: first, count }.encode());
        frame.resize(HEADER_BYTES + length, 0);
        frame
    }

    /// Opens a unit and sends all of it.
    pub(crate) async fn whole_unit(&mut self, group: u32) {
        self.unit(group, COLUMNS).await;
    }

    /// Takes in all rows of a unit.
    pub(crate) async fn rows(&mut self, group: u32) {
        let mut left = CONFIG.shape(GroupId(group)).unwrap().rows;
        while left > 0 {
            let (header, payload) = self.receive().await.unwrap();
            assert_eq!(header.frame, FrameType::UnitRows);
            left -= Block::split(&payload).unwrap().0.count as usize;
        }
    }

    pub(crate) async fn receive(&mut self) -> io::Result<(Header, Vec<u8>)> {
        let mut header = [0; HEADER_BYTES];
        self.stream.read_exact(&mut header).await?;
        let header = Header::decode(&header).unwrap();
        let mut payload = vec![0; header.length as usize];
        self.stream.read_exact(&mut payload).await?;
        Ok((header, payload))
    }

    /// The fault that the host sends next, and that it closes then.
    pub(crate) async fn fault(&mut self) -> FaultCode {
        let (header, payload) = self.receive().await.unwrap();
        assert_eq!(header.frame, FrameType::Fault);
        assert!(self.receive().await.is_err(), "the host closes after a fault");
        decode_body::<Fault>(&payload).unwrap().code
    }

    /// Waits until the host has closed, without a word.
    pub(crate) async fn dropped(&mut self) {
        assert_eq!(self.stream.read(&mut [0; 1]).await.unwrap_or(0), 0);
    }

    /// Waits until the host has closed, whatever it said before.
    pub(crate) async fn closed(&mut self) {
        let mut bytes = [0; 1 << 16];
        while let Ok(1..) = self.stream.read(&mut bytes).await {}
    }
}

/// A unit under a seed of its own, with full rows.
const fn opening(group: u32) -> UnitOpen {
    UnitOpen { group, seed: MaskSeed::Unit([1; 32]), rows: RowForm::Full, keys: 1 }
}
