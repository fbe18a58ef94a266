//! Keys and ciphertexts that a host refuses.

use super::{good, is, refused, run, seed, send, with_payload};
use crate::faults::device;
use crate::harness::link::{Loopback, honest};
use crate::harness::model::TINY;
use crate::harness::now;
use crate::harness::random::Rng;
use crate::harness::run::Set;
use crate::harness::store::provisioned;
use kernel::direct::DirectShape;
use kernel::params::{DirectSet, ParameterId, ParameterSet};
use kernel::wire::{
    BLOCK_PREFIX_BYTES, FrameType, HEADER_BYTES, Hello, Purpose, WireError, decode_body, pack_body,
    packed_bits_len, unpack_body,
};

const AT: usize = HEADER_BYTES + BLOCK_PREFIX_BYTES;

fn first_product(up: &[Vec<u8>]) -> usize {
    up.iter().position(|frame| is(frame, FrameType::Product)).unwrap()
}

fn resized(frame: &[u8], by: isize) -> Vec<u8> {
    let mut frame = frame.to_vec();
    device::resize(&mut frame, by);
    frame
}

/// A frame with one residue of its first body replaced.
fn with_residue(frame: &[u8], limb: usize, at: usize, value: u32) -> Vec<u8> {
    let shape = DirectShape::of_set::<Set>();
    let mut frame = frame.to_vec();
    let mut words = vec![0; shape.body_words()];
    let packed = &mut frame[AT..][..shape.body_bytes()];
    unpack_body(&shape, packed, &mut words).unwrap();
    words[limb * shape.degree + at] = value;
    pack_body(&shape, &words, packed).unwrap();
    frame
}

#[test]
fn keys() {
    let up = good(1);
    let products = first_product(&up);
    let changed = |change: &dyn Fn(&mut Vec<Vec<u8>>)| {
        let mut frames = up.clone();
        change(&mut frames);
        frames
    };
    assert_eq!(send(&up).1, None);
    let order = |what: &str, change: &dyn Fn(&mut Vec<Vec<u8>>)| {
        refused(what, WireError::Order, &changed(change));
    };
    order("exchanged", &|up| up.swap(1, 2));
    order("the last two exchanged", &|up| up.swap(products - 1, products - 2));
    order("whole keys exchanged", &|up| up[1..products].rotate_left(Set::GADGET));
    order("twice", &|up| up.insert(2, up[1].clone()));
    order("the last twice", &|up| up.insert(products, up[products - 1].clone()));
    order("the first left out", &|up| drop(up.remove(1)));
    order("the last left out", &|up| drop(up.remove(products - 1)));
    order("none", &|up| drop(up.drain(1..products)));
    order("after a product", &|up| up.insert(products + 1, up[products - 1].clone()));
    order("before the opening", &|up| up.swap(0, 1));
    order("a goodbye among them", &|up| up.insert(4, up[up.len() - 1].clone()));
    order("an opening among them", &|up| up.insert(4, up[0].clone()));
    for (at, by) in [(0, 2), (0, 1), (3, 128), (4, 1), (7, 255)] {
        order("another automorphism or element", &|up| up[1][HEADER_BYTES + at] ^= by);
    }

    let body = DirectShape::of_set::<Set>().body_bytes() as isize;
    for by in [-1, 1, -body, body, -body - 1, 7] {
        for at in [1, products - 1] {
            let frames = changed(&|up| up[at] = resized(&up[at], by));
            refused("a key of another length", WireError::Length, &frames);
        }
    }
    refused("nothing", WireError::Length, &changed(&|up| up[1] = with_payload(&up[1], &[])));
    for (limb, shape) in DirectShape::of_set::<Set>().limbs().iter().enumerate() {
        for at in [0, 1, Set::N - 1] {
            for value in [shape.modulus, u32::MAX >> (32 - shape.bits)] {
                let frames = changed(&|up| up[3] = with_residue(&up[3], limb, at, value));
                refused("a residue too large", WireError::Residue, &frames);
            }
            let frames = changed(&|up| up[3] = with_residue(&up[3], limb, at, shape.modulus - 1));
            assert_eq!(send(&frames).1, None, "the largest residue is one");
        }
    }
    // Of another set, whose keys would be shorter.
    for set in [ParameterId::InsecureDirect8, ParameterId::Direct4096, ParameterId::Masked256x16] {
        let frames = changed(&|up| up[1][6] = set as u8);
        refused("a key of another set", WireError::Session, &frames);
        if DirectShape::of(set).is_some() {
            let frames = changed(&|up| up.iter_mut().for_each(|frame| frame[6] = set as u8));
            // Other degrees have other automorphisms, or bodies of another length.
            let refusal = send(&frames).1.unwrap();
            let wire = refusal.wire.unwrap();
            assert!(matches!(wire, WireError::Order | WireError::Length), "{set:?}: {refusal}");
        }
    }
}

#[test]
fn ciphertexts() {
    let up = good(1);
    let products = first_product(&up);
    let spoilt = |at: usize, frame: Vec<u8>| [&up[..at], &[frame]].concat();
    let shape = DirectShape::of_set::<Set>();
    let body = shape.body_bytes();
    let lower: usize = shape.limbs()[..2].iter().map(|l| packed_bits_len(l.bits, Set::N)).sum();
    let last = up.len() - 2;
    for at in [products, products + 2, last] {
        let frame = &up[at];
        for (limb, of) in shape.limbs().iter().enumerate() {
            for coefficient in [0, Set::N - 1] {
                for value in [of.modulus, u32::MAX >> (32 - of.bits)] {
                    let bad = with_residue(frame, limb, coefficient, value);
                    refused("a residue too large", WireError::Residue, &spoilt(at, bad));
                }
            }
        }
        let body_by = body as isize;
        for by in [-1, 1, -body_by, body_by] {
            refused("length", WireError::Length, &spoilt(at, resized(frame, by)));
        }
        // A ciphertext at a lower level has fewer limbs; one in masked mode has words of t.
        let short = with_payload(frame, &frame[HEADER_BYTES..][..BLOCK_PREFIX_BYTES + lower]);
        refused("fewer limbs", WireError::Length, &spoilt(at, short));
        let masked = with_payload(frame, &frame[HEADER_BYTES..][..BLOCK_PREFIX_BYTES + 4 * 14]);
        refused("masked words", WireError::Length, &spoilt(at, masked));
        for (place, by) in [(0, 1), (0, 7), (3, 255), (4, 1), (4, 3), (7, 128)] {
            let mut bad = frame.clone();
            bad[HEADER_BYTES + place] ^= by;
            refused("another group or tokens", WireError::Order, &spoilt(at, bad));
        }
    }
    refused("one twice", WireError::Order, &spoilt(products + 1, up[products].clone()));
    let more = [&up[..=last], &[up[last].clone()]].concat();
    refused("one too many", WireError::Order, &more);
}

/// In mixed mode each product has the form that is due.
#[test]
fn the_other_form_of_a_product() {
    let run = run();
    let host = Loopback::new(&TINY.engine, honest());
    let mut store = provisioned(&TINY, &run.schedule, 1, &mut Rng(1));
    now(run.mixed_over(&mut store, seed(1), 2, host.clone(), |_, _| {})).unwrap();
    let (mixed, direct) = (host.up(), good(1));
    let products = first_product(&mixed);
    assert_eq!(products, first_product(&direct));
    let Purpose::Mixed { masked, .. } =
        decode_body::<Hello>(&mixed[0][HEADER_BYTES..]).unwrap().purpose
    else {
        panic!("another purpose");
    };
    assert_eq!(masked, 2);
    for at in [products, products + 1] {
        let frames = [&mixed[..at], &[direct[at].clone()]].concat();
        refused("a ciphertext for a masked product", WireError::Length, &frames);
        let frames = [&direct[..at], &[mixed[at].clone()]].concat();
        refused("masked words for a direct product", WireError::Length, &frames);
    }
}
