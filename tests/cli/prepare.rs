//! `prepare`: correlations ahead of time.

use crate::tool::{Bundles, Host, MODEL, NOBODY, Outcome, Process, fixture, program, run, words};
use std::ffi::OsString;
use std::fs;

const OPTIONS: &str = "--json --pace 0 --prompt-ids 0,84,104 --tokens 5 --seed 1 --temperature 1";
/// Seven matrices of two layers, in four groups each, and the head.
const GROUPS: u32 = 9;

fn arguments(bundles: &Bundles, host: &str, options: &str) -> Vec<OsString> {
    words(&format!("prepare --method masked --host {host} {options} --model"), &[&bundles.device()])
}

fn prepare(bundles: &Bundles, host: &str, options: &str) -> Outcome {
    let end = run(arguments(bundles, host, options)).succeeded();
    assert_eq!(end.stdout, "");
    end
}

/// The number of units in what is said before it starts.
fn units(said: &str) -> u32 {
    let number = said.split(" tokens in ").nth(1).unwrap().split(' ').next().unwrap();
    number.parse().unwrap()
}

#[track_caller]
fn says(end: &Outcome, said: &[&str]) {
    for said in said {
        assert!(end.stderr.contains(said), "{said:?} is not in {}", end.stderr);
    }
}

#[test]
fn what_is_held_is_not_prepared_again() {
    let bundles = Bundles::of(MODEL);
    let host = Host::of(&bundles);
    let first = prepare(&bundles, &host.address, "--tokens 200");
    says(
        &first,
        &[
            "preparing 256 tokens in 9 units: 1.5 MB up, 37.1 MB down, 1.6 MB stored; about ",
            " s of this device's work, and the link's and the host's",
            "correlations holds 256 tokens (9 units in ",
            "all checks passed",
        ],
    );
    assert_eq!(bundles.held(), 256);
    let before = fs::read(bundles.store()).unwrap();
    let line = "nothing to do: ";
    says(&prepare(&bundles, NOBODY, "--tokens 256"), &[line, "correlations holds 256 tokens"]);
    says(&prepare(&bundles, NOBODY, "--tokens 1 --batch 4096"), &[line]);
    assert_eq!(fs::read(bundles.store()).unwrap(), before);

    // What is lacking, in larger batches.
    let more = prepare(&bundles, &host.address, "--tokens 300 --batch 512");
    says(&more, &["preparing 512 tokens in 9 units", "correlations holds 768 tokens"]);
    let report = run(bundles.generate(&host.address, OPTIONS)).json();
    assert_eq!(report["offline"]["tokens"], 0);
    assert_eq!(report["offline"]["bytes_down"], 0);
    let line = format!("demo {OPTIONS} --model");
    let demo = run(words(&line, &[&fixture(MODEL)])).json();
    assert_eq!(report["token_ids"], demo["token_ids"]);
    // The head took 5 tokens and the other groups 20: each lacks its own.
    assert_eq!(bundles.held(), 768 - 20);
    let lacking = prepare(&bundles, &host.address, "--tokens 763");
    assert_eq!(units(&lacking.stderr), GROUPS - 1);
    let lacking = prepare(&bundles, &host.address, "--tokens 764");
    assert_eq!(units(&lacking.stderr), 1, "the head's");
}

/// Several keys: fewer bytes for as many tokens, by as many as was said.
#[test]
fn keys_share_what_comes_down() {
    let bundles = Bundles::of(MODEL);
    let host = Host::of(&bundles);
    // Words of 45 bits of masks and of 35 of bodies: (45 * 4096 + 35 * 256 keys) / 8 bytes a row.
    let line = "preparing 768 tokens in 9 units: 4.4 MB up, 40.6 MB down, 4.7 MB stored; about ";
    let made = prepare(&bundles, &host.address, "--tokens 600 --keys 3");
    says(&made, &[line, "correlations holds 768 tokens (9 units in ", "; 4.4 MB up, 40.6 MB down"]);
    let report = run(bundles.generate(&host.address, OPTIONS)).json();
    assert_eq!((&report["offline"]["tokens"], &report["checks_failed"]), (&0.into(), &0.into()));
    let demo =
        run(words(&format!("demo {OPTIONS} --method masked --keys 2 --model"), &[&fixture(MODEL)]));
    let demo = demo.json();
    assert_eq!((&demo["batch"], &demo["offline"]["tokens"]), (&512.into(), &512.into()));
    assert_eq!(report["token_ids"], demo["token_ids"]);
}

#[test]
fn a_store_beside_the_device_folder() {
    let bundles = Bundles::of(MODEL);
    let host = Host::of(&bundles);
    let file = bundles.file("elsewhere");
    let mut line = arguments(&bundles, &host.address, "--tokens 20");
    line.extend(words("--correlations", &[&file]));
    run(line).succeeded();
    assert!(file.exists() && !bundles.store().exists());
}

#[test]
fn a_host_that_is_not_there() {
    let bundles = Bundles::of(MODEL);
    run(arguments(&bundles, NOBODY, "--tokens 20"))
        .failed(1, &["preparing correlations failed: connecting to 127.0.0.1:1", "refused"]);
    let host = Host::of(&bundles);
    prepare(&bundles, &host.address, "--tokens 20");
}

/// Ends a preparation in its middle, and goes on.
fn stopped_in_the_middle(stop: impl FnOnce(Process)) {
    let bundles = Bundles::of(MODEL);
    let host = Host::of(&bundles);
    let line = arguments(&bundles, &host.address, "--tokens 1000");
    let mut process = Process::start(&mut program(line));
    assert_eq!(units(&process.says("preparing 1024 tokens")), 4 * GROUPS);
    // Two units of the first group are complete, and the third is begun.
    let two = 2 * 256 * (4 * 192 + 16);
    let regions = || fs::metadata(bundles.store()).is_ok_and(|file| file.len() > 90_000 + two);
    process.until(regions);
    stop(process);

    let rest = prepare(&bundles, &host.address, "--tokens 1000");
    let left = units(&rest.stderr);
    assert!((1..=4 * GROUPS - 2).contains(&left), "{left} of {} are left", 4 * GROUPS);
    says(&rest, &["correlations holds 1024 tokens", &format!("({left} units in ")]);
    let report = run(bundles.generate(&host.address, OPTIONS)).json();
    assert_eq!(report["offline"]["tokens"], 0);
    assert_eq!(report["checks_failed"], 0);
    assert_eq!(bundles.held(), 1024 - 20);
}

#[test]
fn a_preparation_that_is_killed_goes_on() {
    stopped_in_the_middle(|mut process| process.kill());
}

#[cfg(unix)]
#[test]
fn a_preparation_that_is_interrupted_goes_on() {
    stopped_in_the_middle(|process| {
        process.signal("INT");
        let end = process.finish();
        assert_eq!((end.code, &*end.stdout), (Some(130), ""), "{end:?}");
        assert!(end.stderr.ends_with("interrupted"), "{end:?}");
    });
}
