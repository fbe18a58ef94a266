//! The daemon's limits, seen from a socket: who is let in, who is dropped, and what they are told.
#![expect(clippy::unwrap_used, reason = "test code")]

use host_server::engine::Engine;
use host_server::server::{Limits, Server};
use kernel::accel::{AccelError, Reference, RowSource};
use kernel::bundle::ModelDigest;
use kernel::model::ModelConfig;
use kernel::params::ParameterId;
use kernel::wire::{
    Block, Fault, FaultCode, FrameType, HEADER_BYTES, Header, Hello, Purpose, SessionId,
    decode_body, encode_body,
};
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

const DIGEST: ModelDigest = ModelDigest([6; 32]);
const CONFIG: ModelConfig = ModelConfig {
    vocab: 8,
    hidden: 4,
    layers: 1,
    heads: 1,
    kv_heads: 1,
    head_dim: 4,
    intermediate: 4,
    context: 32,
    rms_eps: 1e-5,
};

struct Ones;

impl RowSource for Ones {
    fn next_row(&mut self, row: &mut [i8]) -> Result<(), AccelError> {
        row.fill(1);
        Ok(())
    }
}

/// Runs `test` against a server with these limits, then stops it, waits for its end, and waits for
/// what the test has left running.
fn with_server<F>(limits: Limits, test: impl FnOnce(SocketAddr) -> F)
where
    F: Future<Output = Option<JoinHandle<()>>>,
{
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let accelerator = Arc::new(Reference::default());
        let engine = Engine::load(accelerator, CONFIG, DIGEST, |_| Some(Ones)).unwrap();
        let loopback = SocketAddr::from(([127, 0, 0, 1], 0));
        let server = Server::bind(loopback, Arc::new(engine), limits).unwrap();
        let address = server.address().unwrap();
        let (stop, stopped) = oneshot::channel::<()>();
        let running = tokio::spawn(server.run(async {
            let _ = stopped.await;
        }));
        let rest = test(address).await;
        let _ = stop.send(());
        tokio::time::timeout(Duration::from_secs(20), running).await.unwrap().unwrap();
        if let Some(rest) = rest {
            rest.await.unwrap();
        }
    });
}

/// A client's end of a session.
struct Client {
    stream: TcpStream,
    sent: u32,
}

impl Client {
    async fn connect(address: SocketAddr) -> Self {
        Self { stream: TcpStream::connect(address).await.unwrap(), sent: 0 }
    }

    async fn send(&mut self, frame: FrameType, payload: &[u8]) {
        let header = Header {
            frame,
            set: ParameterId::Masked256x16,
            session: SessionId([3; 16]),
            sequence: self.sent,
            length: payload.len() as u32,
        };
        self.sent += 1;
        self.stream.write_all(&header.encode()).await.unwrap();
        self.stream.write_all(payload).await.unwrap();
    }

    async fn hello(&mut self, purpose: Purpose, digest: ModelDigest) {
        let hello = Hello { digest, purpose, answered: 0, max_payload: 1 << 20 };
        let mut body = [0; 80];
        let length = encode_body(&hello, &mut body).unwrap();
        self.send(FrameType::Hello, &body[..length]).await;
    }

    async fn receive(&mut self) -> io::Result<(Header, Vec<u8>)> {
        let mut header = [0; HEADER_BYTES];
        self.stream.read_exact(&mut header).await?;
        let header = Header::decode(&header).unwrap();
        let mut payload = vec![0; header.length as usize];
        self.stream.read_exact(&mut payload).await?;
        Ok((header, payload))
    }

    /// The fault that the host sends next, and that it closes then.
    async fn fault(&mut self) -> FaultCode {
        let (header, payload) = self.receive().await.unwrap();
        assert_eq!(header.frame, FrameType::Fault);
        assert!(self.receive().await.is_err(), "the host closes after a fault");
        decode_body::<Fault>(&payload).unwrap().code
    }
}

const MASKED: Purpose = Purpose::Masked { prompt_bucket: 1, output_bucket: 1, chunk: 1 };

#[test]
fn an_honest_session_is_served_and_ends_quietly() {
    with_server(Limits::default(), |address| async move {
        let mut client = Client::connect(address).await;
        client.hello(MASKED, DIGEST).await;
        assert_eq!(client.receive().await.unwrap().0.frame, FrameType::Welcome);
        let mut payload = Vec::from(Block { index: 0, count: 1 }.encode());
        payload.extend((1..=4_u32).flat_map(u32::to_le_bytes));
        client.send(FrameType::Product, &payload).await;
        let (header, reply) = client.receive().await.unwrap();
        assert_eq!((header.frame, header.sequence), (FrameType::ProductReply, 1));
        // All weights are one: every row of attn_in sums the four words.
        let sums: Vec<u8> = [10_u32; 12].iter().flat_map(|w| w.to_le_bytes()).collect();
        assert_eq!(reply[8..], sums);
        client.send(FrameType::Bye, &[]).await;
        assert!(client.receive().await.is_err());
        None
    });
}

#[test]
fn refusals_say_why() {
    with_server(Limits::default(), |address| async move {
        let mut wrong_model = Client::connect(address).await;
        wrong_model.hello(MASKED, ModelDigest([7; 32])).await;
        assert_eq!(wrong_model.fault().await, FaultCode::Model);

        let mut too_long = Client::connect(address).await;
        let purpose = Purpose::Masked { prompt_bucket: 32, output_bucket: 2, chunk: 1 };
        too_long.hello(purpose, DIGEST).await;
        assert_eq!(too_long.fault().await, FaultCode::Limits);

        let mut too_many = Client::connect(address).await;
        too_many.hello(Purpose::Prepare { units: u32::MAX }, DIGEST).await;
        assert_eq!(too_many.fault().await, FaultCode::Limits);

        let mut out_of_order = Client::connect(address).await;
        out_of_order.hello(MASKED, DIGEST).await;
        out_of_order.receive().await.unwrap();
        let payload = [Block { index: 1, count: 1 }.encode().as_slice(), &[0; 16]].concat();
        out_of_order.send(FrameType::Product, &payload).await;
        assert_eq!(out_of_order.fault().await, FaultCode::Protocol);

        // A stranger to the protocol is dropped: there is no session to answer in.
        let mut stranger = TcpStream::connect(address).await.unwrap();
        stranger.write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n").await.unwrap();
        let mut rest = Vec::new();
        let _ = stranger.read_to_end(&mut rest).await;
        assert!(rest.is_empty());
        None
    });
}

#[test]
fn one_connection_too_many_is_told_that_the_host_is_busy() {
    let limits = Limits { sessions: 1, ..Limits::default() };
    with_server(limits, |address| async move {
        let mut first = Client::connect(address).await;
        first.hello(MASKED, DIGEST).await;
        first.receive().await.unwrap();
        let mut second = Client::connect(address).await;
        second.hello(MASKED, DIGEST).await;
        assert_eq!(second.fault().await, FaultCode::Busy);
        first.send(FrameType::Bye, &[]).await;
        assert!(first.receive().await.is_err());
        // The place is free again.
        for attempt in 0.. {
            let mut third = Client::connect(address).await;
            third.hello(MASKED, DIGEST).await;
            if third.receive().await.unwrap().0.frame == FrameType::Welcome {
                break;
            }
            assert!(attempt < 200, "the place was not freed");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        None
    });
}

#[test]
fn the_slow_and_the_half_open_are_dropped() {
    let limits = Limits {
        opening: Duration::from_millis(200),
        idle: Duration::from_millis(300),
        frame: Duration::from_millis(200),
        ..Limits::default()
    };
    with_server(limits, |address| async move {
        // Never says a word.
        let mut silent = TcpStream::connect(address).await.unwrap();
        assert_eq!(silent.read(&mut [0; 1]).await.unwrap_or(0), 0);
        // Stops within a frame.
        let mut dripping = TcpStream::connect(address).await.unwrap();
        dripping.write_all(b"SbRo").await.unwrap();
        assert_eq!(dripping.read(&mut [0; 1]).await.unwrap_or(0), 0);
        // Opens a session and falls asleep.
        let mut sleeper = Client::connect(address).await;
        sleeper.hello(MASKED, DIGEST).await;
        sleeper.receive().await.unwrap();
        assert_eq!(sleeper.fault().await, FaultCode::Deadline);
        None
    });
}

#[test]
fn a_host_that_stops_tells_its_sessions() {
    with_server(Limits::default(), |address| async move {
        let mut client = Client::connect(address).await;
        client.hello(MASKED, DIGEST).await;
        client.receive().await.unwrap();
        // The server is stopped when this returns; the session must not hold it up.
        tokio::spawn(async move {
            assert_eq!(client.fault().await, FaultCode::Shutdown);
        })
        .into()
    });
}
