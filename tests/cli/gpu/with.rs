//! A build with GPUs. Where this machine has none, what needs one says `SKIPPED`, and fails under
//! `SUBROSA_REQUIRE_GPU=1`.

use super::DEMO;
use crate::tool::{Bundles, Host, MODEL, Outcome, Process, fixture, program, run, words};
use serde_json::Value;
use std::io::Write;
use std::sync::OnceLock;

/// The adapters that `devices` shows, tested once.
fn adapters() -> &'static [Value] {
    static ADAPTERS: OnceLock<Vec<Value>> = OnceLock::new();
    ADAPTERS
        .get_or_init(|| run(["devices", "--json"]).json()["adapters"].as_array().unwrap().clone())
}

/// Whether there is an adapter at all.
fn there_is_one() -> bool {
    if !adapters().is_empty() {
        return true;
    }
    let required = std::env::var_os("SUBROSA_REQUIRE_GPU").is_some_and(|v| v == "1");
    assert!(!required, "SUBROSA_REQUIRE_GPU needs an adapter");
    // Not eprintln, which a test that passes keeps to itself.
    let _ = std::io::stderr().write_all(b"SKIPPED: gpu: this machine has no adapter\n");
    false
}

/// The program on a machine without any driver for GPUs.
fn without_drivers(line: &str) -> Outcome {
    let mut command = program(words(line, &[]));
    command.env("VK_DRIVER_FILES", "/nowhere").env("VK_ICD_FILENAMES", "/nowhere");
    Process::start(&mut command).finish()
}

fn demo(options: &str) -> Value {
    let report = run(words(&format!("{DEMO} {options} --model"), &[&fixture(MODEL)])).json();
    assert_eq!(report["identical_tokens"], true, "{report}");
    assert_eq!(report["identical_logits"], true, "{report}");
    assert_eq!(report["checks_failed"], 0);
    report
}

#[test]
fn every_form_of_every_adapter_passes_its_test() {
    if !there_is_one() {
        return;
    }
    for (index, adapter) in adapters().iter().enumerate() {
        assert_eq!(adapter["index"], index);
        for field in ["name", "kind", "backend", "driver"] {
            assert!(adapter[field].as_str().is_some_and(|said| !said.is_empty()), "{adapter}");
        }
        assert!(adapter["features"].as_array().unwrap().iter().all(|feature| {
            feature["available"].is_boolean() && feature["needs"].as_str().unwrap().len() > 10
        }));
        let permutations = adapter["permutations"].as_array().unwrap();
        assert_eq!(permutations.len(), 8);
        assert_eq!(permutations[0]["name"], "portable");
        assert_eq!(permutations[0]["available"], true);
        for tested in permutations {
            let passed = if tested["available"] == true { true.into() } else { Value::Null };
            assert_eq!(tested["passed"], passed, "{tested}");
        }
    }
    let text = run(["devices"]).succeeded();
    let first = adapters()[0]["name"].as_str().unwrap();
    for said in [&format!("0: {first}"), "driver ", "needs ", "passed: portable"] {
        assert!(text.stdout.contains(said), "{said:?} is not in {}", text.stdout);
    }
}

#[test]
fn a_machine_without_any() {
    let shown = without_drivers("devices").succeeded();
    assert!(shown.stdout.starts_with("none found"), "{shown:?}");
    assert!(shown.stdout.contains("mesa-vulkan-drivers"), "{shown:?}");
    assert_eq!(without_drivers("devices --json").json()["adapters"], serde_json::json!([]));
    for line in ["demo --accel wgpu", "bench --shape demo --accel wgpu"] {
        without_drivers(line).failed(1, &["no GPU was found", "mesa-vulkan-drivers"]);
    }
    without_drivers("demo --accel wgpu:0")
        .failed(1, &["adapter 0 was not found", "`subrosa devices`"]);
    let report = without_drivers(&format!("{DEMO} --accel auto")).json();
    assert_eq!(report["identical_logits"], true);
    assert!(report["backend"].as_str().unwrap().starts_with("cpu "), "{report}");
}

/// All modes, to the bit; the report names who has multiplied.
#[test]
fn a_demonstration_is_identical() {
    if !there_is_one() {
        return;
    }
    let cpu = demo("--accel cpu");
    for options in ["", "--mode direct", "--mode mixed"] {
        let report = demo(&format!("--accel wgpu {options}"));
        assert_eq!(report["token_ids"], cpu["token_ids"], "{options}");
        let backend = report["backend"].as_str().unwrap();
        assert!(backend.starts_with("wgpu on "), "{backend}");
        assert!(backend.contains(": 9 of 9 matrices, ") && backend.contains("; cpu "), "{backend}");
    }
    // A GPU without room for anything.
    let report = demo("--accel wgpu --gpu-memory 0");
    assert!(report["backend"].as_str().unwrap().contains(": 0 of 9 matrices, "), "{report}");
    // Correlations through direct mode's engine.
    let line = "demo --accel wgpu --gpu-memory 1GiB --json --pace 0 --prompt-ids 0,84 --tokens 2 --method direct";
    let report = run(words(&format!("{line} --model"), &[&fixture(MODEL)])).json();
    assert_eq!(report["identical_logits"], true);
    assert_eq!(report["offline"]["checks_failed"], 0);
}

/// Of the adapters that there are, by number and by name.
#[test]
fn an_adapter_is_chosen() {
    if !there_is_one() {
        return;
    }
    let last = &adapters()[adapters().len() - 1];
    let name = last["name"].as_str().unwrap();
    let report = demo(&format!("--accel wgpu:{}", last["index"]));
    assert!(report["backend"].as_str().unwrap().starts_with(&format!("wgpu on {name}:")));
    let word = name.split_whitespace().next().unwrap().to_uppercase();
    demo(&format!("--accel wgpu:{word}"));
    for (adapter, said) in
        [("99", "adapter 99 was not found"), ("frobnicator", "`frobnicator` was not found")]
    {
        let line = format!("demo --accel wgpu:{adapter}");
        run(words(&line, &[])).failed(1, &[said, "`subrosa devices`"]);
    }
}

/// `auto` takes a GPU and never one that is software.
#[test]
fn a_gpu_is_taken_where_there_is_a_real_one() {
    if !there_is_one() {
        return;
    }
    let real = adapters().iter().any(|adapter| adapter["kind"] != "software");
    for options in ["--accel auto", ""] {
        let report = demo(options);
        let backend = report["backend"].as_str().unwrap();
        assert_eq!(backend.starts_with("wgpu on "), real, "{backend}");
    }
}

/// A host on a GPU gives what a demonstration gives, and says what it multiplies with.
#[test]
fn a_host_serves() {
    if !there_is_one() {
        return;
    }
    let bundles = Bundles::of(MODEL);
    let mut host = Host::serving("--accel wgpu", &bundles);
    let options = "--json --pace 0 --prompt-ids 0,84,104 --tokens 3 --method masked";
    let report = run(bundles.generate(&host.address, options)).json();
    assert_eq!(report["token_ids"], demo("--accel cpu")["token_ids"]);
    assert_eq!(report["checks_failed"], 0);
    assert!(host.process.runs());
    let mut line = words("serve --accel wgpu:99 --model", &[&bundles.host()]);
    line.extend(words("--listen 127.0.0.1:0", &[]));
    run(line).failed(1, &["adapter 99 was not found"]);
}

#[test]
fn it_is_measured() {
    if !there_is_one() {
        return;
    }
    let line = "bench --accel wgpu --shape demo --layers 1 --rounds 2 --encoded-memory 2000000";
    let report = run(words(&format!("{line} --json"), &[])).json();
    assert_eq!(report["backend"], "wgpu");
    for field in [
        "plain_seconds",
        "online_seconds",
        "offline_seconds",
        "direct_seconds",
        "online_over_plain",
        "offline_mac_per_s",
        "direct_over_plain",
        "device_share",
        "copy_bytes_per_s",
        "achieved_bytes_per_s",
        "integer_ops_per_s",
        "plain_integer_ops_per_s",
    ] {
        assert!(report[field].as_f64().is_some_and(|value| value > 0.0), "{field} in {report}");
    }
    let text = run(words(line, &[])).succeeded();
    for said in ["attn_in", "GPU ", " that a copy moves"] {
        assert!(text.stdout.contains(said), "{said:?} is not in {}", text.stdout);
    }
    let line = "bench --accel wgpu --shape demo --token --prompt 3 --tokens 2 --json";
    let report = run(words(line, &[])).json();
    assert_eq!((&report["backend"], &report["identical_logits"]), (&"wgpu".into(), &true.into()));
}
