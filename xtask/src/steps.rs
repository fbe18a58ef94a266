//! The steps of `cargo xtask test`, the run through all of them, and what is run apart from it.

use core::time::Duration;
use std::process::Stdio;
use std::time::Instant;

use anyhow::{Result, bail};
use clap::Subcommand;

use crate::{bare_metal, c_api, firmware, gpu, licences, measure, neon, packages, rules, shell};

/// One step; the order here is the order they run in. Quick ones come first, and the tests last,
/// so that the count of passed tests is the last thing above the summary.
#[derive(Clone, Copy, Debug, Subcommand)]
pub(crate) enum Step {
    /// Install the Debian packages that the other steps need (as root; otherwise name them)
    Packages,
    /// Check the house rules: length of files, places of unsafe code, nothing left to do
    Rules,
    /// Check the formatting
    Fmt,
    /// Check the licence of every dependency against deny.toml
    Licences,
    /// Build kernel, device-client and link for a bare Cortex-M, without std and without an allocator
    BareMetal,
    /// Run clippy with every warning an error
    Clippy,
    /// Build the documentation with every warning an error
    Docs,
    /// Check with valgrind that no branch and no address depends on a secret
    ConstantTime,
    /// Run accel-cpu's tests on an emulated 64-bit ARM, with both NEON levels
    Neon,
    /// Run the fuzz targets for a short while, over random and mutated input
    Fuzz,
    /// Run the tests of TLS, an optional feature that needs OpenSSL
    Tls,
    /// Build the firmware and run it on an emulated board, with a host that is honest and ones that are not
    Firmware,
    /// Check the C header, and run the example in C here and on an emulated board
    CApi,
    /// Run the GPU's tests on Mesa's software Vulkan
    Gpu,
    /// Run the documentation's examples and all other tests
    Unit,
    /// Count the instructions of a device's computations, emulated, and write docs/embedded/instructions.md
    Measure,
    /// Write the C header anew
    CHeader,
    /// Test the kernel's ciphertexts against the crate tfhe: minutes to build, so `test` leaves it out
    Interop,
}

impl Step {
    const ALL: [Self; 15] = [
        Self::Packages,
        Self::Rules,
        Self::Fmt,
        Self::Licences,
        Self::BareMetal,
        Self::Clippy,
        Self::Docs,
        Self::ConstantTime,
        Self::Neon,
        Self::Fuzz,
        Self::Tls,
        Self::Firmware,
        Self::CApi,
        Self::Gpu,
        Self::Unit,
    ];

    /// The steps that run only when they are asked for.
    #[cfg(test)]
    const APART: [Self; 3] = [Self::Measure, Self::CHeader, Self::Interop];

    /// The name of the command that runs this step alone.
    fn name(self) -> &'static str {
        match self {
            Self::Packages => "packages",
            Self::Rules => "rules",
            Self::Fmt => "fmt",
            Self::Licences => "licences",
            Self::BareMetal => "bare-metal",
            Self::Clippy => "clippy",
            Self::Docs => "docs",
            Self::ConstantTime => "constant-time",
            Self::Neon => "neon",
            Self::Fuzz => "fuzz",
            Self::Tls => "tls",
            Self::Firmware => "firmware",
            Self::CApi => "c-api",
            Self::Gpu => "gpu",
            Self::Unit => "unit",
            Self::Measure => "measure",
            Self::CHeader => "c-header",
            Self::Interop => "interop",
        }
    }

    /// Runs this step.
    pub(crate) fn run(self) -> Result<()> {
        match self {
            Self::Packages => packages::install(),
            Self::Rules => rules::check(),
            Self::Fmt => shell::run(&mut shell::cargo(["fmt", "--all", "--check"])),
            Self::Licences => licences::check(),
            Self::BareMetal => bare_metal::check(),
            Self::Clippy => clippy(),
            Self::Docs => docs(),
            Self::ConstantTime => constant_time(),
            Self::Neon => neon::check(),
            // Here the targets run without libFuzzer.
            Self::Fuzz => own_workspace("fuzz"),
            Self::Tls => tls(),
            Self::Firmware => firmware::check(),
            Self::CApi => c_api::check(),
            Self::Gpu => gpu::check(),
            Self::Unit => unit(),
            Self::Measure => measure::write(),
            Self::CHeader => c_api::header::write(),
            Self::Interop => interop(),
        }
    }
}

/// All crates but those that a step of its own builds, with all their features: the GPU's take minutes.
const ALL_FEATURES: [&str; 6] =
    ["--workspace", "--exclude", "accel-wgpu", "--exclude", "subrosa", "--all-features"];
/// The program, with all of its features but that one.
const PROGRAM: [&str; 4] = ["--package", "subrosa", "--features", "concrete-ntt,activations,tls"];

/// Clippy over everything, and once more over the bare crates alone: in the whole workspace
/// another crate turns their features on, and code that is unused without them looks used.
fn clippy() -> Result<()> {
    let clippy = |what: &[&str]| {
        let command = ["clippy", "--locked"].iter().chain(what).chain(&["--", "-D", "warnings"]);
        shell::run(&mut shell::cargo(command.copied()))
    };
    clippy(&[&ALL_FEATURES[..], &["--all-targets"]].concat())?;
    clippy(&[&PROGRAM[..], &["--all-targets"]].concat())?;
    bare_metal::CRATES.iter().try_for_each(|name| clippy(&["--package", name, "--lib"]))
}

fn docs() -> Result<()> {
    let doc = |what: &[&str]| {
        let command = ["doc", "--locked", "--no-deps"].iter().chain(what).copied();
        shell::run(shell::cargo(command).env("RUSTDOCFLAGS", "-D warnings"))
    };
    doc(&ALL_FEATURES)?;
    doc(&PROGRAM)
}

/// The gate runs on optimised code, as it is used. Without valgrind it fails: it must not be
/// skipped where everything is tested.
fn constant_time() -> Result<()> {
    if !cfg!(all(target_arch = "x86_64", target_os = "linux")) {
        println!("SKIPPED: the gate is written for x86-64 Linux");
        return Ok(());
    }
    let test = ["test", "--locked", "--release", "--package", "kernel", "--test", "constant_time"];
    shell::run(shell::cargo(test).env("SUBROSA_REQUIRE_VALGRIND", "1"))
}

/// Format, lints and tests of a workspace of its own, in `folder`.
fn own_workspace(folder: &str) -> Result<()> {
    let manifest = ["--manifest-path", &format!("{folder}/Cargo.toml")];
    shell::run(shell::cargo(["fmt", "--check"]).args(manifest))?;
    shell::run(
        shell::cargo(["clippy", "--locked", "--all-targets"])
            .args(manifest)
            .args(["--", "-D", "warnings"]),
    )?;
    shell::run(shell::cargo(["test", "--locked"]).args(manifest))
}

/// The crate tfhe stays apart, with its licence and its minutes.
fn interop() -> Result<()> {
    let folder = "tests/interop";
    licences::check_workspace(folder, "tests/interop/deny.toml")?;
    own_workspace(folder)
}

/// The tests of a host that speaks TLS.
fn tls() -> Result<()> {
    let host = ["--package", "host-server", "--features", "tls", "--test", "server", "tls::"];
    shell::run(shell::cargo(["test", "--locked"]).args(host))
}

/// The tests, with cargo-nextest where it is installed; first those of an optional backend.
fn unit() -> Result<()> {
    let oracle = ["--package", "accel-cpu", "--features", "concrete-ntt", "--test", "ring_ops"];
    shell::run(shell::cargo(["test", "--locked"]).args(oracle))?;
    let most = ["--workspace", "--exclude", "accel-wgpu"];
    let nextest = shell::cargo(["nextest", "--version"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success());
    if nextest {
        shell::run(shell::cargo(["test", "--locked", "--doc"]).args(most))?;
        shell::run(shell::cargo(["nextest", "run", "--locked"]).args(most))
    } else {
        println!("cargo-nextest is not installed: cargo runs the tests itself");
        shell::run(shell::cargo(["test", "--locked"]).args(most))
    }
}

/// Runs every step of [`Step::ALL`], and ends with a table of how each went.
pub(crate) fn run_all(keep_going: bool) -> Result<()> {
    let start = Instant::now();
    let mut table = String::new();
    let mut failed = Vec::new();
    for step in Step::ALL {
        let name = step.name();
        if !failed.is_empty() && !keep_going {
            table += &row(name, "not run", None);
            continue;
        }
        println!("\n=== {name} ===");
        let began = Instant::now();
        let outcome = step.run();
        let took = began.elapsed();
        let word = if outcome.is_ok() { "ok" } else { "FAILED" };
        println!("=== {name}: {word} after {} ===", seconds(took));
        table += &row(name, word, Some(took));
        if let Err(error) = outcome {
            eprintln!("error: {error:#}");
            failed.push(name);
        }
    }
    table += &row("total", "", Some(start.elapsed()));
    println!("\n{table}");
    if failed.is_empty() {
        return Ok(());
    }
    let again: Vec<_> = failed.iter().map(|name| format!("`cargo xtask {name}`")).collect();
    bail!("{} failed; alone: {}", failed.join(", "), again.join(", "));
}

fn row(name: &str, outcome: &str, took: Option<Duration>) -> String {
    format!("{name:<15}{outcome:<10}{:>10}\n", took.map(seconds).unwrap_or_default())
}

fn seconds(time: Duration) -> String {
    format!("{:.1} s", time.as_secs_f64())
}

#[cfg(test)]
mod tests {
    use clap::Subcommand;

    use super::Step;

    /// What the summary tells people to type is a command, and no step is left out of the run but
    /// those that are listed.
    #[test]
    fn steps_are_the_commands() {
        let command = Step::augment_subcommands(clap::Command::new("xtask"));
        let commands: Vec<_> = command.get_subcommands().map(clap::Command::get_name).collect();
        let steps: Vec<_> = Step::ALL.into_iter().chain(Step::APART).map(Step::name).collect();
        assert_eq!(commands, steps);
    }
}
