use super::*;
use core::convert::Infallible;
use core::future::Future;
use core::pin::pin;
use core::task::{Context, Poll, Waker};
use embedded_io_async::ErrorType;
use kernel::params::ParameterId;
use kernel::wire::{SessionId, encode_body};
use proptest::prelude::*;
use std::vec;
use std::vec::Vec;

/// A stream that gives at most `step` bytes at a time, and writes down what it gets.
struct Pipe {
    heard: Vec<u8>,
    step: usize,
    said: Vec<u8>,
    /// Lengths of what was said when it was flushed.
    flushed: Vec<usize>,
}

impl Pipe {
    const fn hearing(heard: Vec<u8>, step: usize) -> Self {
        Self { heard, step, said: Vec::new(), flushed: Vec::new() }
    }
}

impl ErrorType for Pipe {
    type Error = Infallible;
}

impl Read for Pipe {
    async fn read(&mut self, out: &mut [u8]) -> Result<usize, Infallible> {
        let count = out.len().min(self.step).min(self.heard.len());
        let rest = self.heard.split_off(count);
        out[..count].copy_from_slice(&self.heard);
        self.heard = rest;
        Ok(count)
    }
}

impl Write for Pipe {
    async fn write(&mut self, bytes: &[u8]) -> Result<usize, Infallible> {
        let count = bytes.len().min(self.step);
        self.said.extend(&bytes[..count]);
        Ok(count)
    }

    async fn flush(&mut self) -> Result<(), Infallible> {
        self.flushed.push(self.said.len());
        Ok(())
    }
}

/// A future over such a stream never waits.
fn now<F: Future>(future: F) -> F::Output {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => output,
        Poll::Pending => panic!("a future over a stream that is there waits"),
    }
}

fn frame(frame: FrameType, payload: &[u8]) -> Vec<u8> {
    let header = Header {
        frame,
        set: ParameterId::Masked256x16,
        session: SessionId([3; 16]),
        sequence: 5,
        length: payload.len() as u32,
    };
    [&header.encode()[..], payload].concat()
}

fn payload(length: usize) -> Vec<u8> {
    (0..length).map(|i| (i * 7) as u8).collect()
}

proptest! {
    /// However a payload is divided, it is the same, and so is what is left of it.
    #[test]
    fn payloads_come_in_any_parts(
        parts in prop::collection::vec(0_usize..40, 0..8),
        step in 1_usize..50,
    ) {
        let length = parts.iter().sum();
        let bytes = frame(FrameType::UnitRows, &payload(length));
        let mut transport = Transport::new(Pipe::hearing([&bytes[..], &bytes].concat(), step));
        for round in 1..3 {
            let header = now(transport.receive_header()).unwrap();
            prop_assert_eq!((header.frame, header.length as usize), (FrameType::UnitRows, length));
            let mut left = length;
            let mut found = Vec::new();
            for &part in &parts {
                prop_assert_eq!(transport.payload_left(), left);
                let mut bytes = vec![0; part];
                now(transport.receive_part(&mut bytes)).unwrap();
                found.extend(bytes);
                left -= part;
            }
            prop_assert_eq!((transport.payload_left(), found), (0, payload(length)));
            prop_assert_eq!(transport.bytes_down, (round * bytes.len()) as u64);
        }
        prop_assert_eq!(now(transport.receive_header()), Err(TransportError::Closed));
    }

    /// A frame that leaves in parts is the bytes that it is as a whole.
    #[test]
    fn frames_leave_in_any_parts(cuts in prop::collection::vec(0_usize..140, 0..6), step in 1_usize..50) {
        let bytes = frame(FrameType::UnitBodies, &payload(100));
        let mut places: Vec<_> = cuts.into_iter().map(|at| at.min(bytes.len())).collect();
        places.extend([0, bytes.len()]);
        places.sort_unstable();
        let mut transport = Transport::new(Pipe::hearing(Vec::new(), step));
        for part in places.windows(2) {
            now(transport.send_part(&bytes[part[0]..part[1]])).unwrap();
        }
        prop_assert!(transport.io.flushed.is_empty());
        now(transport.flush()).unwrap();
        now(transport.send(&bytes)).unwrap();
        prop_assert_eq!(transport.bytes_up, 2 * bytes.len() as u64);
        prop_assert_eq!(&transport.io.said, &[&bytes[..], &bytes].concat());
        prop_assert_eq!(&transport.io.flushed, &[bytes.len(), 2 * bytes.len()]);
    }
}

#[test]
fn no_part_is_longer_than_what_is_left() {
    let bytes = frame(FrameType::UnitRows, &payload(10));
    let mut transport = Transport::new(Pipe::hearing(bytes.clone(), 64));
    let length = Err(TransportError::Wire(WireError::Length));
    assert_eq!(now(transport.receive_part(&mut [0])), length);
    now(transport.receive_header()).unwrap();
    assert_eq!(now(transport.receive_part(&mut [0; 11])), length);
    // Nothing was read by that.
    let mut part = [0; 9];
    now(transport.receive_part(&mut part)).unwrap();
    assert_eq!(part, payload(10)[..9]);
    // The next header is not looked for within a payload.
    assert_eq!(now(transport.receive_header()).err(), length.err());
    now(transport.receive_part(&mut [0])).unwrap();
    assert_eq!(now(transport.receive_header()), Err(TransportError::Closed));

    // A whole frame, into less than it is.
    let mut transport = Transport::new(Pipe::hearing(bytes, 64));
    let received = now(transport.receive(&mut [0; 9])).map(|(header, _)| header);
    assert_eq!(received, Err(TransportError::Wire(WireError::Length)));
}

#[test]
fn faults_are_errors_and_broken_frames_are_noticed() {
    let mut body = [0; 8];
    let fault = Fault { code: FaultCode::Busy };
    let length = encode_body(&fault, &mut body).unwrap();
    let header = |bytes: Vec<u8>| now(Transport::new(Pipe::hearing(bytes, 64)).receive_header());
    let said = frame(FrameType::Fault, &body[..length]);
    assert_eq!(header(said.clone()), Err(TransportError::Fault(fault)));
    assert_eq!(header(said[..HEADER_BYTES].to_vec()), Err(TransportError::Closed));
    assert_eq!(header(said[..5].to_vec()), Err(TransportError::Closed));
    let long = frame(FrameType::Fault, &payload(FAULT_BYTES + 1));
    assert_eq!(header(long), Err(TransportError::Wire(WireError::Length)));
    let other = frame(FrameType::Fault, &[99]);
    assert_eq!(header(other), Err(TransportError::Wire(WireError::Body)));

    let mut transport = Transport::new(Pipe::hearing(frame(FrameType::UnitRows, &[1, 2]), 64));
    now(transport.receive_header()).unwrap();
    transport.io.heard.pop();
    assert_eq!(now(transport.receive_part(&mut [0; 2])), Err(TransportError::Closed));
}
