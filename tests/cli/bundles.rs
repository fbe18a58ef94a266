//! Bundles that are damaged anywhere: one line that says what and where, exit code 1.

use crate::tool::{Bundles, Host, MODEL, NOBODY, limited, run, words};
use serde_json::{Value, json};
use std::fs;
use std::path::Path;

/// Every command that needs a device bundle refuses this one.
#[track_caller]
fn device_refused(bundles: &Bundles, said: &[&str]) {
    let prepare = format!("prepare --host {NOBODY} --tokens 4 --model");
    let generate = format!("generate --host {NOBODY} --prompt-ids 0 --model");
    for line in
        [&*generate, &*prepare, "size --model"].map(|line| words(line, &[&bundles.device()]))
    {
        limited(line).failed(1, said).one_line();
    }
    let line = words("provision --weights", &[&bundles.host(), &"--model", &bundles.device()]);
    limited(line).failed(1, said).one_line();
    assert!(!bundles.store().exists(), "refused before anything is made");
}

fn u64_at(bytes: &[u8], at: usize) -> usize {
    u64::from_le_bytes(*bytes[at..].first_chunk().unwrap()) as usize
}

/// Where the sections of a device bundle begin and end: the table has entries of 32 bytes.
fn edges(bundle: &[u8]) -> Vec<usize> {
    let count = u32::from_le_bytes(*bundle[12..].first_chunk().unwrap()) as usize;
    let mut edges = vec![8, 12, 16, 24, 32, 64, 64 + 32 * count];
    for entry in (0..count).map(|section| 64 + 32 * section) {
        let (start, length) = (u64_at(bundle, entry + 8), u64_at(bundle, entry + 16));
        edges.extend([start, start + length / 2, start + length]);
    }
    edges.sort_unstable();
    edges.dedup();
    assert!(edges.len() > 20 && edges.last().is_some_and(|&end| end <= bundle.len()));
    edges
}

#[test]
fn device_bundles_cut_short_at_every_section() {
    let bundles = Bundles::of(MODEL);
    let file = bundles.device().join("device.bundle");
    let good = fs::read(&file).unwrap();
    for edge in edges(&good) {
        for length in [edge.saturating_sub(1), edge] {
            if length < good.len() {
                fs::write(&file, &good[..length]).unwrap();
                device_refused(&bundles, &["device.bundle is refused: ", "truncated"]);
            }
        }
    }
    fs::write(&file, [&good[..], &[0; 64]].concat()).unwrap();
    device_refused(&bundles, &["device.bundle is refused: ", "trailing bytes"]);
}

#[test]
fn device_bundles_with_a_flipped_bit_in_every_section() {
    let bundles = Bundles::of(MODEL);
    let file = bundles.device().join("device.bundle");
    let good = fs::read(&file).unwrap();
    for at in edges(&good).into_iter().filter(|&at| at < good.len()) {
        let mut bad = good.clone();
        bad[at] ^= 1 << (at % 8);
        fs::write(&file, bad).unwrap();
        device_refused(&bundles, &["device.bundle is refused: restore it from a copy, or make"]);
    }
    let version = [&good[..8], &[2], &good[9..]].concat();
    fs::write(&file, version).unwrap();
    device_refused(&bundles, &["device bundle version 2 is not supported", "reads version 1"]);
    fs::write(&file, "<!DOCTYPE html>".repeat(10)).unwrap();
    device_refused(&bundles, &["not a subrosa device bundle"]);
}

#[test]
fn device_bundles_that_are_no_files_or_too_large() {
    let bundles = Bundles::of(MODEL);
    let file = bundles.device().join("device.bundle");
    let good = fs::read(&file).unwrap();
    fs::write(&file, &good[..64]).unwrap();
    fs::OpenOptions::new().write(true).open(&file).unwrap().set_len(8 << 30).unwrap();
    device_refused(&bundles, &["device.bundle has 8589934592 bytes", "no memory"]);
    fs::remove_file(&file).unwrap();
    fs::create_dir(&file).unwrap();
    device_refused(&bundles, &["device.bundle", "not a regular file"]);
    #[cfg(unix)]
    {
        fs::remove_dir(&file).unwrap();
        assert!(std::process::Command::new("mkfifo").arg(&file).status().unwrap().success());
        device_refused(&bundles, &["device.bundle", "not a regular file"]);
    }
}

#[track_caller]
fn host_refused(folder: &Path, said: &[&str]) {
    let line = words("serve --listen 127.0.0.1:0 --model", &[&folder]);
    limited(line).failed(1, said).one_line();
}

#[test]
fn host_bundles_damaged_in_every_field() {
    let bundles = Bundles::of(MODEL);
    let file = bundles.host().join("manifest.json");
    let good: Value = serde_json::from_slice(&fs::read(&file).unwrap()).unwrap();
    let fields = |object: &Value| object.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    let mut pointers: Vec<String> = fields(&good).iter().map(|f| format!("/{f}")).collect();
    pointers.extend(fields(&good["config"]).iter().map(|f| format!("/config/{f}")));
    pointers.extend(fields(&good["groups"][8]).iter().map(|f| format!("/groups/8/{f}")));
    for pointer in pointers {
        for value in [json!(null), json!(-1), json!(1_u64 << 40), json!("x")] {
            // The one number that may be so large, and that the host does not use.
            if pointer == "/config/rms_eps" && value == json!(1_u64 << 40) {
                continue;
            }
            let mut manifest = good.clone();
            *manifest.pointer_mut(&pointer).unwrap() = value;
            fs::write(&file, manifest.to_string()).unwrap();
            host_refused(&bundles.host(), &[&format!("{}/", bundles.host().display())]);
        }
        let mut manifest = good.clone();
        let (parent, field) = pointer.rsplit_once('/').unwrap();
        manifest.pointer_mut(parent).unwrap().as_object_mut().unwrap().remove(field);
        fs::write(&file, manifest.to_string()).unwrap();
        host_refused(&bundles.host(), &["manifest.json: "]);
    }
    let text = good.to_string();
    for length in [0, 1, text.len() / 2, text.len() - 1] {
        fs::write(&file, &text[..length]).unwrap();
        host_refused(&bundles.host(), &["manifest.json: "]);
    }
    fs::write(&file, text.replace("\"version\":1", "\"version\":2")).unwrap();
    host_refused(&bundles.host(), &["manifest.json: version 2 is not supported", "version 1"]);
    fs::File::create(&file).unwrap().set_len(8 << 30).unwrap();
    host_refused(&bundles.host(), &["manifest.json: larger than "]);
}

#[test]
fn host_bundles_with_damaged_rows() {
    let bundles = Bundles::of(MODEL);
    let file = bundles.host().join("rows.bin");
    let good = fs::read(&file).unwrap();
    for length in [0, 1, good.len() / 2, good.len() - 1] {
        fs::write(&file, &good[..length]).unwrap();
        host_refused(&bundles.host(), &[&format!("rows.bin: {length} bytes long, not ")]);
    }
    for at in [0, good.len() / 3, good.len() - 1] {
        let mut bad = good.clone();
        bad[at] ^= 4;
        fs::write(&file, bad).unwrap();
        host_refused(&bundles.host(), &["rows.bin: ", "manifest's"]);
    }
}

/// A host that does not look serves damaged weights; its devices notice, drop what they were given
/// and say so.
#[test]
fn damaged_weights_that_are_served_are_noticed() {
    let bundles = Bundles::of(MODEL);
    let file = bundles.host().join("rows.bin");
    let mut bytes = fs::read(&file).unwrap();
    bytes[0] ^= 4;
    bundles.provision(32);
    fs::write(&file, bytes).unwrap();
    let host = Host::unverified(&bundles);
    let options = "--pace 0 --prompt-ids 0 --tokens 2";
    let cheated = run(bundles.generate(&host.address, options));
    cheated.failed(3, &["the host's answers are wrong: ", "correlations and keys are burned"]);
    assert_eq!(bundles.held(), 32 - 17);
}
