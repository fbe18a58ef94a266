//! The device's side of subrosa: everything that a device which trusts nobody does itself.
//!
//! The weights stay with the host, which multiplies by them without seeing what it multiplies.
//! Here is the rest: the light half of the model and the choice of tokens. Nothing allocates; the
//! caller supplies all memory.
//!
//! | module | what it holds |
//! |---|---|
//! | [`decoder`] | norms, rotary embedding, attention and gating, between exact integer products |
//! | [`choose`] | from logits to a token |
#![no_std]
#![forbid(unsafe_code)]

#[cfg(test)]
extern crate std;

pub mod choose;
pub mod decoder;
