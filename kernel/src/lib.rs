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
//! | [`galois`], [`gadget`] | automorphisms, and the digits of key switching |
//! | [`trace`] | the layout and the order of an encrypted matrix product |
//! | [`direct`] | direct mode: evaluation keys, modulus switch, decryption, noise |
//! | [`hybrid`] | key switching with a special modulus, hoisted, for other parameters |
//! | `native` | GLWE modulo 2^64, as the `tfhe` crate has it |
//! | [`mask`] | one-time masks: `c = x + r`, `y = d - z` |
//! | [`check`] | the linear check that catches a cheating host |
//! | [`quant`] | the int8 weight quantiser and the 16-bit activation quantiser |
//! | [`model`], [`schedule`] | the shape of a model and of a session, public functions both |
//! | [`bundle`], [`wire`] | formats at rest and in motion |
//! | `accel` | `accel::Accelerator`, the host's one primitive, and its reference |
//! | `conformance` | the suites that every backend runs |
//!
//! | feature | adds |
//! |---|---|
//! | `alloc` | the accelerator trait, its reference, bundle writers |
//! | `conformance` | the conformance suites (implies `alloc`) |
//! | `hazmat` | what needs care: insecure parameter sets, for tests and vectors, and `native` |
//!
//! # The whole of it, small
//! ```
//! use kernel::accel::{AccelError, Accelerator, Reference, RowSource};
//! use kernel::check::{LinearCheck, Poison};
//! use kernel::glwe::{EncryptScratch, SecretKey, decrypt_into, encrypt_seeded_into};
//! use kernel::mask::{centre_into, mask_assign, unmask_assign};
//! use kernel::params::{MASKED_LIMBS, Masked256x16 as Set, ParameterSet};
//! use kernel::prime::{Prime, PrimeId, T};
//! use kernel::ring::Scalar;
//! use kernel::stream::{Label, Seed, check_vector, one_time_mask, one_time_mask_coordinates};
//!
//! // The model is public: one row of two weights, y = 3 x_0 - 100 x_1.
//! const W: [i8; 2] = [3, -100];
//! struct Row;
//! impl RowSource for Row {
//!     fn next_row(&mut self, row: &mut [i8]) -> Result<(), AccelError> {
//!         row.copy_from_slice(&W);
//!         Ok(())
//!     }
//! }
//! let host = Reference::default();
//! let matrix = host.load(1, 2, &mut Row)?;
//!
//! // Device, offline: masks r for two coordinates and 256 tokens, encrypted under a fresh key.
//! let unit = Seed::from_bytes([1; 32]); // in earnest from Seed::random, and used once
//! let (public, masks) = (unit.derive_public(), unit.derive(Label::OneTimeMask));
//! let mut r = [0; 2 * Set::N];
//! one_time_mask_coordinates(&masks, 0, 0..Set::N, &mut r);
//! let mut key = vec![0; SecretKey::<Set>::WORDS];
//! let key = SecretKey::<Set>::generate::<Scalar>(&unit, &mut key)?;
//! let mut bodies = [vec![], vec![]]; // a limb modulo t, a limb modulo Delta
//! for (j, r) in r.chunks(Set::N).enumerate() {
//!     let mut body = [0; 2 * Set::N];
//!     let mut scratch = EncryptScratch { mask: &mut [0; Set::N], noise: &mut [0; Set::N] };
//!     encrypt_seeded_into::<Set, Scalar>(&key, &unit, &public, j, r, &mut body, &mut scratch)?;
//!     bodies[0].extend_from_slice(&body[..Set::N]);
//!     bodies[1].extend_from_slice(&body[Set::N..]);
//! }
//!
//! // Host, offline: the row times the ciphertexts, which it knows as bodies and a public seed.
//! let mut ciphertext = vec![0; 2 * Set::LIMB_WORDS];
//! for ((p, bodies), out) in
//!     MASKED_LIMBS.into_iter().zip(&bodies).zip(ciphertext.chunks_mut(Set::LIMB_WORDS))
//! {
//!     let (masks, body) = out.split_at_mut(Set::MASK_WORDS);
//!     host.product_seeded(matrix, 0..1, p, &public, 0..Set::MASK_WORDS, masks)?;
//!     host.product(matrix, 0..1, p, bodies, Set::N, body)?;
//! }
//!
//! // Device, offline: decrypting gives the correlations, z = W r for every token.
//! let (mut z, mut noise) = ([0; Set::N], [0; Set::N]);
//! decrypt_into::<Set, Scalar>(&key, &ciphertext, &mut z, &mut noise)?;
//!
//! // Online, for token 7: the host sees c, which is uniform, and answers d = W c.
//! let x = [-1234, 20];
//! let mut c = [0; 2];
//! one_time_mask(&masks, 7, 0, &mut c);
//! mask_assign(&x, &mut c);
//! let mut d = [0];
//! host.product(matrix, 0..1, PrimeId::T, &c, 1, &mut d)?;
//! let mut y = [z[7]];
//! unmask_assign(&d, &mut y);
//!
//! // The check: u . y = v . x, with a secret u and with v = u^T W from a trusted machine.
//! let check_seed = Seed::from_bytes([2; 32]);
//! let (mut check, mut poison) = (LinearCheck::default(), Poison::default());
//! check.add_outputs(&check_seed, 0, 0, &y);
//! for repetition in 0..2 {
//!     let mut u = [0];
//!     check_vector(&check_seed, repetition as u8, 0, 0, &mut u);
//!     let v = W.map(|w| T::mul(u[0], T::from_i32(w.into())));
//!     check.subtract_inputs(repetition, &v, x.into_iter().map(T::from_i32));
//! }
//! check.finish(&mut poison);
//!
//! let mut result = [0];
//! centre_into(&y, &mut result);
//! poison.select(&mut result); // zeros, had a check failed
//! assert_eq!(result, [3 * -1234 - 100 * 20]);
//! assert!(!poison.reveal());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
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
pub mod direct;
pub mod gadget;
pub mod galois;
pub mod glwe;
pub mod hybrid;
pub mod mask;
#[cfg(test)]
mod measure;
pub mod model;
#[cfg(feature = "hazmat")]
pub mod native;
pub mod ntt;
pub mod params;
pub mod prime;
pub mod quant;
pub mod ring;
pub mod schedule;
pub mod stream;
pub mod trace;
pub mod wire;
