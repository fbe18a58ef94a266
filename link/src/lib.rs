//! The link between device and host: a stream over an insecure one, with keys that are pinned.
//!
//! subrosa's promises hold on a bare connection. A link adds what they leave open: a stranger between the two
//! sides learns neither the model nor what kind of session there is, cannot pose as the host, and cannot make
//! the device's checks fail. Lengths and moments stay visible.
//!
//! [`Noise`](noise) is the default: `Noise_IK_25519_ChaChaPoly_BLAKE2s`, of which section 20 of the
//! protocol's document says every byte. [`NoiseStream`] speaks it over anything that implements
//! `embedded-io-async`, in two buffers of the caller's; nothing here allocates.

#![no_std]
#![cfg_attr(test, allow(clippy::unwrap_used, reason = "test code"))]
#![forbid(unsafe_code)]

#[cfg(test)]
extern crate std;

mod either;
mod error;
mod keys;
pub mod noise;
pub mod record;
mod stream;
#[cfg(feature = "tls")]
pub mod tls;

pub use either::Link;
pub use error::LinkError;
pub use keys::{KEY_BYTES, KeyError, PublicKey, SecretKey};
pub use stream::NoiseStream;
