//! `bench`: measures, on weights that are made up.

use crate::tool::{folder, run, words};
use serde_json::Value;

/// Fields that scripts read.
const FIELDS: [&str; 6] = [
    "online_over_plain",
    "online_over_read",
    "offline_mac_per_s",
    "offline_over_int8_peak",
    "direct_over_plain",
    "device_share",
];

fn positive(value: &Value) -> bool {
    value.as_f64().is_some_and(|value| value > 0.0)
}

#[test]
fn a_small_shape_is_measured() {
    let line = "bench --shape demo --layers 2 --rounds 2 --encoded-memory 2000000 --json";
    let report = run(words(line, &[])).json();
    assert_eq!((&report["layers_run"], &report["layers"]), (&2.into(), &5.into()));
    for field in FIELDS {
        assert!(positive(&report[field]), "{field} in {report}");
    }
    for phase in ["online_bytes", "offline_bytes", "direct_bytes"] {
        for way in ["up", "down"] {
            assert!(positive(&report[phase][way]), "{phase} {way} in {report}");
        }
    }
    let groups = report["groups"].as_array().unwrap();
    let names: Vec<_> = groups.iter().map(|group| group["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["attn_in", "attn_out", "mlp_in", "mlp_out", "lm_head"]);
    // Four bytes for each of 128 coordinates and 1024 rows, and a frame around them.
    let row = |name: &str| groups.iter().find(|group| group["name"] == name).unwrap();
    assert_eq!((&row("lm_head")["rows"], &row("lm_head")["columns"]), (&1024.into(), &128.into()));
    assert_eq!(report["stored_bytes"], 4 * 7104);

    let text = run(words("bench --shape demo --layers 1 --rounds 1 --encoded-memory 0", &[]));
    let text = text.succeeded();
    for said in ["attn_in", "a token, scaled from 1 of 5 layers:", "online", "ratios"] {
        assert!(text.stdout.contains(said), "{said:?} is not in {}", text.stdout);
    }
}

/// The whole model through the protocol: as in the clear, and the bundles are used again.
#[test]
fn whole_tokens_are_those_of_the_clear_run() {
    let folder = folder();
    let place = folder.path().join("bundles");
    let line = "bench --shape demo --token --prompt 20 --tokens 3 --json --dir";
    for _ in 0..2 {
        let report = run(words(line, &[&place])).json();
        assert_eq!((&report["prompt_bucket"], &report["tokens"]), (&32.into(), &3.into()));
        assert_eq!(report["identical_tokens"], true);
        assert_eq!(report["identical_logits"], true);
        assert!(positive(&report["online_seconds"]) && positive(&report["offline_seconds"]));
    }
    let other = "bench --shape stories15m --token --dir";
    run(words(other, &[&place])).failed(1, &["holds bundles of another shape"]);
}

#[test]
fn what_cannot_be_measured() {
    for (line, said) in [
        ("bench --shape demo --layers 6", "the model has 5 layers"),
        ("bench --shape demo --token --prompt 600", "context"),
    ] {
        run(words(line, &[])).failed(1, &[said]);
    }
    for line in [
        "bench --shape none",
        "bench --level none",
        "bench --rounds 0",
        "bench --prompt 3",
        "bench --token --layers 2",
    ] {
        assert_eq!(run(words(line, &[])).code, Some(2), "{line}");
    }
}
