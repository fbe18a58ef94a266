//! The memory of all sessions: held while there is work, given back however the work ends.

use crate::harness::{
    Client, HEAD, Host, MASKED, NEVER, PREPARE, SCARCE_MEMORY, unit_memory, until, with_server,
};
use host_server::server::Limits;
use host_server::session::SessionLimits;
use kernel::wire::{FaultCode, FrameType, MAX_PAYLOAD};
use std::time::Duration;
use tokio::io::AsyncWriteExt;

/// Memory for one unit of the head and a small one, not for two of the head.
const SCARCE: Limits = Limits {
    sessions: 8,
    sessions_per_address: 8,
    refusals: 1,
    memory: SCARCE_MEMORY,
    memory_per_address: SCARCE_MEMORY,
    wait: NEVER,
    opening: NEVER,
    idle: NEVER,
    frame: NEVER,
    session: NEVER,
    work: SessionLimits {
        units: 100_000,
        unit_bytes: usize::MAX,
        key_bytes: usize::MAX,
        product_bytes: usize::MAX,
    },
};

/// A client whose unit of the head is under way, all bodies but one there.
async fn half_a_unit(host: &Host) -> Client {
    let mut client = Client::open(host, PREPARE).await;
    assert_eq!(host.status().bytes, 0, "an open session holds nothing");
    client.unit(HEAD, 3).await;
    until(|| host.status().bytes == unit_memory(HEAD)).await;
    client
}

#[test]
fn a_finished_unit_and_an_answered_product_hold_nothing() {
    with_server(SCARCE, |host| async move {
        let mut preparing = half_a_unit(&host).await;
        preparing.bodies(3, 1).await;
        preparing.rows(HEAD).await;
        until(|| host.status().bytes == 0).await;

        let mut masked = Client::open(&host, MASKED).await;
        host.gate.close();
        masked.product().await;
        // 24 bytes of request, 4 words in, 12 out, each twice.
        until(|| host.status().bytes == 24 + 2 * 4 * (4 + 12)).await;
        host.gate.open();
        masked.receive().await.unwrap();
        until(|| host.status().bytes == 0).await;
        assert_eq!(host.status().sessions, 2);
        None
    });
}

#[test]
fn a_client_that_vanishes_frees_everything() {
    with_server(SCARCE, |host| async move {
        // Within its upload.
        drop(half_a_unit(&host).await);
        host.is_empty().await;
        // Within a frame of it.
        let mut client = half_a_unit(&host).await;
        let header = client.header(FrameType::UnitBodies, 1000);
        client.stream.write_all(&header).await.unwrap();
        drop(client);
        host.is_empty().await;
        // Within the reply, which is longer than the buffers of a socket.
        let mut client = half_a_unit(&host).await;
        client.bodies(3, 1).await;
        client.receive().await.unwrap();
        drop(client);
        host.is_empty().await;
        // With a product that is announced and never comes.
        let mut client = Client::open(&host, MASKED).await;
        let header = client.header(FrameType::Product, MAX_PAYLOAD);
        client.stream.write_all(&header).await.unwrap();
        until(|| host.status().bytes >= MAX_PAYLOAD).await;
        drop(client);
        host.is_empty().await;
        None
    });
}

#[test]
fn a_unit_whose_client_has_vanished_is_not_worked_out() {
    with_server(SCARCE, |host| async move {
        let mut client = half_a_unit(&host).await;
        host.gate.close();
        client.bodies(3, 1).await;
        until(|| host.gate.begun().len() == 1).await;
        drop(client);
        while host.status().sessions > 0 {
            host.gate.pass();
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        // 64 tiles of masks and 4 of bodies for each limb.
        assert!(host.gate.begun().len() < 2 * (64 + 4), "{}", host.gate.begun().len());
        host.is_empty().await;
        None
    });
}

#[test]
fn a_client_that_waits_for_memory_and_vanishes_leaves_the_line() {
    with_server(SCARCE, |host| async move {
        let mut first = half_a_unit(&host).await;
        let mut second = Client::open(&host, PREPARE).await;
        second.unit(HEAD, 3).await;
        until(|| host.status().waiting_for_memory == 1).await;
        drop(second);
        until(|| host.status().waiting_for_memory == 0 && host.status().sessions == 1).await;
        first.bodies(3, 1).await;
        first.rows(HEAD).await;
        None
    });
}

#[test]
fn a_refused_session_holds_nothing() {
    with_server(SCARCE, |host| async move {
        let mut client = half_a_unit(&host).await;
        client.bodies(2, 1).await;
        until(|| host.status().bytes == 0).await;
        assert_eq!(client.fault().await, FaultCode::Protocol);
        host.is_empty().await;
        None
    });
}

#[test]
fn work_waits_in_line_for_memory() {
    with_server(SCARCE, |host| async move {
        let mut first = half_a_unit(&host).await;
        let mut second = Client::open(&host, PREPARE).await;
        second.whole_unit(HEAD).await;
        until(|| host.status().waiting_for_memory == 1).await;
        assert_eq!(host.status().bytes, unit_memory(HEAD));
        // Products have memory of their own: a unit in line does not hold them up.
        let mut masked = Client::open(&host, MASKED).await;
        masked.product().await;
        assert_eq!(masked.receive().await.unwrap().0.frame, FrameType::ProductReply);
        assert_eq!(host.status().waiting_for_memory, 1);
        first.bodies(3, 1).await;
        first.rows(HEAD).await;
        second.rows(HEAD).await;
        until(|| host.status().bytes == 0).await;
        None
    });
}

#[test]
fn work_that_waits_too_long_is_told_that_the_host_is_busy() {
    let limits = Limits { wait: Duration::from_millis(50), ..SCARCE };
    with_server(limits, |host| async move {
        let mut first = half_a_unit(&host).await;
        let mut second = Client::open(&host, PREPARE).await;
        second.unit(HEAD, 1).await;
        assert_eq!(second.fault().await, FaultCode::Busy);
        until(|| host.status().sessions == 1).await;
        assert_eq!(host.status().bytes, unit_memory(HEAD));
        first.bodies(3, 1).await;
        first.rows(HEAD).await;
        None
    });
}
