//! What runs on a GPU, on Mesa's in software: the accelerator, and the program with it.

use std::fs;
use std::process::Command;

use anyhow::{Context, Result};

use crate::shell;

/// Lints, documentation and tests, and a small measurement. Without an adapter the tests fail.
pub(crate) fn check() -> Result<()> {
    // Drivers look for sockets and caches there, and say so where the variable is missing.
    let folder = shell::target_dir("gpu-runtime")?;
    fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
    let run = |command: &mut Command| {
        shell::run(command.env("SUBROSA_REQUIRE_GPU", "1").env("XDG_RUNTIME_DIR", &folder))
    };
    // Selected so that all that others need too is built once, for them and for this.
    let program = ["--workspace", "--exclude", "accel-wgpu", "--features", "subrosa/wgpu"];
    let clippy = |which: &[&str]| {
        let clippy = shell::cargo(["clippy", "--locked", "--all-targets"]);
        run({ clippy }.args(which).args(["--", "-D", "warnings"]))
    };
    clippy(&["--package", "accel-wgpu"])?;
    clippy(&["--package", "subrosa", "--features", "wgpu"])?;
    let doc = shell::cargo(["doc", "--locked", "--no-deps", "--package", "accel-wgpu"]);
    run({ doc }.env("RUSTDOCFLAGS", "-D warnings"))?;
    run(&mut shell::cargo(["test", "--locked", "--package", "accel-wgpu"]))?;
    run(shell::cargo(["test", "--locked", "--test", "gpu"]).args(program))?;
    run(shell::cargo(["test", "--locked", "--test", "cli"])
        .args(program)
        .args(["--", "gpu", "help"]))?;
    // The program that these tests have run.
    let mut bench = shell::command(shell::target_dir("debug")?.join("subrosa"));
    run(bench.args(["bench", "--accel", "wgpu", "--shape", "demo", "--rounds", "3"]))
}
