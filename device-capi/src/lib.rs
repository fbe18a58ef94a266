//! The device's side of subrosa for programs in C: a static library, and `include/subrosa.h`.
//!
//! Everything is [`device_client`]'s; here is only what a C program needs to reach it. The caller
//! supplies memory, the link, randomness and the store of correlations, all of them as plain data
//! and functions. Calls block; nothing is kept between them but what lies in the caller's memory.
//!
//! What the functions do is said in C's terms, since cbindgen makes the header of it; it renames
//! `Bundle` to `subrosa_bundle`, and the rest likewise. `docs/c-api.md` tells how to use them.
//!
//! | module | what it holds |
//! |---|---|
//! | [`status`] | what a call has come to, and whose fault it is |
//! | [`types`] | the data that both sides pass |
//! | [`bundle`] | opening a bundle, and asking what is in it |
//! | [`generate`](mod@generate), [`prepare`](mod@prepare) | the two phases |
//! | [`window`] | a store of correlations in the caller's memory |
//!
//! # Panics
//! Nothing unwinds into C. Arguments are checked before they are used. Should the code below have a
//! fault of its own, then on bare metal, where panics abort, the program's handler is called, and
//! elsewhere the process is aborted.
#![cfg_attr(target_os = "none", no_std)]
#![expect(
    clippy::missing_safety_doc,
    reason = "what holds of all pointers is said once, at the top of the header"
)]

mod arena;
pub mod bundle;
pub mod generate;
mod layout;
mod link;
mod now;
#[cfg(all(feature = "panic-handler", target_os = "none"))]
mod panic;
mod platform;
mod pointer;
pub mod prepare;
pub mod status;
mod store;
pub mod types;
pub mod window;

/// The number of this interface. A header and a library fit together where
/// `subrosa_abi() == SUBROSA_ABI`.
pub const ABI: u32 = 1;

/// The number of the library's interface: SUBROSA_ABI of the header that belongs to it.
#[expect(unsafe_code, reason = "a symbol of C")]
#[unsafe(no_mangle)]
pub const extern "C" fn subrosa_abi() -> u32 {
    ABI
}
