//! The NEON kernels, run where there is no ARM processor: by an emulator.
//!
//! The standard library for ARM comes from Debian, in the version of Debian's compiler. It is
//! unpacked into the target folder, and apt keeps its lists of ARM packages there too: the machine's
//! own settings stay as they are.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};

use crate::{packages, shell};

const TARGET: &str = "aarch64-unknown-linux-gnu";

/// What the step cannot do without.
const NEEDED: [&str; 5] =
    ["rustc-web", "cargo-web", "gcc-aarch64-linux-gnu", "libc6-dev-arm64-cross", "qemu-user"];

/// Builds accel-cpu's tests for 64-bit ARM and runs them. Where the packages are missing it says so
/// and succeeds: on ARM the ordinary tests run the same kernels.
pub(crate) fn check() -> Result<()> {
    if cfg!(target_arch = "aarch64") {
        println!("SKIPPED: this is an ARM processor, where the ordinary tests run these kernels");
        return Ok(());
    }
    let missing: Vec<_> = NEEDED.into_iter().filter(|name| !packages::installed(name)).collect();
    if !missing.is_empty() {
        println!("SKIPPED: Debian's {} not installed (`cargo xtask packages`)", missing.join(" "));
        return Ok(());
    }
    let dir = shell::target_dir("neon")?;
    let sysroot = standard_library(&dir)?;
    let mut test = shell::command("/usr/bin/cargo");
    shell::forget_toolchain(&mut test);
    let sysroot = format!("--sysroot={}", sysroot.join("usr").display());
    test.env("RUSTC", "/usr/bin/rustc")
        .env("CARGO_TARGET_DIR", &dir)
        .env("CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_RUSTFLAGS", sysroot)
        .env("CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_LINKER", "aarch64-linux-gnu-gcc")
        .env(
            "CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_RUNNER",
            "qemu-aarch64 -L /usr/aarch64-linux-gnu",
        )
        .env("SUBROSA_REQUIRE_NEON", "1")
        .env("SUBROSA_REQUIRE_NEONDOT", "1")
        .args(["test", "--locked", "--package", "accel-cpu", "--target", TARGET])
        .args(["--config", "profile.dev.package.'*'.opt-level=1"])
        .args(["--lib", "--test", "conformance", "--test", "properties"]);
    shell::run(&mut test)
}

/// A sysroot with the standard library for [`TARGET`] that Debian's compiler wants, fetched when
/// this version is not there yet.
fn standard_library(dir: &Path) -> Result<PathBuf> {
    let version = ["--show", "--showformat=${Version}", "rustc-web"];
    let version = shell::output(shell::command("dpkg-query").args(version))?;
    let sysroot = dir.join(format!("sysroot-{version}"));
    if sysroot.exists() {
        return Ok(sysroot);
    }
    // Unpacked beside its place first, so that a broken fetch leaves nothing that looks whole.
    let partial = dir.join("partial");
    if partial.exists() {
        fs::remove_dir_all(&partial)?;
    }
    for folder in ["lists/partial", "archives/partial", "sysroot"] {
        fs::create_dir_all(partial.join(folder))?;
    }
    let options = [
        "APT::Architectures::=amd64".into(),
        "APT::Architectures::=arm64".into(),
        format!("Dir::State::lists={}/lists", partial.display()),
        format!("Dir::Cache={}", partial.display()),
        // apt's own user need not be able to see this folder.
        "APT::Sandbox::User=root".into(),
    ];
    let options: Vec<_> = options.iter().flat_map(|option| ["-o", option]).collect();
    shell::run(&mut packages::apt(&[&options[..], &["update"]].concat()))?;
    let package = format!("libstd-rust-web-dev:arm64={version}");
    let mut download = packages::apt(&[&options[..], &["download", &package]].concat());
    shell::run(download.current_dir(&partial)).with_context(|| {
        format!("Debian has no {package}: is rustc-web up to date? `apt-get install rustc-web`")
    })?;
    let archive = fs::read_dir(&partial)?
        .filter_map(|entry| entry.ok().map(|entry| entry.path()))
        .find(|path| path.extension().is_some_and(|extension| extension == "deb"))
        .context("apt-get download left no package")?;
    let mut unpack = shell::command("dpkg-deb");
    shell::run(unpack.arg("-x").arg(&archive).arg(partial.join("sysroot")))?;
    let library = partial.join("sysroot/usr/lib/rustlib").join(TARGET);
    ensure!(library.exists(), "{package} holds no library for {TARGET}");
    fs::rename(partial.join("sysroot"), &sysroot)?;
    fs::remove_dir_all(&partial)?;
    Ok(sysroot)
}
