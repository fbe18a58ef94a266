//! The memory of evaluation keys: set aside whole before the first is read, held while the session
//! lasts, given back however it ends.

use crate::harness::{CONFIG, Client, DIGEST, Host, NEVER, Ones, until, with_engine};
use host_server::engine::Engine;
use host_server::server::Limits;
use host_server::session::SessionLimits;
use kernel::accel::Reference;
use kernel::direct::DirectShape;
use kernel::params::ParameterId;
use kernel::schedule::Schedule;
use kernel::trace::session_automorphisms;
use kernel::wire::{
    BLOCK_PREFIX_BYTES, Block, DirectSeeds, FaultCode, FrameType, MAX_PAYLOAD, Purpose,
};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::AsyncWriteExt;

const SET: ParameterId = ParameterId::Direct4096;
const SEEDS: DirectSeeds = DirectSeeds { ciphertexts: [1; 32], keys: [2; 32] };
const DIRECT: Purpose =
    Purpose::Direct { seeds: SEEDS, prompt_bucket: 1, output_bucket: 1, chunk: 1 };

fn shape() -> DirectShape {
    DirectShape::of(SET).unwrap()
}

/// Exponents of the automorphisms whose keys a session of [`DIRECT`] needs.
fn exponents() -> Vec<u32> {
    let schedule = Schedule::new(&CONFIG, 1, 1, 1).unwrap();
    session_automorphisms(&CONFIG, &schedule, shape().degree).map(|g| g.exponent()).collect()
}

/// Bytes of one key as words, masks and bodies.
fn key_bytes() -> usize {
    2 * 4 * shape().elements() * shape().body_words()
}

/// All keys of a session, and one more that is on its way in.
fn all_keys() -> usize {
    (exponents().len() + 1) * key_bytes()
}

/// Memory for the keys of one session, not of two.
fn scarce() -> Limits {
    let memory = (4 * (all_keys() + key_bytes())).max(Limits::LEAST_MEMORY);
    Limits {
        sessions: 8,
        sessions_per_address: 8,
        refusals: 1,
        memory,
        memory_per_address: memory,
        wait: NEVER,
        opening: NEVER,
        idle: NEVER,
        frame: NEVER,
        session: NEVER,
        work: SessionLimits {
            units: 1,
            unit_bytes: usize::MAX,
            key_bytes: usize::MAX,
            product_bytes: usize::MAX,
        },
    }
}

fn with_direct<F>(limits: Limits, test: impl FnOnce(Host) -> F)
where
    F: Future<Output = Option<tokio::task::JoinHandle<()>>>,
{
    let reference = Arc::new(Reference::default());
    let engine = Engine::load_direct(reference, CONFIG, DIGEST, |_| Some(Ones)).unwrap();
    with_engine(engine, limits, test);
}

async fn connect(host: &Host) -> Client {
    let mut client = Client::connect(host).await;
    client.set = SET;
    client
}

/// One element of a key, all its residues 0.
async fn element(client: &mut Client, exponent: u32, element: usize) {
    let mut payload = Block { index: exponent, count: element as u32 }.encode().to_vec();
    payload.resize(BLOCK_PREFIX_BYTES + shape().body_bytes(), 0);
    client.send(FrameType::EvaluationKey, &payload).await;
}

/// A client that has sent its first key.
async fn one_key(host: &Host) -> Client {
    let mut client = connect(host).await.welcomed(DIRECT).await;
    for at in 0..shape().elements() {
        element(&mut client, exponents()[0], at).await;
    }
    client
}

#[test]
fn a_client_that_vanishes_among_its_keys_frees_everything() {
    with_direct(scarce(), |host| async move {
        let client = connect(&host).await.welcomed(DIRECT).await;
        assert_eq!(host.status().bytes, 0, "an open session holds nothing");
        drop(client);
        host.is_empty().await;
        // After a key, all of them set aside.
        let client = one_key(&host).await;
        until(|| host.status().bytes == all_keys()).await;
        drop(client);
        host.is_empty().await;
        // Within a key, and within a frame.
        let mut client = one_key(&host).await;
        element(&mut client, exponents()[1], 0).await;
        let header = client.header(FrameType::EvaluationKey, MAX_PAYLOAD);
        client.stream.write_all(&header).await.unwrap();
        client.stream.write_all(&[0; 1000]).await.unwrap();
        until(|| host.status().bytes == all_keys()).await;
        drop(client);
        host.is_empty().await;
        // With a first key that is announced and never comes.
        let mut client = connect(&host).await.welcomed(DIRECT).await;
        let header = client.header(FrameType::EvaluationKey, 1000);
        client.stream.write_all(&header).await.unwrap();
        until(|| host.status().bytes == all_keys()).await;
        drop(client);
        host.is_empty().await;
        None
    });
}

#[test]
fn keys_that_are_refused_hold_nothing() {
    with_direct(scarce(), |host| async move {
        let mut client = one_key(&host).await;
        element(&mut client, exponents()[1], 1).await;
        assert_eq!(client.fault().await, FaultCode::Protocol);
        host.is_empty().await;
        None
    });
}

#[test]
fn keys_wait_in_line_for_memory() {
    with_direct(scarce(), |host| async move {
        let first = one_key(&host).await;
        until(|| host.status().bytes == all_keys()).await;
        let mut second = connect(&host).await.welcomed(DIRECT).await;
        element(&mut second, exponents()[0], 0).await;
        until(|| host.status().waiting_for_memory == 1).await;
        assert_eq!(host.status().bytes, all_keys());
        drop(first);
        until(|| host.status().waiting_for_memory == 0 && host.status().sessions == 1).await;
        until(|| host.status().bytes == all_keys()).await;
        drop(second);
        host.is_empty().await;
        None
    });
    let limits = Limits { wait: Duration::from_millis(50), ..scarce() };
    with_direct(limits, |host| async move {
        let first = one_key(&host).await;
        until(|| host.status().bytes == all_keys()).await;
        let mut second = connect(&host).await.welcomed(DIRECT).await;
        element(&mut second, exponents()[0], 0).await;
        assert_eq!(second.fault().await, FaultCode::Busy);
        drop(first);
        host.is_empty().await;
        None
    });
}

/// Waiting would not help: the session is refused when it opens.
#[test]
fn keys_that_never_fit_are_beyond_the_limits() {
    let beyond = |change: fn(&mut Limits)| {
        let mut limits = scarce();
        change(&mut limits);
        with_direct(limits, |host| async move {
            let mut client = connect(&host).await;
            client.hello(DIRECT, DIGEST).await;
            assert_eq!(client.fault().await, FaultCode::Limits);
            host.is_empty().await;
            None
        });
    };
    assert!(all_keys() > Limits::LEAST_MEMORY / 4);
    beyond(|limits| limits.memory = Limits::LEAST_MEMORY);
    beyond(|limits| limits.memory_per_address = Limits::LEAST_MEMORY);
    beyond(|limits| limits.work.key_bytes = all_keys() - 1);
}
