//! Building the firmware, with what is there: rustup's toolchain if it has the target, Debian's with the
//! library built from source otherwise.

use std::path::PathBuf;
use std::process::{Command, Stdio};

use anyhow::{Result, ensure};

use crate::{bare_metal, shell};

/// The workspace of the firmware, below the root.
pub(crate) const WORKSPACE: &str = "firmware";

/// Builds all programs of the firmware and returns the folder that they are in.
pub(crate) fn build() -> Result<PathBuf> {
    shell::run(&mut cargo(&["build", "--locked", "--release"])?)?;
    Ok(shell::target_dir("firmware")?.join(bare_metal::TARGET).join("release"))
}

/// What a device may be able to do, but for everything, which is the default.
const FEATURES: [&str; 5] = ["masked", "direct", "masked,noise", "direct,noise", "masked,direct"];

/// The formatting, and clippy with every warning an error, also for devices that can do less.
pub(crate) fn lint() -> Result<()> {
    shell::run(shell::cargo(["fmt", "--all", "--check"]).args(["--manifest-path", MANIFEST]))?;
    let clippy = |what: &[&str]| {
        let mut clippy = cargo(&["clippy", "--locked", "--release"])?;
        shell::run(clippy.args(what).args(["--", "-D", "warnings"]))
    };
    clippy(&["--workspace"])?;
    let device = ["--package", "device", "--no-default-features", "--features"];
    FEATURES.iter().try_for_each(|features| clippy(&[&device[..], &[features]].concat()))
}

const MANIFEST: &str = "firmware/Cargo.toml";

/// A cargo that builds for bare metal, in the firmware's folder.
fn cargo(arguments: &[&str]) -> Result<Command> {
    let ours = rustup_has_target();
    let mut command = if ours {
        shell::cargo([])
    } else {
        let sysroot = bare_metal::sysroot()?;
        // Told to run a subcommand, cargo would look in the user's folder first and find rustup's.
        let program = if arguments.first() == Some(&"clippy") { "cargo-clippy" } else { "cargo" };
        let mut command = shell::command(sysroot.join("bin").join(program));
        shell::forget_toolchain(&mut command);
        command.env("CARGO", sysroot.join("bin/cargo"));
        command.env("RUSTC", sysroot.join("bin/rustc")).env("RUSTC_BOOTSTRAP", "1");
        command
    };
    command
        .current_dir(shell::root().join(WORKSPACE))
        .env("CARGO_TARGET_DIR", shell::target_dir("firmware")?)
        .args(arguments);
    if !ours {
        command.args(["-Z", "build-std=core"]);
    }
    let linker = Command::new("arm-none-eabi-ld").arg("--version").stdout(Stdio::null()).status();
    ensure!(
        linker.is_ok_and(|status| status.success()),
        "no arm-none-eabi-ld: install binutils-arm-none-eabi (`cargo xtask packages` does it)"
    );
    Ok(command)
}

/// Whether the toolchain that runs xtask has the library for the target.
fn rustup_has_target() -> bool {
    let libraries = Command::new("rustc")
        .args(["--print", "target-libdir", "--target", bare_metal::TARGET])
        .stderr(Stdio::null())
        .output();
    libraries.is_ok_and(|output| {
        output.status.success()
            && PathBuf::from(String::from_utf8_lossy(&output.stdout).trim()).is_dir()
    })
}
