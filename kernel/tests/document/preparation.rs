//! Preparations through direct mode: what the page says of the demo model.

use crate::page::{Page, number, numbers};
use kernel::direct::DirectShape;
use kernel::model::{GROUPS_PER_LAYER, GroupId, ModelConfig};
use kernel::params::ParameterId;
use kernel::trace::PreparationRule;
use kernel::wire::MAX_PAYLOAD;

const CONFIG: ModelConfig = ModelConfig {
    vocab: 1024,
    hidden: 128,
    layers: 5,
    heads: 4,
    kv_heads: 2,
    head_dim: 32,
    intermediate: 352,
    context: 512,
    rms_eps: 1e-5,
};

fn set() -> DirectShape {
    DirectShape::of(ParameterId::Direct4096).unwrap()
}

fn rule() -> PreparationRule {
    PreparationRule::new(&CONFIG, &set()).unwrap()
}

pub(crate) fn session(page: &Page) {
    let rule = rule();
    let tokens = rule.tokens();
    let exponents = rule.automorphisms().map(|sigma| i64::from(sigma.exponent()));
    let expected = [
        ("tokens", vec![tokens as i64]),
        ("free", vec![(set().degree / tokens) as i64]),
        ("keys", exponents.collect()),
        ("key bytes", vec![rule.key_bytes() as i64]),
    ];
    let block = page.block("preparation");
    let said: Vec<_> = block.iter().map(|(what, values)| (*what, numbers(values))).collect();
    assert_eq!(said, expected);
}

pub(crate) fn units(page: &Page) {
    let rule = rule();
    let head = CONFIG.layers * GROUPS_PER_LAYER;
    let mut names: Vec<_> = (1..GROUPS_PER_LAYER).map(|group| format!("4 l + {group}")).collect();
    names.insert(0, "4 l".to_owned());
    names.push(head.to_string());
    let groups = (0..GROUPS_PER_LAYER).chain([head]).map(GroupId);
    let expected = names.into_iter().zip(groups).map(|(name, group)| {
        let shape = CONFIG.shape(group).unwrap();
        let layout = rule.layout(shape);
        let (request, reply) = rule.payloads(shape, MAX_PAYLOAD);
        let inputs = layout.input_blocks(shape.columns);
        let outputs = layout.output_blocks(shape.rows);
        assert_eq!(layout.tokens(), rule.tokens());
        let numbers = [
            shape.rows,
            shape.columns,
            layout.rows(),
            layout.columns(),
            layout.fold(),
            layout.sum(),
            inputs,
            outputs,
            request,
            reply.bytes(),
            reply.count(),
        ];
        (name, numbers.to_vec())
    });
    let table = page.table("preparation-units");
    let said = table.iter().map(|row| {
        let numbers = row[1..].iter().map(|cell| number(cell) as usize);
        (row[0].to_owned(), numbers.collect::<Vec<_>>())
    });
    assert_eq!(said.collect::<Vec<_>>(), expected.collect::<Vec<_>>());
}
