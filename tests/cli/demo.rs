//! `demo`: text, report, JSON, logits.

use crate::tool::{MODEL, MODELS, Npy, fixture, folder, run, words};
use serde_json::Value;

const IDS: &str = "0,84,104,101,65";

/// A demo of a fixture with `options`, as JSON.
fn demo(model: &str, options: &str) -> Value {
    run(words(
        &format!("demo --json --pace 0 --method masked {options} --model"),
        &[&fixture(model)],
    ))
    .json()
}

/// A phase has time, tokens and bytes; returns the tokens.
fn phase(report: &Value, name: &str) -> u64 {
    let phase = &report[name];
    assert!(phase["seconds"].as_f64().unwrap() > 0.0, "{phase}");
    assert!(phase["bytes_up"].as_u64().unwrap() > 1000, "{phase}");
    assert!(phase["bytes_down"].as_u64().unwrap() > phase["bytes_up"].as_u64().unwrap(), "{phase}");
    phase["tokens"].as_u64().unwrap()
}

#[test]
fn every_fixture_gives_what_the_clear_run_gives() {
    for model in MODELS {
        let folder = folder();
        let logits = folder.path().join("logits.npy");
        let line =
            format!("demo --method masked --json --pace 0 --prompt-ids {IDS} --tokens 12 --model");
        let report = run(words(&line, &[&fixture(model), &"--dump-logits", &logits])).json();
        assert_eq!(report["identical_tokens"], true);
        assert_eq!(report["identical_logits"], true);
        assert_eq!(report["checks_failed"], 0);
        assert_eq!(report["prompt_ids"], serde_json::json!([0, 84, 104, 101, 65]));
        let tokens: Vec<u64> =
            report["token_ids"].as_array().unwrap().iter().map(|id| id.as_u64().unwrap()).collect();
        assert_eq!(tokens.len(), 12);
        assert!(report["text"].is_string());
        assert_eq!(phase(&report, "offline"), 256, "whole batches");
        assert_eq!(phase(&report, "online"), 12);
        // Two layers of four groups and the head: a unit each. 16 + 11 positions, 12 heads.
        let rows = 8 * (16 + 11) + 12;
        assert_eq!(report["offline"]["checks_passed"], 9);
        assert_eq!(report["online"]["checks_passed"], rows);
        assert_eq!(report["checks_passed"], 9 + rows);

        let logits = Npy::read(&logits);
        assert_eq!((logits.rows, logits.columns), (12, 256));
        for (row, &token) in logits.words.chunks_exact(256).zip(&tokens) {
            let row: Vec<f32> = row.iter().map(|&word| f32::from_bits(word)).collect();
            let largest = row.iter().copied().fold(f32::MIN, f32::max);
            assert_eq!(row[token as usize], largest, "greedy");
        }
    }
}

#[test]
fn a_seed_repeats_a_draw_and_another_changes_it() {
    let draw = |seed: &str| {
        let options = format!("--prompt-ids {IDS} --tokens 16 --temperature 0.8 {seed}");
        let report = demo(MODEL, &options);
        assert_eq!(report["identical_tokens"], true);
        report["token_ids"].clone()
    };
    let first = draw("--seed 7");
    assert_eq!(draw("--seed 7"), first);
    assert_ne!(draw("--seed 8"), first);
    assert_ne!(draw(""), draw(""), "without a seed every run differs");
    let greedy = demo(MODEL, &format!("--prompt-ids {IDS} --tokens 16 --seed 7"));
    assert_ne!(greedy["token_ids"], first);
    // A nucleus of next to nothing holds the most likely token alone.
    let narrow = demo(
        MODEL,
        &format!("--prompt-ids {IDS} --tokens 16 --temperature 0.8 --top-p 0.000001 --seed 7"),
    );
    assert_eq!(narrow["token_ids"], greedy["token_ids"]);
}

#[test]
fn larger_batches_and_other_chunks_change_nothing_but_the_cost() {
    let base = demo(MODEL, &format!("--prompt-ids {IDS} --tokens 4"));
    let large = demo(MODEL, &format!("--prompt-ids {IDS} --tokens 4 --batch 512 --chunk 3"));
    assert_eq!(large["offline"]["tokens"], 512);
    assert_eq!(large["token_ids"], base["token_ids"]);
    assert_eq!(large["text"], base["text"]);
    let bytes = |report: &Value| report["offline"]["bytes_down"].as_u64().unwrap();
    assert!(bytes(&large) > bytes(&base));
}

#[test]
fn stdout_has_the_text_alone_and_stderr_the_rest() {
    let line = "demo --pace 0 --tokens 24 --prompt";
    let text = run(words(line, &[&"lock the back door"])).succeeded();
    let line = "demo --pace 0 --tokens 24 --json --prompt";
    let json = run(words(line, &[&"lock the back door"])).succeeded();
    let report: Value = serde_json::from_str(&json.stdout).unwrap();
    assert_eq!(text.stdout, format!("{}\n", report["text"].as_str().unwrap()));
    assert!(text.stdout.contains("{\"action\":\"lock\",\"door\":\"back door\"}\n"), "{text:?}");
    for said in [
        "built-in demo model",
        "preparing 64 tokens in 41 units: 6.0 MB up, 4.3 MB down",
        "method   direct: about ",
        "tokens/s",
        "64 tokens prepared through direct mode, in whole batches of 32",
        "24 tokens generated",
        " passed, 0 failed",
        "tokens identical, logits identical",
    ] {
        assert!(text.stderr.contains(said), "{said:?} is not in {}", text.stderr);
    }
    // Progress bars are for terminals.
    for stderr in [&text.stderr, &json.stderr] {
        assert!(!stderr.contains('\r') && !stderr.contains('\u{1b}'), "{stderr:?}");
    }
    assert!(!json.stderr.contains("tokens/s"), "the report is in the object: {}", json.stderr);
    assert_eq!(json.stdout.lines().count(), 1);
}

/// From the command line to the file, against what PyTorch computed for the same text.
#[test]
fn dumped_logits_are_near_those_of_the_float_model() {
    let file = std::fs::read(fixture(MODEL).join("reference.safetensors")).unwrap();
    let file = safetensors::SafeTensors::deserialize(&file).unwrap();
    let ids = file.tensor("token_ids").unwrap().data().chunks_exact(8);
    let ids: Vec<_> = ids.map(|id| u64::from(id[0]).to_string()).collect();
    let expected = file.tensor("logits").unwrap().data().chunks_exact(4);
    let expected: Vec<_> = expected.map(|w| f32::from_le_bytes(w.try_into().unwrap())).collect();

    let folder = folder();
    let dumped = folder.path().join("logits.npy");
    let line = format!("demo --json --pace 0 --tokens 1 --prompt-ids {} --model", ids.join(","));
    run(words(&line, &[&fixture(MODEL), &"--dump-logits", &dumped])).succeeded();
    let dumped = Npy::read(&dumped);
    let (mut error, mut power) = (0.0, 0.0);
    for (&word, &expected) in dumped.words.iter().zip(&expected[(ids.len() - 1) * 256..]) {
        error += (f32::from_bits(word) - expected).powi(2);
        power += expected.powi(2);
    }
    assert!(error.sqrt() < 0.04 * power.sqrt(), "{error} of {power}");
}
