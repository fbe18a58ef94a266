//! Shapes and schedules.

use crate::cases::*;
use kernel::model::{GroupId, ModelConfig};
use kernel::schedule::{Schedule, ScheduleError, ScheduledProduct};
use serde_json::Value;

pub(crate) fn config(case: &Value) -> ModelConfig {
    let field = |name| number(&case["config"][name]);
    let config = ModelConfig {
        vocab: field("vocab"),
        hidden: field("hidden"),
        layers: field("layers"),
        heads: field("heads"),
        kv_heads: field("kv_heads"),
        head_dim: field("head_dim"),
        intermediate: field("intermediate"),
        context: field("context"),
        rms_eps: 1e-5,
    };
    config.check().unwrap();
    config
}

pub(crate) fn shapes(case: &Value) {
    let config = config(case);
    let got: Vec<_> = config
        .groups()
        .map(|group| config.shape(group).unwrap())
        .map(|shape| vec![shape.rows, shape.columns])
        .collect();
    assert_eq!(got, list(&case["shapes"]).iter().map(numbers::<usize>).collect::<Vec<_>>());
    assert!(config.shape(GroupId(got.len() as u32)).is_none());
    assert_eq!(config.total_rows(), number::<usize>(&case["total_rows"]));
}

pub(crate) fn schedules(case: &Value) {
    let config = config(case);
    let [prompt, output, chunk] = numbers(&case["buckets"])[..] else { panic!() };
    let schedule = Schedule::new(&config, prompt, output, chunk).unwrap();
    let products: Vec<_> = schedule
        .products(&config)
        .map(|ScheduledProduct { group, tokens }| [group.0, tokens])
        .collect();
    match &case["products"] {
        Value::Array(expected) => {
            assert_eq!(products.len(), expected.len());
            for (product, expected) in products.iter().zip(expected) {
                assert_words(&wide(product), expected);
            }
        }
        expected => assert_words(&wide(products.as_flattened()), expected),
    }
    assert_eq!(schedule.product_count(&config), products.len() as u64);
    let demand: Vec<_> = config.groups().map(|g| schedule.demand(&config, g)).collect();
    assert_words(&wide(&demand), &case["demand"]);
}

pub(crate) fn requests(case: &Value) {
    let [prompt, output, chunk] = numbers(&case["request"])[..] else { panic!() };
    let buckets = &case["buckets"];
    match Schedule::for_request(&config(case), prompt, output, chunk) {
        Ok(s) => assert_words(&wide(&[s.prompt_bucket(), s.output_bucket(), s.chunk()]), buckets),
        Err(ScheduleError::Empty) => assert_eq!(buckets, "Empty"),
        Err(ScheduleError::Context { .. }) => assert_eq!(buckets, "Context"),
        Err(other) => panic!("{other}"),
    }
}
