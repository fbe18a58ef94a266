//! The static library, for this machine and for the board.

use std::path::PathBuf;

use anyhow::Result;

use crate::{bare_metal, shell};

const BUILD: [&str; 7] =
    ["rustc", "--locked", "--package", "device-capi", "--lib", "--crate-type", "staticlib"];

/// For this machine, with the checks of a debug build.
pub(super) fn desktop() -> Result<PathBuf> {
    let target = shell::target_dir("c-api")?;
    let mut build = shell::cargo(BUILD);
    // The device's arithmetic is slow without.
    build.args(["--config", "profile.dev.opt-level=2"]).env("CARGO_TARGET_DIR", &target);
    shell::run(&mut build)?;
    Ok(target.join("debug/libdevice_capi.a"))
}

/// For the board, as a product would have it: everything in one piece, so that the linker finds only
/// what is used.
pub(super) fn board() -> Result<PathBuf> {
    let target = shell::target_dir("c-api")?;
    let sysroot = bare_metal::sysroot()?;
    let mut build = shell::command(sysroot.join("bin/cargo"));
    shell::forget_toolchain(&mut build);
    build
        .env("RUSTC", sysroot.join("bin/rustc"))
        .env("RUSTC_BOOTSTRAP", "1")
        .env("CARGO_TARGET_DIR", &target)
        .args(BUILD)
        .args(["--release", "--features", "panic-handler", "--target", bare_metal::TARGET])
        .args(["-Z", "build-std=core"])
        .args(["--config", "profile.release.lto='fat'"])
        .args(["--config", "profile.release.codegen-units=1"])
        .args(["--config", "profile.release.panic='abort'"]);
    shell::run(&mut build)?;
    Ok(target.join(bare_metal::TARGET).join("release/libdevice_capi.a"))
}
