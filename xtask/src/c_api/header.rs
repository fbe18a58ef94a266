//! The header, which cbindgen makes of the crate's source.
//!
//! cbindgen is under MPL-2.0: it is run, not linked.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result, ensure};

use crate::shell;

/// The version of cbindgen: another one may write the same header in other words.
const VERSION: &str = "0.29.4";

const HEADER: &str = "device-capi/include/subrosa.h";

/// Fails unless the header is what cbindgen makes.
pub(crate) fn check() -> Result<()> {
    let made = shell::target_dir("c-api")?.join("subrosa.h");
    fs::create_dir_all(made.parent().context("no folder")?)?;
    shell::run(cbindgen()?.arg("--output").arg(&made))?;
    let same = fs::read_to_string(made)? == fs::read_to_string(shell::root().join(HEADER))?;
    ensure!(same, "{HEADER} is not what cbindgen makes of the source: run `cargo xtask c-header`");
    println!("{HEADER} is up to date");
    Ok(())
}

/// Writes the header.
pub(crate) fn write() -> Result<()> {
    shell::run(cbindgen()?.args(["--output", HEADER]))
}

/// cbindgen for the crate, installed below the target folder if it is not there.
fn cbindgen() -> Result<Command> {
    let tools = shell::target_dir("tools")?;
    let program: PathBuf = tools.join("bin/cbindgen");
    let version = || shell::output(shell::command(&program).arg("--version"));
    if !program.exists() || version()?.trim() != format!("cbindgen {VERSION}") {
        let install = ["install", "cbindgen", "--locked", "--force", "--version", VERSION];
        shell::run(shell::cargo(install).arg("--root").arg(&tools))?;
    }
    let mut command = shell::command(program);
    let crate_of = ["--crate", "device-capi", "--config", "device-capi/cbindgen.toml"];
    command.arg("--quiet").args(crate_of);
    Ok(command)
}
