//! Whoever answers is not a host, or not a good one: one clear error, and correlations burned once
//! a session is open, and kept before.

use crate::tool::{Bundles, Host, MODEL, NOBODY, OTHER, Outcome, Process, program, run, words};
use serde_json::Value;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

pub(crate) const HEADER: usize = 32;
/// 16 positions of the prompt's bucket and 4 of the answer.
const OPTIONS: &str = "--pace 0 --prompt-ids 0,84 --tokens 5 --method masked";
const TOKENS: u32 = 20;

/// Something that accepts connections on a free port until the test ends.
fn serve(answer: impl Fn(TcpStream) + Send + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    std::thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            answer(stream);
        }
    });
    address
}

/// Says `text` to whoever speaks, and hears it out.
fn stranger(text: Vec<u8>) -> String {
    serve(move |mut stream| {
        let _ = stream.read(&mut [0; 16]);
        let _ = stream.write_all(&text);
        let _ = stream.shutdown(std::net::Shutdown::Write);
        let _ = stream.read_to_end(&mut Vec::new());
    })
}

fn prepare(bundles: &Bundles, host: &str) -> Outcome {
    run(words(
        &format!("prepare --method masked --host {host} --tokens 200 --model"),
        &[&bundles.device()],
    ))
}

#[test]
fn strangers_are_no_hosts() {
    let bundles = Bundles::of(MODEL);
    bundles.provision(TOKENS);
    let whole = std::fs::read(bundles.store()).unwrap();
    let noise: Vec<u8> =
        (0..4096_u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    let header = |version: u8, kind: u8, length: u32| {
        let mut header = b"SbRo".to_vec();
        header.extend([version, kind, 1, 0]);
        header.extend([0; 20]);
        header.extend(length.to_le_bytes());
        header
    };
    for (text, said) in [
        (b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n".to_vec(), "not a subrosa frame"),
        (b"SSH-2.0-OpenSSH_9.2p1 Debian-2+deb12u3 and more\r\n".to_vec(), "not a subrosa frame"),
        (noise, "not a subrosa frame"),
        (header(2, 2, 32), "protocol version 2 is not supported (this build speaks version 1)"),
        (header(1, 99, 32), "unknown frame type"),
        (header(1, 2, (1 << 20) + 1), "frame length is wrong"),
        (header(1, 2, u32::MAX), "frame length is wrong"),
    ] {
        let host = stranger(text);
        let broke = "the host broke the protocol: ";
        prepare(&bundles, &host)
            .failed(1, &["preparing correlations failed: ", &host, broke, said]);
        let said = ["opening a session with ", &host, broke, said];
        run(bundles.generate(&host, OPTIONS)).failed(1, &said).one_line();
        assert_eq!(std::fs::read(bundles.store()).unwrap(), whole, "nothing was begun");
    }
}

/// A host that falls silent is waited for, and does not keep the program from ending.
#[cfg(unix)]
#[test]
fn a_silent_host_can_be_left() {
    let bundles = Bundles::of(MODEL);
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let host = silent.local_addr().unwrap().to_string();
    let line = words(
        &format!("prepare --method masked --host {host} --tokens 4 --model"),
        &[&bundles.device()],
    );
    let mut device = Process::start(&mut program(line));
    device.says("preparing 256 tokens");
    let (mut link, _) = silent.accept().unwrap();
    link.read_exact(&mut [0; HEADER]).unwrap();
    assert!(device.runs());
    device.signal("INT");
    assert_eq!(device.finish().code, Some(130));
}

/// One frame from a stream.
fn frame(stream: &mut TcpStream) -> Option<Vec<u8>> {
    let mut frame = vec![0; HEADER];
    stream.read_exact(&mut frame).ok()?;
    let length = u32::from_le_bytes(frame[28..].try_into().unwrap()) as usize;
    frame.resize(HEADER + length, 0);
    stream.read_exact(&mut frame[HEADER..]).ok()?;
    Some(frame)
}

/// A proxy before a host that lets `spoil` change frame `target` of what comes down, in its first
/// connection.
pub(crate) fn spoiling(host: &Host, target: usize, spoil: Spoil) -> String {
    tampering(host, move |index, frame| {
        if index == target {
            spoil(frame);
        }
    })
}

/// The same for all frames, by their numbers.
pub(crate) fn tampering(
    host: &Host,
    tamper: impl Fn(usize, &mut Vec<u8>) + Send + 'static,
) -> String {
    let host = host.address.clone();
    let links = Arc::new(AtomicUsize::new(0));
    serve(move |device| {
        let first = links.fetch_add(1, Ordering::Relaxed) == 0;
        let host = TcpStream::connect(&host).unwrap();
        let (mut from_device, mut to_host) =
            (device.try_clone().unwrap(), host.try_clone().unwrap());
        std::thread::spawn(move || {
            let _ = std::io::copy(&mut from_device, &mut to_host);
            let _ = to_host.shutdown(std::net::Shutdown::Both);
        });
        let (mut from_host, mut to_device) = (host, device);
        for index in 0.. {
            let Some(mut frame) = frame(&mut from_host) else { break };
            if first {
                tamper(index, &mut frame);
            }
            if to_device.write_all(&frame).is_err() {
                break;
            }
        }
        let _ = to_device.shutdown(std::net::Shutdown::Write);
    })
}

pub(crate) type Spoil = fn(&mut Vec<u8>);

/// What is wrong with a frame, and what is said of it.
const SPOILT: [(Spoil, &str); 5] = [
    (|frame| frame[4] = 2, "protocol version 2 is not supported"),
    (|frame| frame[24] += 1, "frame out of order"),
    (|frame| frame[8] ^= 1, "frame of another session"),
    (|frame| frame[28..32].copy_from_slice(&(1_u32 << 21).to_le_bytes()), "frame length is wrong"),
    (|frame| frame[HEADER + 8..HEADER + 16].fill(255), "residue at or above its modulus"),
];

#[test]
fn frames_that_are_spoilt_in_a_session() {
    let bundles = Bundles::of(MODEL);
    let host = Host::of(&bundles);
    let mut left = TOKENS * 6;
    bundles.provision(left);
    for (spoil, said) in SPOILT {
        let proxy = spoiling(&host, 7, spoil);
        run(bundles.generate(&proxy, OPTIONS))
            .failed(1, &["the session with the host ended early: ", said])
            .one_line();
        left -= TOKENS;
        assert_eq!(bundles.held(), left, "what the session reserved is burned, and no more");
    }
}

#[test]
fn frames_that_are_spoilt_in_a_preparation() {
    let bundles = Bundles::of(MODEL);
    let host = Host::of(&bundles);
    for (spoil, said) in SPOILT {
        // The welcome, then the first unit: its rows come in five frames.
        let proxy = spoiling(&host, 2, spoil);
        prepare(&bundles, &proxy).failed(1, &["preparing correlations failed: ", said]);
    }
    // Nothing of it is left, and nothing stands in the way.
    let line = words(
        &format!("prepare --method masked --host {NOBODY} --tokens 1 --model"),
        &[&bundles.device()],
    );
    run(line).failed(1, &["in 9 units", "connecting to "]);
    prepare(&bundles, &host.address).succeeded();
    assert_eq!(bundles.held(), 256);
}

#[test]
fn a_host_of_another_model_burns_nothing() {
    let (bundles, other) = (Bundles::of(MODEL), Bundles::of(OTHER));
    let host = Host::of(&other);
    bundles.provision(TOKENS);
    let said = ["it serves another model (the digests of the weights differ)"];
    run(bundles.generate(&host.address, OPTIONS)).failed(1, &said).one_line();
    prepare(&bundles, &host.address).failed(1, &said);
    assert_eq!(bundles.held(), TOKENS);
}

/// Computing that takes longer than the pace shows, so the report says how often it did.
#[test]
fn late_requests_are_counted() {
    let bundles = Bundles::of(MODEL);
    bundles.provision(4 * TOKENS);
    let host = Host::of(&bundles);
    let generate = |pace: &str| {
        let options = OPTIONS.replace("--pace 0", pace);
        run(bundles.generate(&host.address, &options)).succeeded()
    };
    // No decoder layer is computed within a microsecond.
    let late = generate("--pace 1").stderr;
    let number = late.split("pace ").nth(1).unwrap().trim_start();
    let number: u32 = number.split(' ').next().unwrap().parse().unwrap();
    // Eight groups in each of five steps, five heads, the goodbye.
    assert!((40..=46).contains(&number), "{late}");
    assert!(late.contains("requests left late: the device computed for longer than the pace"));
    assert!(!generate("--pace 0").stderr.contains("left late"));
    let counted = |pace: &str| {
        let report: Value = serde_json::from_str(&generate(pace).stdout).unwrap();
        report["online"]["late_requests"].as_u64()
    };
    assert!(counted("--json --pace 1").unwrap() >= 40);
    assert_eq!(counted("--json --pace 0"), None, "nothing is hidden, so nothing is late");
}
