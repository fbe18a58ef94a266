//! What multiplies on a host: `--accel`, `devices`.

#[cfg(feature = "wgpu")]
mod with;
#[cfg(not(feature = "wgpu"))]
mod without;

use crate::tool::{MODEL, fixture, run, words};

/// A run of both sides that takes little.
const DEMO: &str =
    "demo --json --pace 0 --prompt-ids 0,84,104 --tokens 3 --method masked --threads 1";

#[test]
fn the_processor_does() {
    let line = format!("{DEMO} --accel cpu --model");
    let report = run(words(&line, &[&fixture(MODEL)])).json();
    assert_eq!(
        (&report["identical_tokens"], &report["identical_logits"]),
        (&true.into(), &true.into())
    );
    let backend = report["backend"].as_str().unwrap();
    assert!(backend.starts_with("cpu ") && !backend.contains("wgpu"), "{backend}");
}

#[test]
fn names_that_nothing_has() {
    for name in ["gpu", "wgpu:", "cpu:1", "WGPU", ""] {
        for command in ["demo", "serve --model x", "bench"] {
            let mut line = words(command, &[]);
            line.extend(words("--accel", &[&name]));
            run(line).failed(2, &["--accel"]);
        }
    }
    run(words("serve --model x --gpu-memory 1.5GiB", &[])).failed(2, &["whole number of MiB"]);
}
