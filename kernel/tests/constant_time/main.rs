//! No branch and no address depends on a secret: checked by valgrind.
//!
//! ```text
//! cargo test --release -p kernel --test constant_time
//! ```
//!
//! Secrets are marked as undefined memory, and memcheck reports every jump and every address that
//! depends on undefined bits. It sees the machine code of the release profile; with overflow checks,
//! which are jumps by themselves, there is nothing to test and the test says SKIPPED. So it does
//! where there is no valgrind, unless `SUBROSA_REQUIRE_VALGRIND=1`.
//!
//! The subjects run in one process under valgrind, which counts the errors of each. Among them are
//! controls that leak, and have to be caught. Memcheck does not report a division by one machine
//! instruction, whose time may depend on its operands too; a division in software it does.
#![allow(clippy::unwrap_used, reason = "test code")]

mod subjects;
#[cfg(all(target_arch = "x86_64", target_os = "linux"))]
mod valgrind;

use std::io::Write;
use std::process::Command;

/// Set for the process that valgrind runs.
const CHILD: &str = "SUBROSA_CONSTANT_TIME_CHILD";

fn skip(why: &str) {
    let required = std::env::var_os("SUBROSA_REQUIRE_VALGRIND").is_some_and(|v| v == "1");
    assert!(!required, "SUBROSA_REQUIRE_VALGRIND: {why}");
    // Not eprintln, which a test that passes keeps to itself.
    let _ = std::io::stderr().write_all(format!("SKIPPED: constant_time: {why}\n").as_bytes());
}

#[test]
fn secrets_decide_no_branch_and_no_address() {
    if cfg!(debug_assertions) {
        return skip("overflow checks are jumps; run it with --release");
    }
    if !cfg!(all(target_arch = "x86_64", target_os = "linux")) {
        return skip("made for x86-64 Linux");
    }
    let run = Command::new("valgrind")
        .args(["--quiet", "--error-limit=no", "--leak-check=no"])
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", "run_subjects", "--ignored", "--nocapture", "--test-threads=1"])
        .env(CHILD, "1")
        .output();
    let Ok(run) = run else { return skip("no valgrind") };
    let (stdout, stderr) =
        (String::from_utf8_lossy(&run.stdout), String::from_utf8_lossy(&run.stderr));
    assert!(run.status.success(), "{stdout}{stderr}");
    let count = |name: &str| -> u64 {
        let line = format!("subject {name}: ");
        let found = stdout.lines().find_map(|l| l.split_once(&line)).map(|(_, errors)| errors);
        found.and_then(|e| e.parse().ok()).unwrap_or_else(|| panic!("{name} did not run: {stdout}"))
    };
    for (name, _) in subjects::CONTROLS {
        assert!(count(name) > 0, "the control `{name}` leaks, and was not caught");
    }
    let leaks: Vec<_> =
        subjects::SUBJECTS.iter().map(|(name, _)| *name).filter(|name| count(name) > 0).collect();
    assert!(leaks.is_empty(), "secrets show in: {}\n{stderr}", leaks.join(", "));
}

/// Runs every subject and control, and prints how many errors valgrind has counted in each.
#[test]
#[ignore = "for the process that valgrind runs"]
fn run_subjects() {
    #[cfg(all(target_arch = "x86_64", target_os = "linux"))]
    if std::env::var_os(CHILD).is_some() {
        assert!(valgrind::on_valgrind());
        for (name, subject) in subjects::SUBJECTS.iter().chain(subjects::CONTROLS) {
            let before = valgrind::errors();
            subject();
            println!("subject {name}: {}", valgrind::errors() - before);
        }
    }
}
