//! The functions of the C interface, called as C calls them, with a real host over a socket.
#![allow(unsafe_code, reason = "this is how C sees it")]
#![allow(clippy::unwrap_used, reason = "a helper that fails is a failed test")]

mod agreement;
mod device;
mod faults;
mod host;
mod misuse;
mod store;
