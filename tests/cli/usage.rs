//! Wrong usage: exit code 2 and a word of help. Failures: exit code 1 and one clear error.

use crate::tool::{MODEL, fixture, run, words};

/// Wrong usage, refused before anything is read.
#[track_caller]
fn wrong(line: &str, said: &[&str]) {
    let failed = run(line.split_whitespace()).failed(2, said);
    assert!(failed.stderr.contains("--help"), "{failed:?}");
}

#[test]
fn commands_and_arguments() {
    wrong("frobnicate", &["unrecognized subcommand 'frobnicate'", "Usage: subrosa"]);
    wrong("demo --frobnicate", &["unexpected argument '--frobnicate'"]);
    wrong("demo surplus", &["unexpected argument 'surplus'"]);
    wrong("convert host x", &["--out <DIR>"]);
    wrong("convert sideways x", &["unrecognized subcommand 'sideways'"]);
    wrong("generate --model x", &["--host <ADDR>"]);
    wrong("generate --host x", &["--model <DEVICE_DIR>"]);
    wrong("serve", &["--model <DIR>"]);
    wrong("provision --weights x", &["--model <DEVICE_DIR>"]);
    wrong("provision --weights x --model y --out z", &["unexpected argument '--out'"]);
    wrong("prepare --host x --model y", &["--tokens <COUNT>"]);
    wrong("demo --prompt a --prompt-ids 1", &["--prompt <TEXT>", "cannot be used with"]);
    wrong("demo --raw --prompt-ids 1", &["--raw", "cannot be used with"]);
}

#[test]
fn no_command_shows_the_help() {
    for line in ["", "convert"] {
        let shown = run(line.split_whitespace());
        assert_eq!((shown.code, &*shown.stdout), (Some(2), ""));
        assert!(shown.stderr.contains("Usage: subrosa"), "{shown:?}");
    }
}

#[test]
fn numbers() {
    wrong("demo --tokens 0", &["--tokens"]);
    wrong("demo --tokens many", &["--tokens", "invalid digit"]);
    wrong("demo --tokens -3", &["-3"]);
    wrong("demo --batch 300", &["--batch", "256, 512, 1024, 2048 or 4096"]);
    wrong("demo --batch 18446744073709551616", &["--batch"]);
    wrong("demo --keys 0", &["--keys", "1..=16"]);
    wrong("demo --keys 17", &["--keys", "1..=16"]);
    wrong("demo --temperature -1", &["--temperature", "zero or a positive"]);
    wrong("demo --temperature nan", &["--temperature", "zero or a positive"]);
    wrong("demo --temperature inf", &["--temperature", "zero or a positive"]);
    wrong("demo --temperature hot", &["--temperature", "invalid float"]);
    wrong("demo --top-p 0", &["--top-p", "above 0 and at most 1"]);
    wrong("demo --top-p 1.01", &["--top-p", "above 0 and at most 1"]);
    wrong("demo --top-p -0.5", &["--top-p", "above 0 and at most 1"]);
    wrong("demo --seed -1", &["-1"]);
    wrong("demo --seed x", &["--seed"]);
    wrong("demo --chunk 0", &["--chunk"]);
    wrong("demo --chunk 65", &["--chunk"]);
    wrong("demo --threads 100000", &["--threads"]);
    wrong("demo --prompt-ids 1,b", &["--prompt-ids", "'b'"]);
    wrong("demo --prompt-ids 1,,2", &["--prompt-ids"]);
    wrong("demo --prompt-ids -1", &["-1"]);
    wrong("provision --weights x --model y --tokens 0", &["--tokens"]);
    wrong("prepare --host x --model y --tokens 0", &["--tokens"]);
    wrong("prepare --host x --model y --tokens 9 --batch 300", &["--batch"]);
    wrong("prepare --host x --model y --tokens 9 --keys 257", &["--keys"]);
    wrong("serve --model x --sessions 0", &["--sessions"]);
    wrong("serve --model x --listen localhost", &["--listen"]);
    wrong("serve --model x --listen 127.0.0.1", &["--listen"]);
    wrong("generate --model x --host :1", &["--host", "port"]);
    wrong("generate --model x --host http://example.org/", &["--host"]);
}

#[test]
fn an_empty_prompt() {
    let failed = run(["demo", "--prompt", ""]).failed(2, &["--prompt <TEXT>"]);
    assert!(failed.stderr.contains("value is required"), "{failed:?}");
}

#[test]
fn requests_that_the_model_cannot_serve_are_refused_before_work_begins() {
    let demo = |options: &str| run(words(&format!("demo {options} --model"), &[&fixture(MODEL)]));
    let long = vec!["65"; 129].join(",");
    let full = vec!["65"; 128].join(",");
    for (options, said) in [
        ("--prompt-ids 0,256", "token 256 of the prompt is beyond the model's vocabulary of 256"),
        ("--prompt-ids 0,65 --tokens 128", "--tokens can be 127 at most"),
        (
            &format!("--prompt-ids {long}"),
            "the prompt has 129 tokens, more than the model's context of 128",
        ),
        (&format!("--prompt-ids {full} --tokens 2"), "--tokens can be 1 at most"),
    ] {
        let failed = demo(options).failed(1, &[said]);
        assert_eq!(
            failed.stderr.lines().filter(|l| !l.starts_with("note: ")).count(),
            1,
            "{failed:?}"
        );
    }
    let words = "word ".repeat(200);
    let line = crate::tool::words("demo --model", &[&fixture(MODEL), &"--prompt", &words]);
    run(line).failed(1, &["more than the model's context of 128"]);
}

#[test]
fn the_whole_context_can_be_used() {
    let full = vec!["65"; 128].join(",");
    for options in [format!("--prompt-ids {full} --tokens 1"), "--prompt-ids 0 --tokens 128".into()]
    {
        let line = format!("demo --json --pace 0 {options} --model");
        let report = run(words(&line, &[&fixture(MODEL)])).json();
        assert_eq!(report["identical_logits"], true, "{options}");
    }
}
