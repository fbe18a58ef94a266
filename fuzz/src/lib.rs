//! What others may send or leave, at its worst.
//!
//! Each target is a function of bytes that panics if the code under test does, or breaks a promise.
//! `tests/smoke.rs` runs them all on any compiler, over random bytes and damaged good inputs; libFuzzer
//! runs one at a time, guided by coverage, on a nightly compiler. From the project's folder:
//!
//! ```sh
//! cargo test --manifest-path fuzz/Cargo.toml                              # 2,000 cases each
//! SUBROSA_FUZZ_CASES=100000 cargo test --manifest-path fuzz/Cargo.toml
//! cargo run --manifest-path fuzz/Cargo.toml --example corpus              # good inputs to begin with
//! cargo +nightly fuzz run wire --features libfuzzer -- -max_len=40000
//! ```
#![allow(clippy::unwrap_used, reason = "a panic is how a target speaks")]

mod bundles;
mod device;
mod files;
pub mod good;
mod model;
mod noise;
pub mod random;
mod session;
mod store;
mod wire;

pub use bundles::device_bundle;
pub use device::device;
pub use files::{checkpoint, host_bundle, tokenizer};
pub use noise::noise;
pub use session::session;
pub use store::store;
pub use wire::{residues, wire};

/// A body.
pub type Target = fn(&[u8]);

/// A body, its name, and inputs that the code under test accepts.
pub type Entry = (&'static str, Target, fn() -> Vec<Vec<u8>>);

/// All bodies.
pub const TARGETS: [Entry; 10] = [
    ("wire", wire, good::wire),
    ("residues", residues, good::residues),
    ("device_bundle", device_bundle, good::device_bundle),
    ("session", session, good::session),
    ("device", device, good::device),
    ("store", store, good::store),
    ("checkpoint", checkpoint, good::checkpoint),
    ("tokenizer", tokenizer, good::tokenizer),
    ("host_bundle", host_bundle, good::host_bundle),
    ("noise", noise, good::noise),
];
