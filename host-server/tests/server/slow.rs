//! Slow and half-open peers are dropped, and hold nothing any more.

use crate::harness::{Client, HEAD, MASKED, NEVER, PREPARE, until, with_server};
use host_server::server::Limits;
use kernel::wire::{Fault, FaultCode, FrameType, decode_body};
use std::time::Duration;
use tokio::io::AsyncWriteExt;

const SHORT: Duration = Duration::from_millis(200);

/// No limit of time but those that a test sets.
fn patient() -> Limits {
    Limits { opening: NEVER, idle: NEVER, frame: NEVER, session: NEVER, ..Limits::default() }
}

#[test]
fn who_never_says_a_word() {
    with_server(Limits { opening: SHORT, ..patient() }, |host| async move {
        Client::connect(&host).await.dropped().await;
        None
    });
}

#[test]
fn who_stops_within_a_frame() {
    with_server(Limits { frame: SHORT, ..patient() }, |host| async move {
        // Within the first header, and within a later payload.
        let mut client = Client::connect(&host).await;
        client.stream.write_all(b"SbRo").await.unwrap();
        client.dropped().await;
        let mut client = Client::open(&host, MASKED).await;
        let header = client.header(FrameType::Product, 24);
        client.stream.write_all(&header).await.unwrap();
        client.dropped().await;
        host.is_empty().await;
        None
    });
}

#[test]
fn who_writes_a_frame_byte_by_byte() {
    with_server(Limits { frame: SHORT, ..patient() }, |host| async move {
        let mut client = Client::open(&host, MASKED).await;
        let header = client.header(FrameType::Product, 1 << 20);
        client.stream.write_all(&header).await.unwrap();
        until(|| host.status().bytes > 0).await;
        while client.stream.write_all(&[0]).await.is_ok() {
            tokio::time::sleep(SHORT / 20).await;
        }
        host.is_empty().await;
        None
    });
}

#[test]
fn who_falls_asleep_between_frames() {
    with_server(Limits { idle: SHORT, ..patient() }, |host| async move {
        let mut client = Client::open(&host, MASKED).await;
        assert_eq!(client.fault().await, FaultCode::Deadline);
        None
    });
}

#[test]
fn who_falls_asleep_within_a_unit() {
    // Not the idle time counts here: memory is held.
    with_server(Limits { frame: SHORT, ..patient() }, |host| async move {
        let mut client = Client::open(&host, PREPARE).await;
        client.unit(0, 1).await;
        assert_eq!(client.fault().await, FaultCode::Deadline);
        host.is_empty().await;
        None
    });
}

#[test]
fn who_sends_a_unit_in_small_frames_with_long_pauses() {
    with_server(Limits { frame: SHORT, ..patient() }, |host| async move {
        let mut client = Client::open(&host, PREPARE).await;
        client.unit(0, 1).await;
        // Every frame is quick enough, and the unit as a whole is not: 600 ms are too long for it.
        for first in 1..4 {
            tokio::time::sleep(SHORT).await;
            let frame = client.bodies_frame(first, 1);
            let _ = client.stream.write_all(&frame).await;
        }
        // The reason is lost if a frame meets a socket that is closed; rows there are never.
        if let Ok((header, _)) = client.receive().await {
            assert_eq!(header.frame, FrameType::Fault);
        }
        host.is_empty().await;
        None
    });
}

#[test]
fn who_does_not_read() {
    with_server(Limits { frame: SHORT, ..patient() }, |host| async move {
        let mut client = Client::open(&host, PREPARE).await;
        client.whole_unit(HEAD).await;
        until(|| host.status().bytes > 0).await;
        host.is_empty().await;
        client.closed().await;
        None
    });
}

#[test]
fn who_stays_for_too_long() {
    with_server(Limits { session: SHORT, ..patient() }, |host| async move {
        let mut client = Client::open(&host, PREPARE).await;
        loop {
            client.whole_unit(0).await;
            let (header, payload) = client.receive().await.unwrap();
            if header.frame == FrameType::Fault {
                break assert_eq!(decode_body(&payload), Ok(Fault { code: FaultCode::Deadline }));
            }
        }
        host.is_empty().await;
        None
    });
}
