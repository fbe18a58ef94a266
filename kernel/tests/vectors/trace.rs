//! Layouts, plans, the keys of a session, and whole products.

use crate::cases::*;
use crate::direct::{encrypt, evaluation_key};
use crate::frames::wire_error;
use crate::host::load;
use crate::shapes::config;
use kernel::accel::Reference;
use kernel::accel::ring::{Ciphertexts, RingAccelerator, automorphisms};
use kernel::direct::DirectShape;
use kernel::galois::Automorphism;
use kernel::params::{
    Direct4096, DirectSet, InsecureDirect8, InsecureDirect64, Limbs, ParameterId,
};
use kernel::prime::{Prime, T};
use kernel::schedule::Schedule;
use kernel::stream::Label;
use kernel::trace::{Layout, Plan, session_automorphisms};
use kernel::wire::{
    MAX_PAYLOAD, ReplyFrames, direct_payloads, pack_bits, pack_body, packed_bits_len, unpack_bits,
    unpack_body,
};
use serde_json::Value;

fn exponents(sigmas: impl IntoIterator<Item = Automorphism>) -> Vec<u32> {
    sigmas.into_iter().map(Automorphism::exponent).collect()
}

pub(crate) fn layouts(case: &Value) {
    let [degree, m, n, tokens] =
        ["degree", "rows", "columns", "tokens"].map(|name| number::<usize>(&case[name]));
    let layout = match text(&case["rule"]) {
        "fitting" => Layout::fitting(degree, m, n, tokens),
        "for_product" => Layout::for_product(degree, m, n, tokens),
        other => panic!("rule {other}"),
    };
    let found = [layout.rows(), layout.columns(), layout.tokens(), layout.sum(), layout.fold()];
    assert_eq!(found[..], numbers::<usize>(&case["layout"]));
    assert_eq!(Layout::new(degree, found[0], found[1], found[2]), Some(layout));
    let places = |count: usize, place: &dyn Fn(usize, usize) -> usize| -> Vec<i64> {
        let tokens = 0..layout.tokens();
        tokens.flat_map(|t| (0..count).map(move |j| place(j, t) as i64)).collect()
    };
    let inputs = places(layout.columns(), &|j, token| layout.input_exponent(j, token));
    let outputs = places(layout.rows(), &|i, token| layout.output_exponent(i, token));
    assert_words(&inputs, &case["inputs"]);
    assert_words(&outputs, &case["outputs"]);
    assert_eq!(layout.normaliser::<T>(), number::<u32>(&case["normaliser"]));
    assert_eq!(exponents(layout.folds()), numbers::<u32>(&case["folds"]));

    let plan = Plan::new(&layout);
    let (giants, babies, fine) = (plan.giants(), plan.babies(), plan.fine());
    let generator = plan.generator().exponent() as usize;
    let two_sided = usize::from(plan.two_sided());
    assert_eq!([generator, giants, babies, fine, two_sided][..], numbers::<usize>(&case["plan"]));
    assert_eq!(exponents(plan.automorphisms()), numbers::<u32>(&case["keys"]));
    if !case["payloads"].is_null() {
        let shape = DirectShape::of(ParameterId::Direct4096).unwrap();
        let found = direct_payloads(&shape, &layout, (m, n), tokens, MAX_PAYLOAD);
        assert_eq!(payloads(found), numbers::<usize>(&case["payloads"]));
    }
}

/// The payload bytes of a request, then of each frame of the reply.
pub(crate) fn payloads((request, reply): (usize, ReplyFrames)) -> Vec<usize> {
    let frames = reply.parts().map(|part| reply.payload_bytes(&part));
    core::iter::once(request).chain(frames).collect()
}

pub(crate) fn reply_frames(case: &Value) {
    let [degree, m, n, tokens, max_payload] =
        ["degree", "rows", "columns", "tokens", "max_payload"].map(|name| number(&case[name]));
    let layout = Layout::for_product(degree, m, n, tokens);
    let frames = ReplyFrames::new(&layout, m, tokens, max_payload);
    let found = frames
        .parts()
        .map(|part| vec![part.index as usize, part.count as usize, frames.payload_bytes(&part)]);
    let expected = list(&case["frames"]).iter().map(numbers::<usize>);
    assert_eq!(found.collect::<Vec<_>>(), expected.collect::<Vec<_>>());
}

pub(crate) fn session_keys(case: &Value) {
    let config = config(case);
    let [prompt, output, chunk] = numbers(&case["buckets"])[..] else { panic!() };
    let schedule = Schedule::new(&config, prompt, output, chunk).unwrap();
    let keys = session_automorphisms(&config, &schedule, number(&case["degree"]));
    assert_eq!(exponents(keys), numbers::<u32>(&case["exponents"]));
}

pub(crate) fn trace_products(case: &Value) {
    with_named_direct_set!(case, trace_product);
}

fn trace_product<S: DirectSet>(case: &Value) {
    let [m, n, tokens, groups, first] =
        ["rows", "columns", "tokens", "groups", "first"].map(|name| number::<usize>(&case[name]));
    let (seed, label) = (seed(case), text(&case["label"]));
    let layout = Layout::fitting(S::N, m, n, tokens);
    let host = Reference::default();
    let matrix = load(&host, &input_weights(label, m * n), n);
    let keys = host.open_keys(S::ID, &seed.derive(Label::EvaluationKey).derive_public()).unwrap();
    let sigmas = automorphisms(&[layout]);
    assert_eq!(exponents(sigmas.iter().copied()), numbers::<u32>(&case["exponents"]));
    for sigma in sigmas {
        host.add_key(keys, sigma, &evaluation_key::<S>(&seed, sigma)).unwrap();
    }

    let mut bodies = Vec::new();
    for group in 0..groups {
        for block in 0..layout.input_blocks(n) {
            let mut message = vec![0; S::N];
            for token in 0..layout.tokens() {
                let row = format!("{label} x {}", group * layout.tokens() + token);
                let x = input_residues(&row, n, T::VALUE);
                let x = x.iter().skip(block * layout.columns()).take(layout.columns());
                for (j, &x) in x.enumerate() {
                    message[layout.input_exponent(j, token)] = T::mul(x, layout.normaliser::<T>());
                }
            }
            let coordinate = first + group * layout.input_blocks(n) + block;
            bodies.extend(encrypt::<S>(&seed, coordinate, &message));
        }
    }
    let public = seed.derive_public();
    let input = Ciphertexts { seed: &public, first: first as u64, bodies: &bodies };
    let results = groups * layout.output_blocks(m);
    let mut masks = vec![u64::MAX; results * S::N];
    let mut bodies = vec![u64::MAX; results * layout.rows() * layout.tokens()];
    host.trace_product(matrix, keys, &layout, &input, &mut masks, &mut bodies).unwrap();
    assert_numbers(&masks, &case["masks"]);
    assert_numbers(&bodies, &case["bodies"]);
}

pub(crate) fn bit_packing(case: &Value) {
    if case.get("set").is_some() {
        return with_named_direct_set!(case, body_packing);
    }
    let (bits, expected) = (number(&case["bits"]), bytes(&case["bytes"]));
    let mut back = Vec::new();
    if let Some(error) = case.get("error") {
        let count = number(&case["count"]);
        let result = unpack_bits(bits, count, &expected, |number| back.push(number));
        return assert_eq!(result.map_err(wire_error), Err(text(error)));
    }
    let values = numbers::<u64>(&case["numbers"]);
    assert_eq!(packed_bits_len(bits, values.len()), expected.len());
    let mut out = vec![0xaa; expected.len()];
    pack_bits(bits, values.iter().copied(), &mut out).unwrap();
    assert_eq!(out, expected);
    unpack_bits(bits, values.len(), &expected, |number| back.push(number)).unwrap();
    assert_eq!(back, values);
}

fn body_packing<S: DirectSet>(case: &Value) {
    let (shape, packed) = (DirectShape::of_set::<S>(), bytes(&case["bytes"]));
    assert_eq!(shape.limbs().len(), S::Chain::COUNT);
    let mut back = vec![u32::MAX; S::BODY_WORDS];
    let result = unpack_body(&shape, &packed, &mut back);
    if let Some(error) = case.get("error") {
        return assert_eq!(result.map_err(wire_error), Err(text(error)));
    }
    assert_words(&wide(&back), &case["limbs"]);
    let mut out = vec![0xaa; packed.len()];
    pack_body(&shape, &back, &mut out).unwrap();
    assert_eq!(out, packed);
}
