//! `prepare --method`: through direct mode, and by what is cheaper.

use crate::tool::{Bundles, Host, MODEL, NOBODY, Outcome, Process, fixture, program, run, words};
use std::fs;

const OPTIONS: &str = "--json --pace 0 --prompt-ids 0,84,104 --tokens 5 --seed 1 --temperature 1";

pub(crate) fn prepare(bundles: &Bundles, host: &str, options: &str) -> Outcome {
    run(words(&format!("prepare --host {host} {options} --model"), &[&bundles.device()]))
}

#[track_caller]
pub(crate) fn says(end: &Outcome, said: &[&str]) {
    for said in said {
        assert!(end.stderr.contains(said), "{said:?} is not in {}", end.stderr);
    }
}

/// Prepared and used: the same text as under masks of the other method.
#[test]
fn what_is_prepared_through_direct_mode_is_used_like_any_other() {
    let bundles = Bundles::of(MODEL);
    let host = Host::of(&bundles);
    let made = prepare(&bundles, &host.address, "--tokens 40 --method direct").succeeded();
    let method = [
        "method   direct: about ",
        " s in all if the link has 100 Mbit/s; masked ",
        "all checks passed); ",
    ];
    says(&made, &method);
    let held = bundles.held();
    assert!((40..256).contains(&held), "{held} tokens are held");
    let report = run(bundles.generate(&host.address, OPTIONS)).json();
    assert_eq!(report["offline"]["tokens"], 0);
    assert_eq!(report["checks_failed"], 0);
    assert_eq!(bundles.held(), held - 20);
    let line = format!("demo {OPTIONS} --method masked --model");
    let demo = run(words(&line, &[&fixture(MODEL)])).json();
    assert_eq!(report["token_ids"], demo["token_ids"]);
    assert_eq!(demo["identical_logits"], true);
}

/// A narrow model takes a twentieth of the bytes through direct mode, which is what is chosen where
/// nothing is said.
#[test]
fn the_cheaper_method_is_chosen() {
    let demo = |method: &str| {
        let line = format!("demo {OPTIONS} {method} --model");
        run(words(&line, &[&fixture(MODEL)])).json()
    };
    let (chosen, usual) = (demo("--method auto"), demo(""));
    let (direct, masked) = (demo("--method direct"), demo("--method masked"));
    let runs = [&chosen, &direct, &masked, &usual];
    let methods = runs.map(|report| report["offline"]["method"].clone());
    assert_eq!(methods, ["direct", "direct", "masked", "direct"]);
    let bytes = |report: &serde_json::Value| report["offline"]["bytes_down"].as_u64().unwrap();
    assert_eq!(bytes(&chosen), bytes(&direct));
    assert!(20 * bytes(&direct) < bytes(&masked));
    for report in [&chosen, &direct, &masked] {
        assert_eq!(report["token_ids"], masked["token_ids"]);
        assert_eq!(report["identical_logits"], true);
        assert_eq!(report["checks_failed"], 0);
    }
    assert_eq!(masked["batch"], 256);
    assert!(chosen["batch"].as_u64().unwrap() < 256);
}

/// A session is durable at its end and not before.
#[test]
fn a_preparation_that_is_killed_has_kept_nothing() {
    let bundles = Bundles::of(MODEL);
    let host = Host::of(&bundles);
    let line = format!("prepare --host {} --tokens 4000 --method direct --model", host.address);
    let mut process = Process::start(&mut program(words(&line, &[&bundles.device()])));
    process.says("method   direct");
    let begun = || fs::metadata(bundles.store()).map_or(0, |file| file.len());
    let empty = begun();
    process.until(|| begun() > empty + 100_000);
    process.kill();
    let after = prepare(&bundles, NOBODY, "--tokens 1 --method direct");
    after.failed(1, &["preparing correlations failed: connecting to 127.0.0.1:1"]);
    prepare(&bundles, &host.address, "--tokens 20 --method direct").succeeded();
    assert!((20..256).contains(&bundles.held()));
    let report = run(bundles.generate(&host.address, OPTIONS)).json();
    assert_eq!(report["checks_failed"], 0);
}

/// A store that was made for few large units: the method is what there is room for.
#[test]
fn where_there_is_no_room_for_small_units() {
    let bundles = Bundles::of(MODEL);
    bundles.provision(4);
    prepare(&bundles, NOBODY, "--tokens 16000 --method direct")
        .failed(1, &["this takes ", "and the store has room for 585 more"]);
    let end = prepare(&bundles, NOBODY, "--tokens 16000 --method auto");
    says(&end, &["in 567 units", "method   masked: about ", "100 Mbit/s; direct "]);
    says(&end, &["room     the cheaper way makes ", "the store has room for 585 more"]);
    end.failed(1, &["connecting to "]);
}

/// A host whose answers failed a check is not asked through direct mode again.
#[test]
fn a_host_that_cheated_is_asked_in_masked_mode_only() {
    let bundles = Bundles::of(MODEL);
    let file = bundles.host().join("rows.bin");
    let good = fs::read(&file).unwrap();
    let mut bad = good.clone();
    bad[0] ^= 4;
    fs::write(&file, bad).unwrap();
    let liar = Host::unverified(&bundles);
    let line = "--tokens 20 --method direct";
    let cheated = prepare(&bundles, &liar.address, line);
    assert_eq!(cheated.stderr.matches("method   ").count(), 1, "it bets once: {cheated:?}");
    cheated.failed(3, &["the host's answers are wrong: 9 units failed their check"]);
    prepare(&bundles, &liar.address, line).failed(1, &["have failed a check before"]);
    let again = prepare(&bundles, &liar.address, "--tokens 20 --method auto");
    assert!(!again.stderr.contains("method   direct"), "{again:?}");
    again.failed(3, &["the host's answers are wrong: 3 units"]);

    // Another one goes over to masks by itself.
    let other = Host::unverified(&bundles);
    let more = prepare(&bundles, &other.address, "--tokens 400 --method auto");
    says(&more, &["method   direct", "are made anew", "method   masked"]);
    more.failed(3, &["the host's answers are wrong: "]);

    fs::write(&file, good).unwrap();
    let honest = Host::of(&bundles);
    prepare(&bundles, &honest.address, line).succeeded();
    assert!(bundles.held() >= 20);
}

#[test]
fn methods_have_names() {
    prepare(&Bundles::of(MODEL), NOBODY, "--tokens 4 --method fast")
        .failed(2, &["--method", "auto", "masked", "direct"]);
}
