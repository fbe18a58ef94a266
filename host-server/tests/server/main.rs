//! The daemon's limits, seen from a socket: who is let in, who is dropped, what they are told, and
//! what the host holds meanwhile and afterwards.
#![expect(clippy::unwrap_used, reason = "test code")]

mod gate;
mod harness;

#[cfg(target_os = "linux")] // Elsewhere loopback has one address.
mod addresses;
mod keys;
mod links;
mod memory;
mod opening;
mod shutdown;
mod slow;
#[cfg(feature = "tls")]
mod tls;
mod turns;
