//! Direct mode: products under encryption with nothing prepared.
//!
//! The device encrypts an activation, one [seeded ciphertext](crate::glwe::encrypt_seeded_into) for
//! up to N numbers laid out by a [`Layout`](crate::trace::Layout); the host evaluates a matrix on it
//! in the trace form, switches the result to a small modulus, and the device decrypts.
//!
//! | step | who | function |
//! |---|---|---|
//! | evaluation keys of a session | device | [`evaluation_key_limb_into`] |
//! | encryption | device | [`encrypt_limb_into`] |
//! | trace product | host | an accelerator |
//! | modulus switch | host | [`switch_into`] |
//! | decryption | device | [`SwitchedResult`], or [`decrypt_switched_into`] |
//!
//! The device's steps go limb by limb, and number by number, under a key that is transformed again for
//! each limb: no buffer holds more than one ring element modulo one limb, and decryption needs two and the
//! key's.
//!
//! The plaintext modulus is t, a limb of q: a message m is encoded as `(q / t) m`. The answer's modulus
//! is no multiple of t, and key switches are noisy, so unlike in masked mode decryption may fail; how
//! seldom is what the parameters promise.
//!
//! *Key switching*. A key for `sigma_g` is, for each element of the [`gadget`](crate::gadget), an
//! encryption of that element times `-sigma_g(s)`. With the digits d of the mask a of a ciphertext
//! (b, a), the switched ciphertext is `(sigma_g(b) + sum d' B, sum d' A)`, where d' are the digits after
//! `sigma_g`. Cutting commutes with automorphisms, so one decomposition serves many (hoisting), and
//! the results of all backends are equal to the bit.
//!
//! No special modulus: at N = 4096 there is room for at most 20 bits of it, and smaller digits do as
//! much at no cost in limbs. [`hybrid`](crate::hybrid) is for parameters that have the room.
//!
//! # The whole of it, small
//! ```
//! use kernel::accel::ring::{Ciphertexts, RingAccelerator, automorphisms};
//! use kernel::accel::{AccelError, Accelerator, Reference, RowSource};
//! use kernel::direct::{
//!     TernaryKey, decrypt_switched_into, encrypt_limb_into, evaluation_key_limb_into, key_coordinate,
//! };
//! use kernel::params::{DirectSet, InsecureDirect64 as Set, Limbs, ParameterSet};
//! use kernel::prime::{Prime, T};
//! use kernel::ring::Scalar;
//! use kernel::stream::{Label, Seed, centred_binomial};
//! use kernel::trace::Layout;
//!
//! // The model is public: two rows of three weights.
//! const W: [[i8; 3]; 2] = [[3, -100, 0], [1, 1, 127]];
//! struct Rows(usize);
//! impl RowSource for Rows {
//!     fn next_row(&mut self, row: &mut [i8]) -> Result<(), AccelError> {
//!         row.copy_from_slice(&W[self.0]);
//!         self.0 += 1;
//!         Ok(())
//!     }
//! }
//! let host = Reference::default();
//! let matrix = host.load(2, 3, &mut Rows(0))?;
//! let layout = Layout::for_product(Set::N, 2, 3, 1);
//!
//! // Device: a key for the session, and the evaluation keys that this layout needs.
//! let session = Seed::from_bytes([1; 32]); // in earnest from Seed::random, and used once
//! let key_seed = session.derive(Label::EvaluationKey);
//! let (public, key_public) = (session.derive_public(), key_seed.derive_public());
//! let mut coefficients = [0; Set::N];
//! let key = TernaryKey::<Set>::generate(&session, &mut coefficients)?;
//! let (mut noise, mut scratch) = ([0; Set::N], [0; Set::N]);
//! let keys = host.open_keys(Set::ID, &key_public)?;
//! let limbs = <Set as ParameterSet>::Chain::COUNT;
//! for sigma in automorphisms(&[layout]) {
//!     let mut bodies = vec![0; Set::GADGET * Set::BODY_WORDS];
//!     for (block, body) in bodies.chunks_exact_mut(Set::N).enumerate() {
//!         let (element, limb) = (block / limbs, block % limbs);
//!         centred_binomial(&key_seed, key_coordinate::<Set>(sigma, element), &mut noise);
//!         evaluation_key_limb_into::<Set, Scalar>(
//!             &key, &key_public, sigma, element, limb, &noise, body, &mut scratch,
//!         )?;
//!     }
//!     host.add_key(keys, sigma, &bodies)?;
//! }
//!
//! // Device: three numbers, each in its place, in ciphertext 0 of the session.
//! let x = [1000, -7, 12_345];
//! let mut message = [0; Set::N];
//! for (j, &x) in x.iter().enumerate() {
//!     message[layout.input_exponent(j, 0)] = T::mul(T::from_i32(x), layout.normaliser::<T>());
//! }
//! let mut body = [0; Set::BODY_WORDS];
//! centred_binomial(&session, 0, &mut noise);
//! for (limb, body) in body.chunks_exact_mut(Set::N).enumerate() {
//!     body.copy_from_slice(&message);
//!     encrypt_limb_into::<Set, Scalar>(&key, &public, 0, limb, &noise, body, &mut scratch)?;
//! }
//!
//! // Host: it knows the body, and the mask by its seed.
//! let input = Ciphertexts { seed: &public, first: 0, bodies: &body };
//! let (mut masks, mut bodies) = ([0; Set::N], [0; 2]);
//! host.trace_product(matrix, keys, &layout, &input, &mut masks, &mut bodies)?;
//!
//! // Device: the answer. Whether it is right, the linear check says: see kernel::check.
//! let (mut y, places) = ([0; 2], (0..2).map(|i| layout.output_exponent(i, 0)));
//! let mut work = [0; 3 * Set::N];
//! decrypt_switched_into::<Set, Scalar>(&key, &masks, &bodies, places, &mut y, &mut work)?;
//! assert_eq!(y.map(T::centre), [3 * 1000 + 100 * 7, 1000 - 7 + 127 * 12_345]);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod decrypt;
mod encrypt;
mod evaluation_key;
mod key;
mod modulus_switch;
pub mod noise;
mod shape;
#[cfg(test)]
mod tests;

pub use decrypt::{SwitchedResult, decrypt_switched_into};
pub use encrypt::encrypt_limb_into;
pub use evaluation_key::{evaluation_key_limb_into, key_coordinate};
pub use key::TernaryKey;
pub use modulus_switch::{BODY_BITS, MASK_BITS, switch_into};
pub use shape::{DirectShape, LimbShape, MAX_LIMBS};

pub(crate) use decrypt::round_to_plain;
