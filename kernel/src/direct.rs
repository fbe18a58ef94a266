//! Direct mode: products under encryption with nothing prepared.
//!
//! The device encrypts an activation, one [seeded ciphertext](crate::glwe::encrypt_seeded_into) for
//! up to N numbers laid out by a [`Layout`](crate::trace::Layout); the host evaluates a matrix on it
//! in the trace form, switches the result to a small modulus, and the device decrypts.
//!
//! | step | who | function |
//! |---|---|---|
//! | evaluation keys of a session | device | [`evaluation_key_body_into`] |
//! | encryption | device | [`encrypt_seeded_into`](crate::glwe::encrypt_seeded_into) |
//! | trace product | host | an accelerator |
//! | modulus switch | host | [`switch_into`] |
//! | decryption | device | [`decrypt_switched_into`] |
//!
//! The plaintext modulus is t, and `q / t` is no integer: a message m is encoded as
//! `round(q m / t)`, which adds at most 1/2 to the noise. Decryption rounds, so unlike in masked mode
//! it may fail; how seldom is what the parameters promise.
//!
//! *Key switching*. A key for `sigma_g` is, for each element of the [`gadget`](crate::gadget), an
//! encryption of that element times `-sigma_g(s)`. With the digits d of the mask a of a ciphertext
//! (b, a), the switched ciphertext is `(sigma_g(b) + sum d' B, sum d' A)`, where d' are the digits after
//! `sigma_g`. Cutting commutes with automorphisms, so one decomposition serves many (hoisting), and
//! the results of all backends are equal to the bit.
//!
//! No special modulus: at N = 4096 the fresh noise alone leaves it at most 20 bits, which
//! smaller digits give at no cost in limbs.

mod decrypt;
mod evaluation_key;
mod modulus_switch;
pub mod noise;
mod shape;
#[cfg(test)]
mod tests;

pub use decrypt::decrypt_switched_into;
pub use evaluation_key::{evaluation_key_body_into, key_coordinate};
pub use modulus_switch::{BODY_BITS, MASK_BITS, switch_into};
pub use shape::{DirectShape, LimbShape, MAX_LIMBS};
