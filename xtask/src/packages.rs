//! The Debian packages that the steps need.

use std::fs;
use std::process::Stdio;

use anyhow::{Context, Result};

use crate::shell;

/// A C linker for programs and procedural macros, and the toolchain for bare metal: a compiler
/// with the source of its core library, clippy, a linker, a C compiler with its library, and an emulator; valgrind,
/// and the symbols of the C library that it wants; a linker, a C library and an emulator for 64-bit ARM; OpenSSL, for
/// a host that speaks TLS; Vulkan, and a GPU in software.
const NEEDED: [&str; 19] = [
    "gcc",
    "libc6-dev",
    "rustc-web",
    "cargo-web",
    "rust-web-src",
    "rust-web-clippy",
    "binutils-arm-none-eabi",
    "gcc-arm-none-eabi",
    "libnewlib-arm-none-eabi",
    "qemu-system-arm",
    "valgrind",
    "libc6-dbg",
    "gcc-aarch64-linux-gnu",
    "libc6-dev-arm64-cross",
    "qemu-user",
    "libssl-dev",
    "pkg-config",
    "libvulkan1",
    "mesa-vulkan-drivers",
];

/// Installs the missing packages where it may. Elsewhere it names them and succeeds: a step that
/// cannot do without them fails by itself, and says so.
pub(crate) fn install() -> Result<()> {
    let missing: Vec<_> = NEEDED.into_iter().filter(|package| !installed(package)).collect();
    if missing.is_empty() {
        println!("all installed: {}", NEEDED.join(" "));
        return Ok(());
    }
    if !(is_debian() && is_root()) {
        let missing = missing.join(" ");
        println!("missing: {missing}");
        println!("on Debian: apt-get update && apt-get install --no-install-recommends {missing}");
        println!("the steps that need them will fail");
        return Ok(());
    }
    shell::run(&mut apt(&["update"]))?;
    // A package that would push another one off this machine is for its owner to decide on.
    let install = ["install", "--yes", "--no-remove", "--no-install-recommends"];
    shell::run(&mut apt(&[&install[..], &missing].concat()))
        .context("is Debian's security archive among the sources? A recent rustc-web comes from it")
}

/// `apt-get`, which asks nothing.
pub(crate) fn apt(arguments: &[&str]) -> std::process::Command {
    let mut command = shell::command("apt-get");
    command.env("DEBIAN_FRONTEND", "noninteractive").args(["-qq", "-o", "Acquire::Retries=3"]);
    command.args(arguments);
    command
}

/// Whether a package is installed; never where there is no dpkg.
pub(crate) fn installed(package: &str) -> bool {
    shell::command("dpkg-query")
        .args(["--show", "--showformat=${db:Status-Status}", package])
        .stderr(Stdio::null())
        .output()
        .is_ok_and(|output| output.status.success() && output.stdout == b"installed")
}

fn is_debian() -> bool {
    fs::read_to_string("/etc/os-release")
        .is_ok_and(|release| release.lines().any(|line| line == "ID=debian"))
}

fn is_root() -> bool {
    shell::command("id").arg("-u").output().is_ok_and(|output| output.stdout == b"0\n")
}
