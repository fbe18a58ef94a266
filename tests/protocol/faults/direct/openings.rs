//! Openings that a host refuses.

use super::{refused, run, send};
use crate::harness::link::{Loopback, honest};
use crate::harness::model::TINY;
use crate::harness::now;
use crate::harness::run::Set;
use crate::harness::wire;
use embedded_io_async::Write;
use kernel::params::{ParameterId, ParameterSet};
use kernel::trace::{Layout, session_products};
use kernel::wire::{
    DirectSeeds, FaultCode, FrameType, Header, Hello, MAX_PAYLOAD, Purpose, ReplyFrames, WireError,
    encode_body,
};

fn hello(purpose: Purpose, set: ParameterId) -> Vec<u8> {
    opening(&Hello { purpose, ..good_hello() }, set)
}

fn good_hello() -> Hello {
    Hello {
        digest: TINY.engine.digest(),
        purpose: direct(2, 1, 2),
        answered: 0,
        max_payload: MAX_PAYLOAD as u32,
    }
}

fn opening(hello: &Hello, set: ParameterId) -> Vec<u8> {
    let mut body = [0; 256];
    let length = encode_body(hello, &mut body).unwrap();
    let header = Header { frame: FrameType::Hello, set, session: run().id, sequence: 0, length: 0 };
    wire::frame(header, &body[..length])
}

const SEEDS: DirectSeeds = DirectSeeds { ciphertexts: [1; 32], keys: [2; 32] };

const fn direct(prompt_bucket: u32, output_bucket: u32, chunk: u32) -> Purpose {
    Purpose::Direct { seeds: SEEDS, prompt_bucket, output_bucket, chunk }
}

const fn mixed(masked: u32) -> Purpose {
    Purpose::Mixed { seeds: SEEDS, prompt_bucket: 2, output_bucket: 1, chunk: 2, masked }
}

#[test]
fn openings() {
    let accepted = |frame: Vec<u8>| assert_eq!(send(&[frame]).1, None);
    accepted(hello(direct(2, 1, 2), Set::ID));
    let limits = |what: &str, frame: Vec<u8>| refused(what, FaultCode::Limits, &[frame]);
    for set in [ParameterId::InsecureMasked16x1, ParameterId::Masked256x16] {
        limits("direct mode under a masked set", hello(direct(2, 1, 2), set));
        limits("mixed mode under a masked set", hello(mixed(3), set));
    }
    for set in [Set::ID, ParameterId::Direct4096, ParameterId::InsecureDirect8] {
        let masked = Purpose::Masked { prompt_bucket: 2, output_bucket: 1, chunk: 2 };
        limits("masked mode under a direct set", hello(masked, set));
        limits("units under a direct set", hello(Purpose::Prepare { units: 1 }, set));
    }
    for (prompt, output, chunk) in [
        (0, 1, 1),
        (1, 0, 1),
        (1, 1, 0),
        (64, 2, 1),
        (u32::MAX, 1, 1),
        (1, u32::MAX, 1),
        (u32::MAX, u32::MAX, u32::MAX),
    ] {
        limits("absurd buckets", hello(direct(prompt, output, chunk), Set::ID));
    }
    let products = run().schedule.product_count(&TINY.config) as u32;
    for masked in [0, 1, products] {
        accepted(hello(mixed(masked), Set::ID));
    }
    for masked in [products + 1, u32::MAX] {
        limits("more masked products than there are", hello(mixed(masked), Set::ID));
    }
    let answered = |answered| opening(&Hello { answered, ..good_hello() }, Set::ID);
    accepted(answered(products));
    for too_many in [products + 1, u32::MAX] {
        refused("answered", WireError::Order, &[answered(too_many)]);
    }
    // The largest single result of the session's products.
    let largest = session_products(&TINY.config, &run().schedule).map(|(_, shape, tokens)| {
        let layout = Layout::for_product(Set::N, shape.rows, shape.columns, tokens);
        ReplyFrames::new(&layout, shape.rows, tokens, 0).largest_payload()
    });
    let largest = largest.max().unwrap() as u32;
    let takes = |max_payload| opening(&Hello { max_payload, ..good_hello() }, Set::ID);
    accepted(takes(largest));
    for little in [0, largest - 1] {
        limits("a device that takes little", takes(little));
    }
    let mut unknown = hello(direct(2, 1, 2), Set::ID);
    for set in [0, 6, 15, 17, 0xf4, 0xff] {
        unknown[6] = set;
        // It is not even known whom to answer.
        let host = Loopback::new(&TINY.engine, honest());
        now(host.link().write_all(&unknown)).unwrap();
        assert_eq!(host.refusal(), Some(WireError::Unknown.into()), "set {set}");
        assert_eq!(host.down(), Vec::<Vec<u8>>::new());
    }
}
