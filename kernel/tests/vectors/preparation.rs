//! Preparations through direct mode: the rule, and the frames of units.

use crate::cases::*;
use crate::direct::{encrypt, evaluation_key, with_ternary_key};
use crate::host::load;
use crate::shapes::config;
use crate::trace::payloads;
use kernel::accel::Reference;
use kernel::accel::ring::{Ciphertexts, RingAccelerator};
use kernel::direct::{BODY_BITS, DirectShape, MASK_BITS, decrypt_switched_into};
use kernel::model::{GROUPS_PER_LAYER, GroupId, GroupShape, ModelConfig};
use kernel::params::{Direct4096, DirectSet, InsecureDirect8, InsecureDirect64};
use kernel::prime::{Prime, T};
use kernel::stream::{Label, Seed, one_time_mask_coordinates};
use kernel::trace::{Layout, PreparationRule};
use kernel::wire::{Block, MAX_PAYLOAD, pack_bits, pack_body, packed_bits_len};
use serde_json::Value;
use sha2::{Digest, Sha256};

fn rule_of<S: DirectSet>(case: &Value) -> (ModelConfig, PreparationRule) {
    let config = config(case);
    let rule = PreparationRule::new(&config, &DirectShape::of_set::<S>()).unwrap();
    assert_eq!(rule.tokens(), number::<usize>(&case["tokens"]));
    (config, rule)
}

pub(crate) fn preparation_rules(case: &Value) {
    with_named_direct_set!(case, preparation_rule);
}

fn preparation_rule<S: DirectSet>(case: &Value) {
    if case["tokens"].is_null() {
        let rule = PreparationRule::new(&config(case), &DirectShape::of_set::<S>());
        assert_eq!(rule, None);
        return;
    }
    let (config, rule) = rule_of::<S>(case);
    let exponents: Vec<_> = rule.automorphisms().map(|sigma| sigma.exponent()).collect();
    assert_eq!(exponents, numbers::<u32>(&case["exponents"]));
    assert_eq!(rule.key_bytes(), number::<usize>(&case["key_bytes"]));
    let head = config.layers * GROUPS_PER_LAYER;
    let groups = (0..GROUPS_PER_LAYER).chain([head]);
    let shapes: Vec<_> = groups.map(|group| config.shape(GroupId(group)).unwrap()).collect();
    let payloads = shapes.iter().map(|&shape| payloads(rule.payloads(shape, MAX_PAYLOAD)));
    let expected = |name: &str| list(&case[name]).iter().map(numbers::<usize>).collect::<Vec<_>>();
    assert_eq!(payloads.collect::<Vec<_>>(), expected("payloads"));
    let layouts = shapes.iter().map(|&shape| {
        let layout = rule.layout(shape);
        vec![layout.rows(), layout.columns(), layout.fold(), layout.sum()]
    });
    assert_eq!(layouts.collect::<Vec<_>>(), expected("layouts"));
}

pub(crate) fn preparation_units(case: &Value) {
    with_named_direct_set!(case, session);
}

fn session<S: DirectSet>(case: &Value) {
    let (config, rule) = rule_of::<S>(case);
    let seed = seed(case);
    let host = Reference::default();
    let keys = host.open_keys(S::ID, &seed.derive(Label::EvaluationKey).derive_public()).unwrap();
    for sigma in rule.automorphisms() {
        host.add_key(keys, sigma, &evaluation_key::<S>(&seed, sigma)).unwrap();
    }
    let mut first = 0;
    for unit in list(&case["units"]) {
        assert_eq!(first, number::<usize>(&unit["first"]));
        let group = GroupId(number(&unit["group"]));
        let shape = config.shape(group).unwrap();
        let layout = rule.layout(shape);
        let r = masks(unit, shape, rule.tokens());
        let bodies = encrypted::<S>(&seed, first, &r, shape, &layout);
        let block = Block { index: group.0, count: rule.tokens() as u32 }.encode();
        assert_payload(&[&block[..], &packed_bodies::<S>(&bodies)].concat(), &unit["request"]);

        let public = seed.derive_public();
        let input = Ciphertexts { seed: &public, first: first as u64, bodies: &bodies };
        let label = text(&unit["label"]);
        let matrix = load(&host, &input_weights(label, shape.rows * shape.columns), shape.columns);
        let results = layout.output_blocks(shape.rows);
        let mut masks = vec![0; results * S::N];
        let mut bodies = vec![0; results * layout.rows() * layout.tokens()];
        host.trace_product(matrix, keys, &layout, &input, &mut masks, &mut bodies).unwrap();
        let each = masks.chunks_exact(S::N);
        let each = each.zip(bodies.chunks_exact(layout.rows() * layout.tokens()));
        let mut all = Vec::new();
        let mut images = vec![0; rule.tokens() * shape.rows];
        for (at, (mask, body)) in each.enumerate() {
            all.extend(packed(MASK_BITS, mask));
            all.extend(packed(BODY_BITS, body));
            let decrypted = decrypted::<S>(&seed, &layout, mask, body);
            for (place, image) in decrypted.into_iter().enumerate() {
                let (row, token) =
                    (at * layout.rows() + place % layout.rows(), place / layout.rows());
                if row < shape.rows {
                    images[token * shape.rows + row] = image;
                }
            }
        }
        let (_, reply) = rule.payloads(shape, number(&case["max_payload"]));
        let expected = list(&unit["reply"]);
        assert_eq!((reply.count(), reply.results()), (expected.len(), results));
        for (part, expected) in reply.parts().zip(expected) {
            let results = reply.of(&part, &all).unwrap();
            assert_payload(&[&block[..], &part.encode(), results].concat(), expected);
        }
        assert_words(&wide(&images), &unit["images"]);
        first += layout.input_blocks(shape.columns);
    }
}

/// The one-time masks of a unit, token by token.
fn masks(unit: &Value, shape: GroupShape, tokens: usize) -> Vec<u32> {
    let masks = seed(unit).derive(Label::OneTimeMask);
    let mut r = vec![0; tokens * shape.columns];
    for block in 0..shape.columns.div_ceil(4) {
        let mut four = vec![0; 4 * tokens];
        one_time_mask_coordinates(&masks, block as u32, 0..tokens, &mut four);
        for (j, row) in (4 * block..shape.columns).zip(four.chunks_exact(tokens)) {
            row.iter().enumerate().for_each(|(token, &v)| r[token * shape.columns + j] = v);
        }
    }
    assert_words(&wide(&r), &unit["masks"]);
    r
}

/// The bodies of a unit's ciphertexts, one for each input block.
fn encrypted<S: DirectSet>(
    seed: &Seed,
    first: usize,
    r: &[u32],
    shape: GroupShape,
    layout: &Layout,
) -> Vec<u32> {
    let mut bodies = Vec::new();
    for block in 0..layout.input_blocks(shape.columns) {
        let mut message = vec![0; S::N];
        for (token, row) in r.chunks_exact(shape.columns).enumerate() {
            let of_block = row.iter().skip(block * layout.columns()).take(layout.columns());
            for (j, &r) in of_block.enumerate() {
                message[layout.input_exponent(j, token)] = T::mul(r, layout.normaliser::<T>());
            }
        }
        bodies.extend(encrypt::<S>(seed, first + block, &message));
    }
    bodies
}

fn packed_bodies<S: DirectSet>(bodies: &[u32]) -> Vec<u8> {
    let shape = DirectShape::of_set::<S>();
    let each = bodies.chunks_exact(S::BODY_WORDS).flat_map(|body| {
        let mut packed = vec![0xaa; shape.body_bytes()];
        pack_body(&shape, body, &mut packed).unwrap();
        packed
    });
    each.collect()
}

fn packed(bits: u32, numbers: &[u64]) -> Vec<u8> {
    let mut out = vec![0xaa; packed_bits_len(bits, numbers.len())];
    pack_bits(bits, numbers.iter().copied(), &mut out).unwrap();
    out
}

/// The outputs of a result, token by token.
fn decrypted<S: DirectSet>(seed: &Seed, layout: &Layout, mask: &[u64], body: &[u64]) -> Vec<u32> {
    let (mut message, mut scratch) = (vec![0; body.len()], vec![0; 3 * S::N]);
    let places =
        (0..body.len()).map(|at| layout.output_exponent(at % layout.rows(), at / layout.rows()));
    with_ternary_key::<S, _>(seed, |key| {
        decrypt_switched_into::<S, kernel::ring::Scalar>(
            key,
            mask,
            body,
            places,
            &mut message,
            &mut scratch,
        )
        .unwrap();
    });
    message
}

fn assert_payload(got: &[u8], expected: &Value) {
    assert_eq!(got.len(), number::<usize>(&expected[0]));
    assert_eq!(Sha256::digest(got)[..], bytes(&expected[1]));
}
