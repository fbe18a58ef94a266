//! Files that are missing, unreadable or not to be written.

use crate::tool::{MODEL, Npy, copy_of, fixture, folder, run, words};
use std::fs;

#[test]
fn missing_files() {
    let folder = folder();
    let missing = folder.path().join("missing");
    for (line, file) in [
        ("demo --model", "config.json"),
        ("convert host --out x", "config.json"),
        ("convert device --out x", "config.json"),
        ("serve --model", "manifest.json"),
        ("generate --host 127.0.0.1 --model", "device.bundle"),
        ("prepare --host 127.0.0.1 --tokens 9 --model", "device.bundle"),
        ("provision --weights y --model", "device.bundle"),
    ] {
        let failed = run(words(line, &[&missing])).failed(1, &["missing", file]);
        let said = failed.stderr.matches("No such file").count();
        assert_eq!(said, 1, "said once: {failed:?}");
    }
    // The bundles of the other side.
    let line = words("serve --model", &[&fixture(MODEL)]);
    run(line).failed(1, &["manifest.json"]);
}

/// A copy of the model without some files, and with others.
fn altered(without: &[&str], with: &[(&str, &str)]) -> tempfile::TempDir {
    let folder = copy_of(MODEL);
    for name in without {
        fs::remove_file(folder.path().join(name)).unwrap();
    }
    for (name, content) in with {
        fs::write(folder.path().join(name), content).unwrap();
    }
    folder
}

#[test]
fn checkpoints_that_are_refused() {
    let refused = |model: tempfile::TempDir, said: &[&str]| {
        run(words("demo --model", &[&model.path()])).failed(1, said);
    };
    refused(altered(&[], &[("config.json", "{")]), &["config.json: "]);
    refused(altered(&[], &[("tokenizer.json", "{}")]), &["tokenizer.json is refused"]);
    refused(altered(&["model.safetensors"], &[]), &["holds neither model.safetensors nor"]);
    refused(altered(&[], &[("model.safetensors", "")]), &["model.safetensors: "]);
    refused(altered(&["tokenizer.json"], &[]), &["tokenizer.json is missing", "--prompt-ids"]);
    let broken = ("tokenizer_config.json", r#"{"chat_template": "{% if %}"}"#);
    refused(altered(&[], &[broken]), &["chat template failed", "--raw"]);
    let config = fs::read_to_string(fixture(MODEL).join("config.json")).unwrap();
    let gelu = config.replace("silu", "gelu");
    refused(altered(&[], &[("config.json", &gelu)]), &["`hidden_act` is \"gelu\"", "silu"]);
}

#[test]
fn a_model_without_a_tokenizer_runs_on_ids() {
    let model = altered(&["tokenizer.json"], &[]);
    let line = "demo --json --pace 0 --tokens 3 --prompt-ids 0,65 --model";
    let report = run(words(line, &[&model.path()])).json();
    assert_eq!(report["identical_tokens"], true);
    assert_eq!(report["text"], "");
}

#[test]
fn unwritable_logits_are_noticed_before_the_run() {
    let folder = folder();
    let demo = |file: &std::path::Path| {
        let line = "demo --prompt-ids 0 --tokens 2 --model";
        run(words(line, &[&fixture(MODEL), &"--dump-logits", &file]))
    };
    for file in [folder.path().join("no/such/folder.npy"), folder.path().to_owned()] {
        let failed = demo(&file).failed(1, &["writing ", &file.display().to_string()]);
        assert!(!failed.stderr.contains("preparing"), "{failed:?}");
    }
}

#[test]
fn logits_replace_an_older_file_only_when_there_are_new_ones() {
    let folder = folder();
    let file = folder.path().join("logits.npy");
    let old = "x".repeat(100_000);
    fs::write(&file, &old).unwrap();
    let line = "demo --pace 0 --prompt-ids 0 --tokens 2 --model";
    let failing = words(line, &[&"/nonexistent", &"--dump-logits", &file]);
    run(failing).failed(1, &[]);
    // A run that fails after the file was opened.
    let line2 = "generate --host 127.0.0.1:1 --prompt-ids 0 --tokens 2 --model";
    let device = folder.path().join("device");
    run(words("convert device --out", &[&device, &fixture(MODEL)])).succeeded();
    let fresh = folder.path().join("fresh.npy");
    run(words(line2, &[&device, &"--dump-logits", &fresh])).failed(1, &["connecting"]);
    assert!(!fresh.exists(), "no empty file is left");
    run(words(line2, &[&device, &"--dump-logits", &file])).failed(1, &["connecting"]);
    assert_eq!(fs::read_to_string(&file).unwrap(), old);
    run(words(line, &[&fixture(MODEL), &"--dump-logits", &file])).succeeded();
    assert_eq!((Npy::read(&file).rows, Npy::read(&file).columns), (2, 256));
}

#[cfg(unix)]
#[test]
fn logits_may_go_to_a_device() {
    let line = "demo --json --pace 0 --prompt-ids 0 --tokens 2 --dump-logits /dev/null --model";
    run(words(line, &[&fixture(MODEL)])).succeeded();
    use std::os::unix::fs::FileTypeExt;
    assert!(fs::metadata("/dev/null").unwrap().file_type().is_char_device());
}
