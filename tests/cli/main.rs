//! The program as a person runs it: the real binary, its processes, files and messages.
#![allow(clippy::unwrap_used, reason = "a helper that fails is a failed test")]

mod bench;
mod bundles;
mod checkpoints;
mod demo;
mod distrust;
mod files;
mod gpu;
mod halves;
mod help;
mod links;
mod modes;
mod prepare;
mod prepare_direct;
mod prompts;
mod signals;
mod size;
mod store;
mod strangers;
mod tool;
mod usage;
