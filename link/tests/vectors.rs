//! Known answers: both sides of the handshake and the records, against a model in Python that shares no
//! code with this crate (`tests/vectors/noise.py`).
#![expect(clippy::unwrap_used, reason = "test code")]

use link::noise::{HandshakeError, Initiator, Responder};
use link::record::{Incoming, Outgoing, RECORD_BYTES};
use link::{PublicKey, SecretKey};
use serde_json::Value;

fn cases() -> Vec<Value> {
    serde_json::from_str(include_str!("../../tests/vectors/noise.json")).unwrap()
}

fn bytes(value: &Value) -> Vec<u8> {
    let text = value.as_str().unwrap().as_bytes();
    let digit = |byte: u8| char::from(byte).to_digit(16).unwrap() as u8;
    text.chunks(2).map(|pair| digit(pair[0]) << 4 | digit(pair[1])).collect()
}

fn secret(case: &Value, name: &str) -> SecretKey {
    SecretKey::from_hex(case[name].as_str().unwrap()).unwrap()
}

fn public(case: &Value, name: &str) -> PublicKey {
    case[name].as_str().unwrap().parse().unwrap()
}

#[test]
fn handshakes_and_records() {
    let cases = cases();
    assert_eq!(cases.len(), 3);
    for case in cases {
        let (device, host) = (secret(&case, "device"), secret(&case, "host"));
        assert_eq!(device.public(), public(&case, "device_public"));
        assert_eq!(host.public(), public(&case, "host_public"));
        let ephemeral = secret(&case, "device_ephemeral");
        let (initiator, request) = Initiator::begin(&device, &host.public(), &ephemeral).unwrap();
        assert_eq!(request[..], bytes(&case["request"]));
        let responder =
            Responder::receive(&host, &secret(&case, "host_ephemeral"), &request).unwrap();
        assert_eq!(responder.device(), device.public());
        let (of_host, reply) = responder.finish().unwrap();
        assert_eq!(reply[..], bytes(&case["reply"]));
        let of_device = initiator.finish(&reply).unwrap();
        for (flow, out, inwards) in
            [("up", of_device.out, of_host.inwards), ("down", of_host.out, of_device.inwards)]
        {
            let records = case[flow].as_array().unwrap();
            assert!(!records.is_empty());
            let mut out = Outgoing::new(vec![0; RECORD_BYTES], out).unwrap();
            let mut inwards = Incoming::new(vec![0; RECORD_BYTES], inwards).unwrap();
            for record in records {
                let (plain, sealed) = (bytes(&record["plain"]), bytes(&record["record"]));
                assert_eq!(out.gather(&plain), Ok(plain.len()));
                out.seal().unwrap();
                assert_eq!(out.waiting(), sealed);
                out.left(sealed.len());
                assert_eq!(inwards.open(), Ok(false));
                inwards.room()[..sealed.len()].copy_from_slice(&sealed);
                inwards.came(sealed.len()).unwrap();
                assert_eq!(inwards.open(), Ok(true));
                let mut opened = [0; RECORD_BYTES];
                let count = inwards.take(&mut opened);
                assert_eq!(opened[..count], plain);
            }
        }
    }
}

/// Every bit of both messages counts, and so does every key.
#[test]
fn nothing_else_is_accepted() {
    let case = &cases()[0];
    let (device, host) = (secret(case, "device"), secret(case, "host"));
    let begin = || {
        let ephemeral = secret(case, "device_ephemeral");
        Initiator::begin(&device, &host.public(), &ephemeral).unwrap()
    };
    let receive = |host: &SecretKey, request: &[u8; 96]| {
        Responder::receive(host, &secret(case, "host_ephemeral"), request)
    };
    let (_, request) = begin();
    for at in 0..request.len() {
        let mut changed = request;
        changed[at] ^= 1 << (at % 7);
        assert_eq!(receive(&host, &changed).err(), Some(HandshakeError), "byte {at}");
    }
    assert_eq!(receive(&device, &request).err(), Some(HandshakeError), "another host's key");
    let (_, reply) = receive(&host, &request).unwrap().finish().unwrap();
    for at in 0..reply.len() {
        let mut changed = reply;
        changed[at] ^= 1 << (at % 7);
        assert_eq!(begin().0.finish(&changed).err(), Some(HandshakeError), "byte {at}");
    }
    // The answer to another request.
    let other = Initiator::begin(&device, &host.public(), &SecretKey::from_bytes([9; 32])).unwrap();
    assert_eq!(other.0.finish(&reply).err(), Some(HandshakeError));
    assert!(begin().0.finish(&reply).is_ok());
}

/// A point of small order makes a secret that anybody knows: as a host's key, a device's ephemeral key and
/// a host's.
#[test]
fn points_of_small_order_are_refused() {
    let case = &cases()[0];
    let (device, host) = (secret(case, "device"), secret(case, "host"));
    let ephemeral = || secret(case, "device_ephemeral");
    let one = {
        let mut one = [0; 32];
        one[0] = 1;
        one
    };
    for point in [[0; 32], one] {
        let begun = Initiator::begin(&device, &PublicKey(point), &ephemeral());
        assert_eq!(begun.err(), Some(HandshakeError));
        let (initiator, mut request) =
            Initiator::begin(&device, &host.public(), &ephemeral()).unwrap();
        request[..32].copy_from_slice(&point);
        assert_eq!(Responder::receive(&host, &ephemeral(), &request).err(), Some(HandshakeError));
        let mut reply = [0; 48];
        reply[..32].copy_from_slice(&point);
        assert_eq!(initiator.finish(&reply).err(), Some(HandshakeError));
    }
}

#[test]
fn keys_are_64_digits() {
    let key = SecretKey::from_bytes([0xab; 32]).public();
    let text = key.to_string();
    assert_eq!((text.len(), text.parse(), text.to_uppercase().parse()), (64, Ok(key), Ok(key)));
    for bad in ["", &text[1..], &format!("{text}0"), &text.replace(char::is_alphabetic, "g")] {
        assert!(bad.parse::<PublicKey>().is_err(), "{bad}");
        assert!(SecretKey::from_hex(bad).is_err(), "{bad}");
    }
    assert!("é".repeat(32).parse::<PublicKey>().is_err());
}
