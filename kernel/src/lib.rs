//! The core of subrosa: private linear algebra between a device that trusts nobody and a host
//! that sees only noise.
//!
//! Everything here is `no_std`, and without the `alloc` feature it never allocates. The modules,
//! from the ground up:
//!
//! | module | what it holds |
//! |---|---|
//! | [`prime`] | arithmetic modulo the primes t and Delta, 32-bit residues |
//! | [`ntt`] | the negacyclic number-theoretic transform, N = 4 to 4096 |
//! | [`ring`] | [`ring::RingOps`], the constant-time ring backend that secrets stand on |
//! | [`params`] | parameter sets as types, with their security and failure bounds |
//! | [`stream`] | ChaCha20 streams addressed by position, and the samplers over them |
//! | [`glwe`] | secret keys, seeded encryption, two-lane decryption |
//! | [`mask`] | one-time masks: `c = x + r`, `y = d - z` |
//! | [`check`] | the linear check that catches a cheating host |
//! | [`quant`] | the int8 weight quantiser and the 16-bit activation quantiser |
//! | [`model`], [`schedule`] | the shape of a model and of a session, public functions both |
//! | [`bundle`], [`wire`] | formats at rest and in motion |
//! | [`accel`] | [`accel::Accelerator`], the host's one primitive, and its reference |
//! | [`conformance`] | the suites that every backend runs |
//!
//! | feature | adds |
//! |---|---|
//! | `alloc` | the accelerator trait, its reference, bundle writers |
//! | `conformance` | the conformance suites (implies `alloc`) |
//! | `hazmat` | insecure parameter sets, for tests and vectors |
#![no_std]
#![forbid(unsafe_code)]

#[cfg(feature = "alloc")]
extern crate alloc;
#[cfg(test)]
extern crate std;

#[cfg(feature = "alloc")]
pub mod accel;
pub mod bundle;
pub mod check;
#[cfg(feature = "conformance")]
pub mod conformance;
pub mod glwe;
pub mod mask;
pub mod model;
pub mod ntt;
pub mod params;
pub mod prime;
pub mod quant;
pub mod ring;
pub mod schedule;
pub mod stream;
pub mod wire;
