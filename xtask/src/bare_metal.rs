//! The proof that the device's half needs neither an operating system nor an allocator.
//!
//! A rustup target would not do: its sysroot carries `alloc`. Here the core library, and nothing
//! else, is built from source, so that a crate that asks for `alloc` or `std` finds neither.
//! Every crate is built on its own, since in one build they would share their features. Two crates
//! are compiled for other processors too.

use std::env;
use std::path::PathBuf;

use anyhow::{Result, bail, ensure};

use crate::shell;

/// The crates that run on bare metal with their default features.
pub(crate) const CRATES: [&str; 4] = ["kernel", "device-client", "device-capi", "link"];

/// What is built: the crates alone, and with the features that are for bare metal.
const BUILDS: [(&str, &str); 5] = [
    ("kernel", ""),
    ("device-client", ""),
    ("device-client", "embassy-net"),
    ("device-capi", ""),
    ("link", ""),
];

/// A Cortex-M4 or M7 with a floating-point unit.
pub(crate) const TARGET: &str = "thumbv7em-none-eabihf";

/// Processors for which these crates are compiled, no more: nothing runs there. A Cortex-M0 has neither a
/// long multiplication nor a floating-point unit, and its library routines may not take one time.
const COMPILED: [(&str, [&str; 2]); 2] = [
    ("riscv32imac-unknown-none-elf", ["kernel", "device-client"]),
    ("thumbv6m-none-eabi", ["kernel", "device-client"]),
];

/// A sysroot with a compiler, a cargo and the source of the library, where it is not Debian's.
const SYSROOT: &str = "SUBROSA_BARE_METAL_SYSROOT";

/// The features by which crates ask for an allocator or an operating system.
const HOSTED: [&str; 6] = ["std", "alloc", "use-std", "use-alloc", "use_std", "use_alloc"];

/// Checks the dependencies' features, and then builds.
pub(crate) fn check() -> Result<()> {
    for (name, features) in BUILDS {
        let tree = shell::output(&mut shell::cargo([
            "tree",
            "--locked",
            "--package",
            name,
            "--features",
            features,
            "--target",
            TARGET,
            "--prefix",
            "none",
            "--edges",
            "normal,no-proc-macro",
            "--format",
            "{p} [{f}]",
        ]))?;
        let hosted = hosted(&tree);
        ensure!(
            hosted.is_empty(),
            "with the features [{features}], {name} turns these on: {}; `cargo tree --package {name} \
             --edges normal,features --invert <dependency>` tells through whom",
            hosted.join(", ")
        );
        println!("{name} [{features}]: no dependency asks for std or alloc");
    }
    let builds = BUILDS.map(|(name, features)| (TARGET, name, features)).into_iter();
    let compiled =
        COMPILED.into_iter().flat_map(|(target, names)| names.map(|name| (target, name, "")));
    builds.chain(compiled).try_for_each(|(target, name, features)| build(target, name, features))
}

/// Builds a crate with the core library and nothing else.
fn build(target: &str, name: &str, features: &str) -> Result<()> {
    let sysroot = sysroot()?;
    let mut build = shell::command(sysroot.join("bin/cargo"));
    shell::forget_toolchain(&mut build);
    build
        .env("RUSTC", sysroot.join("bin/rustc"))
        .env("RUSTC_BOOTSTRAP", "1")
        .env("CARGO_TARGET_DIR", shell::target_dir("bare-metal")?)
        .args(["build", "--locked", "--package", name, "--target", target])
        .args(["--features", features])
        .args(["-Z", "build-std=core"])
        // It is a proof, not a product: do not spend time on optimising it.
        .args(["--config", "profile.dev.package.'*'.opt-level=0"])
        .args(["--config", "profile.dev.debug=false"]);
    if shell::run(&mut build).is_err() {
        bail!(
            "{name} does not build for {target}; if it misses `alloc` or `std`, then it or one of \
             its dependencies uses them without a feature that is off by default"
        );
    }
    Ok(())
}

/// The sysroot of a toolchain with the source of its library.
pub(crate) fn sysroot() -> Result<PathBuf> {
    let sysroot = env::var_os(SYSROOT).map_or_else(|| PathBuf::from("/usr"), PathBuf::from);
    for file in ["bin/cargo", "bin/rustc", "lib/rustlib/src/rust/library/core/Cargo.toml"] {
        let file = sysroot.join(file);
        ensure!(
            file.exists(),
            "no {}: install Debian's rustc-web, cargo-web and rust-web-src (`cargo xtask packages` \
             does it), or let {SYSROOT} name the sysroot of a toolchain with its source",
            file.display()
        );
    }
    Ok(sysroot)
}

/// The dependencies in a tree that have a feature from [`HOSTED`], as `name/feature`.
fn hosted(tree: &str) -> Vec<String> {
    let mut found = Vec::new();
    for line in tree.lines() {
        let name = line.split(' ').next().unwrap_or_default();
        let features = line.rsplit_once('[').and_then(|(_, rest)| rest.split_once(']'));
        for feature in features.map_or("", |(features, _)| features).split(',') {
            let asked = format!("{name}/{feature}");
            if HOSTED.contains(&feature) && !found.contains(&asked) {
                found.push(asked);
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::hosted;

    #[test]
    fn finds_features_that_want_a_host() {
        let tree = "kernel v0.1.0 (/somewhere/std) [default]\n\
                    half v2.7.1 []\n\
                    serde v1.0.229 [derive,std]\n\
                    postcard v1.1.3 [use-std,alloc] (*)\n\
                    serde v1.0.229 [derive,std] (*)\n\
                    typenum v1.20.1 [no_std,const-generics]\n";
        assert_eq!(hosted(tree), ["serde/std", "postcard/use-std", "postcard/alloc"]);
    }
}
