//! Openings: who is served, and who is refused with what word.

use crate::harness::{Client, DIGEST, MASKED, NEVER, PREPARE, SCARCE_MEMORY, until, with_server};
use host_server::server::Limits;
use kernel::bundle::ModelDigest;
use kernel::params::ParameterId;
use kernel::wire::{Block, FaultCode, FrameType, Purpose};
use std::io::ErrorKind;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

#[test]
fn an_honest_session_is_served_and_ends_quietly() {
    with_server(Limits::default(), |host| async move {
        let mut client = Client::open(&host, MASKED).await;
        client.product().await;
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
    with_server(Limits::default(), |host| async move {
        let mut wrong_model = Client::connect(&host).await;
        wrong_model.hello(MASKED, ModelDigest([7; 32])).await;
        assert_eq!(wrong_model.fault().await, FaultCode::Model);

        let mut too_long = Client::connect(&host).await;
        let purpose = Purpose::Masked { prompt_bucket: 32, output_bucket: 2, chunk: 1 };
        too_long.hello(purpose, DIGEST).await;
        assert_eq!(too_long.fault().await, FaultCode::Limits);

        let mut too_many = Client::connect(&host).await;
        too_many.hello(Purpose::Prepare { units: u32::MAX }, DIGEST).await;
        assert_eq!(too_many.fault().await, FaultCode::Limits);

        let mut out_of_order = Client::open(&host, MASKED).await;
        let payload = [Block { index: 1, count: 1 }.encode().as_slice(), &[0; 16]].concat();
        out_of_order.send(FrameType::Product, &payload).await;
        assert_eq!(out_of_order.fault().await, FaultCode::Protocol);

        // A stranger to the protocol is dropped: there is no session to answer in.
        let mut stranger = TcpStream::connect(host.address).await.unwrap();
        stranger.write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n").await.unwrap();
        let mut rest = Vec::new();
        let _ = stranger.read_to_end(&mut rest).await;
        assert!(rest.is_empty());
        None
    });
}

#[test]
fn a_unit_above_the_memory_is_refused_at_once() {
    let memory = SCARCE_MEMORY;
    let limits = Limits { memory, wait: NEVER, ..Limits::default() };
    with_server(limits, |host| async move {
        // 300 rows of 4096 tokens take 19.7 MB, and the part for units is 18 MiB.
        let mut large = Client::connect(&host).await;
        large.set = ParameterId::Masked4096x1;
        large.hello(PREPARE, DIGEST).await;
        assert_eq!(large.fault().await, FaultCode::Limits);
        Client::open(&host, PREPARE).await;
        None
    });
}

#[test]
fn one_session_too_many_is_told_that_the_host_is_busy() {
    let limits = Limits { sessions: 1, ..Limits::default() };
    with_server(limits, |host| async move {
        let mut first = Client::open(&host, MASKED).await;
        let mut second = Client::connect(&host).await;
        second.hello(MASKED, DIGEST).await;
        assert_eq!(second.fault().await, FaultCode::Busy);
        first.send(FrameType::Bye, &[]).await;
        assert!(first.receive().await.is_err());
        // The place is free again.
        host.is_empty().await;
        Client::open(&host, MASKED).await;
        None
    });
}

#[test]
fn one_socket_too_many_is_closed_at_once() {
    let limits = Limits { sessions: 1, refusals: 1, opening: NEVER, ..Limits::default() };
    with_server(limits, |host| async move {
        let _first = Client::open(&host, MASKED).await;
        // It waits to be refused, and never says a word.
        let second = Client::connect(&host).await;
        until(|| host.status().sockets == 2).await;
        Client::connect(&host).await.dropped().await;
        assert_eq!(host.status().sockets, 2);
        drop(second);
        until(|| host.status().sockets == 1).await;
        let mut fourth = Client::connect(&host).await;
        fourth.hello(MASKED, DIGEST).await;
        assert_eq!(fourth.fault().await, FaultCode::Busy);
        None
    });
}

#[test]
fn limits_that_let_nobody_through_are_refused() {
    let good = Limits::default();
    good.check().unwrap();
    for limits in [
        Limits { sessions: 0, ..good },
        Limits { sessions_per_address: 0, ..good },
        Limits { memory: Limits::LEAST_MEMORY - 1, ..good },
        Limits { memory_per_address: Limits::LEAST_MEMORY - 1, ..good },
    ] {
        assert_eq!(limits.check().unwrap_err().kind(), ErrorKind::InvalidInput, "{limits:?}");
    }
}
