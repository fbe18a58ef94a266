//! The protocol: both of its sides in one process, over links that record, cheat and break.
//!
//! What every test stands on is in `harness`: models with all their weights at hand, a loopback
//! host, and the drivers of both phases.
#![allow(clippy::unwrap_used, reason = "a helper that fails is a failed test")]

mod broken;
mod coupling;
mod direct;
mod faults;
mod full_size;
mod gone;
mod harness;
mod lost;
mod pace;
mod parallel;
mod parts;
mod prefixes;
mod preparation;
mod preparation_direct;
mod tamper;
mod verdicts;
