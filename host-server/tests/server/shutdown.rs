//! A stop: what runs is finished, every peer is told, and nobody can hold it up.

use crate::harness::{Client, HEAD, MASKED, NEVER, PREPARE, SCARCE_MEMORY, until, with_server};
use host_server::server::Limits;
use kernel::wire::{FaultCode, FrameType};
use tokio::io::AsyncWriteExt;

#[test]
fn sessions_are_told() {
    with_server(Limits::default(), |host| async move {
        let mut client = Client::open(&host, MASKED).await;
        // The server is stopped when this returns; the session must not hold it up.
        tokio::spawn(async move {
            assert_eq!(client.fault().await, FaultCode::Shutdown);
        })
        .into()
    });
}

#[test]
fn running_tiles_are_finished() {
    with_server(Limits::default(), |host| async move {
        host.gate.close();
        let mut preparing = Client::open(&host, PREPARE).await;
        preparing.whole_unit(HEAD).await;
        until(|| host.gate.begun().len() == 1).await;
        let mut masked = Client::open(&host, MASKED).await;
        masked.product().await;
        until(|| host.status().waiting_for_turn == 1).await;
        host.stop();
        // The listener is closed first; then nothing ends before the tile does.
        until(|| std::net::TcpStream::connect(host.address).is_err()).await;
        assert_eq!(host.status().sessions, 2);
        host.gate.open();
        // The product that was asked for is answered; the unit ends with its tile.
        assert_eq!(masked.receive().await.unwrap().0.frame, FrameType::ProductReply);
        assert_eq!(masked.fault().await, FaultCode::Shutdown);
        assert_eq!(preparing.fault().await, FaultCode::Shutdown);
        assert_eq!(host.gate.begun(), [(HEAD, 64), (0, 1)]);
        None
    });
}

#[test]
fn nobody_holds_it_up() {
    let memory = SCARCE_MEMORY;
    let limits = Limits { frame: NEVER, wait: NEVER, memory, ..Limits::default() };
    with_server(limits, |host| async move {
        // One within a frame, one within a unit, one that waits for memory.
        let mut dripping = Client::open(&host, MASKED).await;
        dripping.stream.write_all(b"SbRo").await.unwrap();
        let mut uploading = Client::open(&host, PREPARE).await;
        uploading.unit(HEAD, 3).await;
        until(|| host.status().bytes > 0).await;
        let mut waiting = Client::open(&host, PREPARE).await;
        waiting.unit(HEAD, 3).await;
        until(|| host.status().waiting_for_memory == 1).await;
        host.stop();
        host.is_empty().await;
        for client in [&mut dripping, &mut uploading, &mut waiting] {
            client.closed().await;
        }
        None
    });
}

#[test]
fn who_waits_for_memory_is_told_before_tiles_are_finished() {
    let memory = SCARCE_MEMORY;
    let limits = Limits { wait: NEVER, memory, ..Limits::default() };
    with_server(limits, |host| async move {
        host.gate.close();
        let mut preparing = Client::open(&host, PREPARE).await;
        preparing.whole_unit(HEAD).await;
        until(|| host.gate.begun().len() == 1).await;
        let mut waiting = Client::open(&host, PREPARE).await;
        waiting.unit(HEAD, 1).await;
        until(|| host.status().waiting_for_memory == 1).await;
        host.stop();
        until(|| host.status().sessions == 1).await;
        host.gate.open();
        assert_eq!(preparing.fault().await, FaultCode::Shutdown);
        waiting.closed().await;
        None
    });
}
