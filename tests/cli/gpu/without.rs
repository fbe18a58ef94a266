//! A build without GPUs: it says how to get one with them, and does without.

use super::DEMO;
use crate::tool::{Bundles, MODEL, fixture, run, words};

const HOW: &str = "`cargo build --release --features wgpu`";

#[test]
fn a_gpu_that_is_demanded() {
    let bundles = Bundles::of(MODEL);
    let line = words("serve --accel wgpu --model", &[&bundles.host()]);
    run(line).failed(1, &["built without GPUs", HOW]).one_line();
    for line in [DEMO, "bench --shape demo", "bench --shape demo --token"] {
        run(words(&format!("{line} --accel wgpu:0"), &[])).failed(1, &["built without GPUs", HOW]);
    }
    run(["devices"]).failed(1, &[HOW]).one_line();
    run(["devices", "--json"]).failed(1, &[HOW]).one_line();
}

#[test]
fn a_gpu_that_would_be_welcome() {
    let line = format!("{DEMO} --accel auto --gpu-memory 1GiB --model");
    let report = run(words(&line, &[&fixture(MODEL)])).json();
    assert!(report["backend"].as_str().unwrap().starts_with("cpu "), "{report}");
}
