//! `convert`, `serve` and `generate`: the two halves as separate processes.

use crate::tool::{
    Bundles, Host, MODEL, NOBODY, Npy, OTHER, Process, fixture, folder, program, run, words,
};
use serde_json::Value;
use std::net::TcpListener;

const OPTIONS: &str = "--json --pace 0 --prompt-ids 0,84,104,101,65 --tokens 10 --temperature 0.9 --seed 3 \
     --method masked";

/// The same request to `demo`, and its logits.
fn demo(model: &str) -> (Value, Npy) {
    let folder = folder();
    let logits = folder.path().join("demo.npy");
    let line = format!("demo {OPTIONS} --model");
    let report = run(words(&line, &[&fixture(model), &"--dump-logits", &logits])).json();
    (report, Npy::read(&logits))
}

#[test]
fn both_halves_give_what_the_demo_gives() {
    for model in [MODEL, "tiny-gqa-f16-sharded"] {
        let (demo, demo_logits) = demo(model);
        let bundles = Bundles::of(model);
        let mut host = Host::of(&bundles);
        // The second run finds what the first has left of whole batches.
        for tokens in [256, 0] {
            let logits = bundles.file("logits.npy");
            let mut arguments = bundles.generate(&host.address, OPTIONS);
            arguments.extend(words("--dump-logits", &[&logits]));
            let report = run(arguments).json();
            assert_eq!(report["token_ids"], demo["token_ids"]);
            assert_eq!(report["text"], demo["text"]);
            assert_eq!(report["offline"]["tokens"], tokens);
            assert_eq!(report["online"]["checks_passed"], demo["online"]["checks_passed"]);
            assert_eq!(report["checks_failed"], 0);
            // Who has no weights cannot compare.
            assert_eq!(report["identical_tokens"], Value::Null);
            assert!(Npy::read(&logits).words == demo_logits.words, "every bit of every logit");
        }
        assert!(host.process.runs());
    }
}

#[test]
fn two_devices_at_once() {
    let (demo, _) = demo(MODEL);
    let bundles = Bundles::of(MODEL);
    let host = Host::of(&bundles);
    let runs = ["first", "second"].map(|store| {
        let mut arguments = bundles.generate(&host.address, OPTIONS);
        arguments.extend(words("--correlations", &[&bundles.file(store)]));
        Process::start(&mut program(arguments))
    });
    for run in runs {
        assert_eq!(run.finish().json()["token_ids"], demo["token_ids"]);
    }
}

#[test]
fn a_host_that_is_not_there() {
    let bundles = Bundles::of(MODEL);
    let said = format!("connecting to {NOBODY}: ");
    run(bundles.generate(NOBODY, OPTIONS)).failed(1, &[&said, "refused"]);
    run(bundles.generate("no-such-name.invalid", &format!("--plain {OPTIONS}")))
        .failed(1, &["connecting to no-such-name.invalid:7766: "]);
}

#[test]
fn a_host_of_another_model() {
    let (host, device) = (Bundles::of(OTHER), Bundles::of(MODEL));
    let mut host = Host::of(&host);
    run(device.generate(&host.address, OPTIONS))
        .failed(1, &["the host refused: it serves another model"]);
    host.process.says("session refused");
    assert!(host.process.runs());
}

/// A device in the middle of a session, with correlations that were made before.
fn slow_device(bundles: &Bundles, host: &Host) -> Process {
    bundles.provision(32);
    // 16 + 9 steps of 8 groups and 10 heads, 20 ms each.
    bundles.session(&host.address, &OPTIONS.replace("--pace 0", "--pace 20000"))
}

#[test]
fn a_host_that_is_killed_in_a_session_and_does_not_come_back() {
    let bundles = Bundles::of(MODEL);
    let mut host = Host::of(&bundles);
    let mut device = slow_device(&bundles, &host);
    host.process.kill();
    device.says("the link is broken");
    assert!(device.runs());
    device.finish().failed(1, &["session with ", "the link to the host failed: ", "refused"]);
    assert_eq!(bundles.held(), 32 - 25, "what the session reserved is burned, and no more");
}

#[test]
fn a_host_that_is_killed_in_a_session_and_comes_back() {
    let (demo, _) = demo(MODEL);
    let bundles = Bundles::of(MODEL);
    let mut host = Host::of(&bundles);
    let mut device = slow_device(&bundles, &host);
    host.process.kill();
    device.says("the link is broken");
    let _host = Host::on(&host.address, &bundles);
    let report = device.finish().json();
    assert_eq!(report["token_ids"], demo["token_ids"]);
    assert_eq!(report["checks_failed"], 0);
}

#[test]
fn a_host_that_is_killed_while_correlations_are_prepared() {
    let bundles = Bundles::of(MODEL);
    let mut host = Host::of(&bundles);
    let large = "--prompt-ids 0 --tokens 4 --batch 4096 --method masked";
    let mut device = Process::start(&mut program(bundles.generate(&host.address, large)));
    device.says("preparing 4096 tokens");
    host.process.kill();
    device.finish().failed(1, &["preparing correlations failed: "]);
}

#[test]
fn an_address_in_use() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let bundles = Bundles::of(MODEL);
    let line = format!("serve --listen {address} --model");
    run(words(&line, &[&bundles.host()]))
        .failed(1, &[&format!("listening on {address}: "), "in use"]);
}

#[test]
fn conversions_say_what_comes_next() {
    let folder = folder();
    let (host, device) = (folder.path().join("h"), folder.path().join("d"));
    let made = run(words("convert host --out", &[&host, &fixture(MODEL)])).succeeded();
    assert!(made.stderr.contains("serve it with: subrosa serve --model"), "{made:?}");
    let made_device = run(words("convert device --out", &[&device, &fixture(MODEL)])).succeeded();
    assert!(made_device.stderr.contains("keep it from every host"), "{made_device:?}");
    let digest = |stderr: &str| {
        stderr.split("digest ").nth(1).unwrap().split_whitespace().next().unwrap().to_owned()
    };
    assert_eq!(digest(&made.stderr), digest(&made_device.stderr));
    assert_eq!((made.stdout + &made_device.stdout).len(), 0);
    // A folder of something else is left alone; an earlier bundle is replaced.
    run(words("convert host --out", &[&device, &fixture(MODEL)]))
        .failed(1, &["is no host bundle of an earlier conversion"]);
    run(words("convert host --out", &[&host, &fixture(OTHER)])).succeeded();
    let empty = folder.path().join("e");
    std::fs::create_dir(&empty).unwrap();
    run(words("convert host --out", &[&host, &empty])).failed(1, &["config.json: No such file"]);
}
