//! The device's side of subrosa: everything that a device which trusts nobody does itself.
//!
//! The weights stay with the host, which multiplies by them without seeing what it multiplies.
//! Here is the rest: the light half of the model, the choice of tokens, the correlations, and both
//! phases of the protocol. Nothing allocates; the caller supplies all memory.
//!
//! | module | what it holds |
//! |---|---|
//! | [`decoder`] | norms, rotary embedding, attention and gating, between exact integer products |
//! | [`choose`] | from logits to a token |
//! | [`generate`](mod@generate) | the loop from a prompt to a text, over any source of products |
//! | [`store`] | correlations: taken in by whole checked units, given out once |
//! | [`session`] | the online phase, sans I/O |
//! | [`masked`], [`direct`], [`mixed`] | how its numbers are hidden |
//! | [`unit`](mod@unit) | the offline phase, sans I/O |
//! | [`prepare_direct`](mod@prepare_direct) | the offline phase through direct mode's engine |
//! | [`transport`] | frames over `embedded-io-async` |
//! | [`prepare`](mod@prepare), [`client`] | the two phases over a link |
//! | [`sizes`] | how much memory all that takes |
//!
//! The feature `alloc` adds [`store::MemoryStore`], the feature `embassy-net` a ready link in `net`.
#![no_std]
#![forbid(unsafe_code)]

#[cfg(feature = "alloc")]
extern crate alloc;
#[cfg(test)]
extern crate std;

pub mod choose;
pub mod client;
pub mod decoder;
pub mod direct;
pub mod generate;
pub mod masked;
pub mod mixed;
#[cfg(feature = "embassy-net")]
pub mod net;
pub mod prepare;
pub mod prepare_direct;
pub mod session;
pub mod sizes;
pub mod store;
pub mod transport;
pub mod unit;
