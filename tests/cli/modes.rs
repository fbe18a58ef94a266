//! Direct and mixed mode: the same text as masked mode, and hosts that are caught and remembered.

use crate::strangers::{HEADER, Spoil, spoiling};
use crate::tool::{
    Bundles, Host, MODEL, NOBODY, Outcome, Process, fixture, folder, program, run, state, words,
};
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};

pub(crate) const OPTIONS: &str = "--pace 0 --prompt-ids 0,84 --tokens 3 --method masked";
/// Frames of the host: a welcome, then one for each product.
const PRODUCT: usize = 7;
/// In direct mode the highest bit of a mask's first word, in masked mode a bit of some word.
pub(crate) const LIE: Spoil = |frame| frame[HEADER + 16 + 5] ^= 2;

/// Where hosts that failed a check are remembered.
pub(crate) fn list() -> PathBuf {
    state().join("subrosa/distrusted-hosts")
}

pub(crate) fn generate(bundles: &Bundles, host: &str, mode: &str) -> Outcome {
    run(bundles.generate(host, &format!("{OPTIONS} --mode {mode}")))
}

fn demo(options: &str) -> Outcome {
    run(words(&format!("demo {OPTIONS} {options} --model"), &[&fixture(MODEL)]))
}

/// What a report in JSON says of a run beside a masked one.
fn same_as_masked(report: &Value, mode: &str) {
    assert_eq!(report["mode"], mode);
    for run in [report, &report["masked"]] {
        assert_eq!(run["identical_tokens"], true, "{run}");
        assert_eq!(run["identical_logits"], true, "{run}");
    }
    assert_eq!(report["checks_failed"], 0);
    // 16 + 2 positions, two layers of four groups, three heads.
    assert_eq!(report["online"]["checks_passed"], 18 * 8 + 3);
    assert_eq!(report["masked"]["online"]["checks_passed"], 18 * 8 + 3);
    let bytes = |place: &Value| place.as_u64().unwrap();
    let online = &report["online"];
    assert!(bytes(&online["key_bytes"]) > 100_000);
    assert!(bytes(&online["bytes_up"]) > bytes(&online["key_bytes"]));
    assert_eq!(report["masked"]["online"]["key_bytes"], Value::Null);
    assert!(bytes(&report["masked"]["online"]["bytes_up"]) < bytes(&online["bytes_up"]));
}

#[test]
fn demos_equal_masked_runs_and_the_clear_one() {
    let direct = demo("--json --mode direct").json();
    same_as_masked(&direct, "direct");
    assert_eq!(direct["offline"]["tokens"], 0, "nothing is prepared");
    assert_eq!(direct["masked"]["offline"]["tokens"], 256);

    let mixed = demo("--mode mixed").succeeded();
    for said in [
        // (4 + 4) products in each of three steps and three heads, half of which are masked.
        "13 of 27 products are masked, the others encrypted as they come",
        "of these up are evaluation keys, sent once",
        "masked:  ",
        "tokens identical, logits identical to those of masked mode",
        "tokens identical, logits identical to the same quantised model in the clear",
    ] {
        assert!(mixed.stderr.contains(said), "{said:?} is not in {}", mixed.stderr);
    }
    assert_eq!(mixed.stdout.trim_end(), direct["text"].as_str().unwrap().trim_end());
    assert!(!list().exists(), "an honest host is not remembered");
}

#[test]
fn both_halves_in_direct_and_mixed_mode() {
    let bundles = Bundles::of(MODEL);
    let mut host = Host::of(&bundles);
    let generate = |mode: &str| {
        run(bundles.generate(&host.address, &format!("--json {OPTIONS} --mode {mode}")))
    };
    let direct = generate("direct").json();
    assert!(!bundles.store().exists(), "direct mode needs no store");
    // Enough for the prompt's rows and one of the answer's: two steps with their heads.
    bundles.provision(17);
    let mixed = generate("mixed");
    let said = "18 of 27 products are masked, the others encrypted as they come";
    assert!(mixed.stderr.contains(said), "{mixed:?}");
    let mixed = mixed.json();
    let masked = generate("masked").json();
    for (report, mode) in [(&direct, "direct"), (&mixed, "mixed"), (&masked, "masked")] {
        assert_eq!(report["mode"], mode);
        assert_eq!(report["token_ids"], direct["token_ids"]);
        assert_eq!(report["text"], direct["text"]);
        assert_eq!(report["online"]["checks_passed"], 18 * 8 + 3);
        assert_eq!(report["checks_failed"], 0);
        assert_eq!(report["masked"], Value::Null, "only a demonstration compares");
    }
    assert_eq!(mixed["offline"]["tokens"], 0, "mixed mode prepares nothing");
    let up = |report: &Value| report["online"]["bytes_up"].as_u64().unwrap();
    assert!(up(&masked) < up(&mixed) && up(&mixed) < up(&direct));
    assert!(host.process.runs());
}

/// A lie in direct mode: exit code 3, and from then on masked mode alone.
#[test]
fn a_host_that_is_caught_is_refused_for_direct_mode() {
    let bundles = Bundles::of(MODEL);
    let host = Host::of(&bundles);
    let liar = spoiling(&host, PRODUCT, LIE);
    generate(&bundles, &liar, "direct").failed(3, &["the host's answers are wrong: "]);
    let listed = fs::read_to_string(list()).unwrap();
    assert_eq!(listed, format!("{liar}\n"));
    // The proxy lies once, but the device knows the host.
    let why = format!("answers of {liar} have failed a check before: only masked mode may be used");
    let remedy = format!("take its line out of {}", list().display());
    for mode in ["direct", "mixed"] {
        generate(&bundles, &liar, mode).failed(1, &[&why, &remedy]).one_line();
    }
    bundles.provision(18);
    generate(&bundles, &liar, "masked").succeeded();
    // Another host is not meant, and a host that is taken off the list is a host again.
    generate(&bundles, &host.address, "direct").succeeded();
    fs::write(list(), "example.org:7766\n").unwrap();
    generate(&bundles, &liar, "direct").succeeded();
}

/// A lie stays one if the session then ends early, and in masked mode; one line for each host.
#[test]
fn lies_are_remembered_in_any_mode_and_however_the_session_ends() {
    let bundles = Bundles::of(MODEL);
    let host = Host::of(&bundles);
    bundles.provision(36);
    // The last line has no end, as after a power cut.
    fs::create_dir_all(list().parent().unwrap()).unwrap();
    fs::write(list(), "EXAMPLE.org").unwrap();
    let liar = spoiling(&host, PRODUCT, LIE);
    generate(&bundles, &liar, "masked").failed(3, &["the host's answers are wrong: "]);
    generate(&bundles, &liar, "direct").failed(1, &["only masked mode may be used with it"]);
    let said = ["only masked mode may be used with it"];
    generate(&bundles, "example.ORG", "direct --plain").failed(1, &said);

    // A lie, and in the frame after it a number that is not due.
    let twofold: Spoil = |frame| {
        LIE(frame);
        frame.extend(frame.clone());
    };
    let leaving = spoiling(&host, PRODUCT, twofold);
    let said = ["the host's answers are wrong: ", " checks failed, so nothing after the first"];
    generate(&bundles, &leaving, "direct").failed(3, &said).one_line();
    let listed = fs::read_to_string(list()).unwrap();
    assert_eq!(listed, format!("EXAMPLE.org\n{liar}\n{leaving}\n"));
}

/// A list that cannot be read holds up direct and mixed mode, and no other; a lie is still told first.
#[test]
fn a_list_that_cannot_be_read() {
    let bundles = Bundles::of(MODEL);
    let host = Host::of(&bundles);
    bundles.provision(18 * 4);
    let why = "the list of hosts whose answers have failed a check is needed for direct and mixed";
    fs::create_dir_all(list().parent().unwrap()).unwrap();
    for damage in [Some(&b"host\xff\n"[..]), Some(&b"\0\0\0\0"[..]), None] {
        match damage {
            Some(bytes) => fs::write(list(), bytes).unwrap(),
            None => {
                fs::remove_file(list()).unwrap();
                fs::create_dir(list()).unwrap();
            }
        }
        let path = list().display().to_string();
        for mode in ["direct", "mixed"] {
            let said = [why, "or use masked mode", &path];
            generate(&bundles, &host.address, mode).failed(1, &said).one_line();
        }
        generate(&bundles, &host.address, "masked").succeeded();
    }
    let liar = spoiling(&host, PRODUCT, LIE);
    let told = generate(&bundles, &liar, "masked").failed(3, &["the host's answers are wrong: "]);
    assert!(told.stderr.contains("use neither direct nor mixed mode with it"), "{told:?}");
}

#[test]
fn the_place_of_the_list() {
    let (bundles, home) = (Bundles::of(MODEL), folder());
    let refused = |state: Option<&Path>, place: &Path| {
        fs::create_dir_all(place.parent().unwrap()).unwrap();
        fs::write(place, format!("{NOBODY}\n")).unwrap();
        let line = bundles.generate(NOBODY, &format!("{OPTIONS} --mode direct"));
        let mut command = program(line);
        command.env_remove("XDG_STATE_HOME").env("HOME", home.path());
        if let Some(state) = state {
            command.env("XDG_STATE_HOME", state);
        }
        let said = format!("take its line out of {}", place.display());
        Process::start(&mut command).finish().failed(1, &[&said]);
    };
    let state = home.path().join("state");
    refused(Some(&state), &state.join("subrosa/distrusted-hosts"));
    let default = home.path().join(".local/state/subrosa/distrusted-hosts");
    refused(None, &default);
    // A relative path is no place.
    refused(Some(Path::new("state")), &default);
}

#[test]
fn the_promise_is_in_the_help() {
    for command in ["demo", "generate"] {
        let help = run([command, "--help"]).succeeded().stdout;
        let help = help.split_whitespace().collect::<Vec<_>>().join(" ");
        for said in [
            "--mode <MODE>",
            "[default: masked]",
            "masked: Under one-time masks, prepared beforehand: a host that is caught cheating has \
             learned nothing",
            "direct: Encrypted as they come, nothing prepared",
            "A host that is caught cheating may have learned one bit about the prompt, and is refused",
            "mixed: Masked while the store's correlations last, direct for the rest: the promises of \
             direct mode",
        ] {
            assert!(help.contains(said), "{said:?} is not in {help}");
        }
        let wrong = run([command, "--mode", "hidden"]);
        assert_eq!(wrong.code, Some(2));
        assert!(wrong.stderr.contains("[possible values: masked, direct, mixed]"), "{wrong:?}");
    }
}
