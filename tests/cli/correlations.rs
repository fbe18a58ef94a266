//! `provision`, and `generate --correlations`.

use crate::tool::{Bundles, Host, MODEL, Npy, OTHER, Process, fixture, program, run, words};
use std::ffi::OsString;
use std::fs;
use std::net::TcpListener;
use std::path::Path;

/// 16 positions of the prompt's bucket and 4 of the answer: 20 tokens of correlations, less one.
const OPTIONS: &str = "--json --pace 0 --prompt-ids 0,84,104 --tokens 5 --seed 1 --temperature 1";
const TOKENS: u32 = 20;

fn provision(weights: &Bundles, device: &Bundles, tokens: u32, out: &Path) -> Vec<OsString> {
    let line = format!("provision --tokens {tokens} --weights");
    words(&line, &[&weights.host(), &"--model", &device.device(), &"--out", &out])
}

fn generate(bundles: &Bundles, host: &str, file: &Path) -> Vec<OsString> {
    let mut arguments = bundles.generate(host, OPTIONS);
    arguments.extend(words("--correlations", &[&file]));
    arguments
}

#[test]
fn a_file_is_used_up_run_by_run() {
    let bundles = Bundles::of(MODEL);
    let file = bundles.file("correlations");
    let made = run(provision(&bundles, &bundles, 2 * TOKENS + 3, &file)).succeeded();
    assert!(made.stderr.contains("provisioning 43 tokens: "), "{made:?}");
    assert_eq!(made.stdout, "");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    }

    let demo_logits = bundles.file("demo.npy");
    let line = format!("demo {OPTIONS} --model");
    let demo = run(words(&line, &[&fixture(MODEL), &"--dump-logits", &demo_logits])).json();
    let host = Host::of(&bundles);
    let mut before = fs::read(&file).unwrap();
    for _ in 0..2 {
        let logits = bundles.file("logits.npy");
        let mut arguments = generate(&bundles, &host.address, &file);
        arguments.extend(words("--dump-logits", &[&logits]));
        let report = run(arguments).json();
        assert_eq!(report["token_ids"], demo["token_ids"]);
        assert_eq!(report["checks_failed"], 0);
        assert_eq!(report["offline"]["tokens"], 0);
        assert_eq!(report["online"]["tokens"], 5);
        assert!(Npy::read(&logits).words == Npy::read(&demo_logits).words);
        let after = fs::read(&file).unwrap();
        assert_ne!(after, before, "what is used is counted");
        before = after;
    }
    run(generate(&bundles, &host.address, &file)).failed(
        1,
        &["correlations for 3 more tokens, and this request takes 20", "provision more"],
    );
    assert_eq!(fs::read(&file).unwrap(), before, "a refusal uses nothing");
}

#[test]
fn a_host_that_is_not_there_costs_no_correlations() {
    let bundles = Bundles::of(MODEL);
    let file = bundles.file("correlations");
    run(provision(&bundles, &bundles, TOKENS, &file)).succeeded();
    let before = fs::read(&file).unwrap();
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    run(generate(&bundles, &format!("127.0.0.1:{port}"), &file)).failed(1, &["connecting to "]);
    assert_eq!(fs::read(&file).unwrap(), before);
    let host = Host::of(&bundles);
    run(generate(&bundles, &host.address, &file)).succeeded();
}

#[test]
fn files_that_are_refused() {
    let bundles = Bundles::of(MODEL);
    let other = Bundles::of(OTHER);
    let file = bundles.file("correlations");
    run(provision(&other, &bundles, TOKENS, &file)).failed(1, &["different models"]);
    assert!(!file.exists());
    run(provision(&bundles, &bundles, TOKENS, &file)).succeeded();
    let whole = fs::read(&file).unwrap();

    let host = Host::of(&other);
    run(generate(&other, &host.address, &file)).failed(1, &["was provisioned for another model"]);
    let host = Host::of(&bundles);
    let refused = |bytes: &[u8], said: &str| {
        fs::write(&file, bytes).unwrap();
        run(generate(&bundles, &host.address, &file)).failed(1, &["correlations", said]);
    };
    refused(&[], "is too short");
    refused(&whole[..63], "is too short");
    refused(&whole[..whole.len() - 1], "is damaged: it has");
    refused(&[&whole[..], b"x"].concat(), "is damaged: it has");
    refused(&[b"x", &whole[1..]].concat(), "is not a file of provisioned correlations");
    // More used than there are.
    let mut overdrawn = whole.clone();
    overdrawn[64] = TOKENS as u8 + 1;
    refused(&overdrawn, "is damaged: more tokens are used");
    // A count of tokens that no file can have.
    let mut huge = whole.clone();
    huge[16..20].fill(0xff);
    refused(&huge, "is damaged: it has");
    fs::write(&file, &whole).unwrap();
    run(generate(&bundles, &host.address, &file)).succeeded();
}

#[test]
fn a_damaged_correlation_is_caught_and_nothing_is_shown() {
    let bundles = Bundles::of(MODEL);
    let file = bundles.file("correlations");
    run(provision(&bundles, &bundles, TOKENS, &file)).succeeded();
    let mut bytes = fs::read(&file).unwrap();
    // z of the first token of the first group: wrong from the first product on.
    let at = 64 + 9 * 36;
    bytes[at] ^= 1;
    fs::write(&file, bytes).unwrap();
    let host = Host::of(&bundles);
    let logits = bundles.file("logits.npy");
    let mut arguments = generate(&bundles, &host.address, &file);
    arguments.extend(words("--dump-logits", &[&logits]));
    run(arguments).failed(3, &["checks failed"]);
    assert!(!logits.exists());
}

#[test]
fn nothing_is_overwritten() {
    let bundles = Bundles::of(MODEL);
    let file = bundles.file("correlations");
    fs::write(&file, "precious").unwrap();
    run(provision(&bundles, &bundles, TOKENS, &file)).failed(1, &["correlations exists"]);
    assert_eq!(fs::read(&file).unwrap(), b"precious");
    let nowhere = bundles.file("no/such/folder");
    run(provision(&bundles, &bundles, TOKENS, &nowhere)).failed(1, &["creating", "No such file"]);
}

#[test]
fn one_process_at_a_time() {
    let bundles = Bundles::of(MODEL);
    let file = bundles.file("correlations");
    run(provision(&bundles, &bundles, 2 * TOKENS, &file)).succeeded();
    let host = Host::of(&bundles);
    let mut slow = generate(&bundles, &host.address, &file);
    // The first process goes slowly.
    let at = slow.iter().position(|word| word == "--pace").unwrap();
    slow[at + 1] = "10000000".into();
    let mut first = Process::start(&mut program(slow));
    let used = || fs::read(&file).unwrap()[64];
    first.until(|| used() > 0);
    run(generate(&bundles, &host.address, &file)).failed(1, &["is in use by another process"]);
    // What a process that died had reserved is burned; the rest is good.
    first.kill();
    assert_eq!(u32::from(used()), TOKENS);
    run(generate(&bundles, &host.address, &file)).succeeded();
    assert_eq!(u32::from(used()), 2 * TOKENS);
}
