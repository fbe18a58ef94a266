//! How a backend is tested: the suites that all of them run, as library code.
//!
//! | suite | of |
//! |---|---|
//! | [`accelerator_suite!`](crate::accelerator_suite) | [`Accelerator`](crate::accel::Accelerator), the host's matrix products |
//! | [`ring_accelerator_suite!`](crate::ring_accelerator_suite) | [`RingAccelerator`](crate::accel::ring::RingAccelerator), the host's products on ciphertexts |
//! | [`ring_ops_suite!`](crate::ring_ops_suite) | [`RingOps`](crate::ring::RingOps), the arithmetic on secrets |
//!
//! A suite is a list of cases, each a function that takes a backend and panics where it errs. The
//! expected values always come from the reference implementation, the inputs from here: edge
//! values first, then deterministic noise, so that a failure repeats. A backend is tested by one
//! line of its own test crate, which makes a test of every case:
//!
//! ```
//! # use kernel::accel::Reference;
//! kernel::accelerator_suite!(reference, Some(Reference::default()));
//! # fn main() {}
//! ```
//!
//! A backend that this machine cannot run says `SKIPPED: <name>: <why>` on standard error and
//! passes, or fails where an environment variable asks for it; see
//! [`accelerator_suite!`](crate::accelerator_suite).
//!
//! [`Faults`] make a backend fail at any call: for those who must go on when one is lost.

pub mod accelerator;
mod faults;
pub mod ring_accelerator;
pub mod ring_ops;

pub use faults::Faults;

use crate::prime::PrimeId;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

/// The one backend of a suite's tests, made once, and the word about one that is not there.
#[doc(hidden)]
#[macro_export]
macro_rules! suite_backend {
    ($trait:ident, $name:ident, $make:expr $(, $variable:literal)?) => {
        fn backend() -> Option<&'static dyn $trait> {
            use std::io::Write;
            use std::sync::OnceLock;
            static BACKEND: OnceLock<Result<Box<dyn $trait>, String>> = OnceLock::new();
            let made = BACKEND.get_or_init(|| {
                let made = $crate::conformance::Outcome::outcome($make);
                if let Err(why) = &made {
                    // Not eprintln, which a test that passes keeps to itself.
                    let line = format!("SKIPPED: {}: {why}\n", stringify!($name));
                    let _ = std::io::stderr().write_all(line.as_bytes());
                }
                made.map(|backend| Box::new(backend) as Box<dyn $trait>)
            });
            if let Err(_why) = made {
                $(
                    let required = std::env::var_os($variable).is_some_and(|v| v == "1");
                    assert!(!required, "{} needs {}: {_why}", $variable, stringify!($name));
                )?
            }
            made.as_ref().ok().map(|backend| &**backend)
        }
    };
}

/// Deterministic noise (SplitMix64): inputs for tests, never secrets.
///
/// ```
/// use kernel::conformance::Noise;
///
/// let (mut a, mut b) = (Noise::new(1), Noise::new(1));
/// assert_eq!([a.bits(), a.bits()], [b.bits(), b.bits()]);
/// ```
#[derive(Clone, Debug)]
pub struct Noise(u64);

impl Noise {
    /// Noise that differs with the seed.
    #[must_use]
    pub const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next 64 bits.
    pub fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut x = self.0;
        x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        x ^ (x >> 31)
    }
}

/// Residues modulo `p` at the edges of the range, and with all bits of the lower bytes.
///
/// ```
/// use kernel::conformance::edge_residues;
/// use kernel::prime::PrimeId;
///
/// let edges = edge_residues(PrimeId::T);
/// assert!(edges.contains(&0) && edges.contains(&(PrimeId::T.value() - 1)));
/// ```
#[must_use]
pub const fn edge_residues(p: PrimeId) -> [u32; 7] {
    edges_below(p.value())
}

const fn edges_below(p: u32) -> [u32; 7] {
    [0, 1, p - 1, p - 2, p / 2, p / 2 + 1, 0x00ff_ffff]
}

/// Weights at the edges of the range.
pub const EDGE_WEIGHTS: [i8; 6] = [-128, -127, -1, 0, 1, 127];

/// Words that a buffer holds before a call: nothing may depend on them.
fn garbage(len: usize) -> Vec<u32> {
    (0..len as u32).map(|i| 0xdead_beef ^ i).collect()
}

/// `len` residues modulo `p`: the edges first, then noise.
///
/// ```
/// use kernel::conformance::residues;
/// use kernel::prime::PrimeId;
///
/// let x = residues(PrimeId::Delta, 5, 100);
/// assert!(x.len() == 100 && x.iter().all(|&word| word < PrimeId::Delta.value()));
/// ```
#[must_use]
pub fn residues(p: PrimeId, seed: u64, len: usize) -> Vec<u32> {
    let mut noise = Noise::new(seed);
    let noise = core::iter::repeat_with(|| (noise.bits() % u64::from(p.value())) as u32);
    edge_residues(p).into_iter().chain(noise).take(len).collect()
}

/// `len` weights: the edges first, then noise.
///
/// ```
/// use kernel::conformance::{EDGE_WEIGHTS, weights};
///
/// assert_eq!(weights(5, 100)[..6], EDGE_WEIGHTS);
/// ```
#[must_use]
pub fn weights(seed: u64, len: usize) -> Vec<i8> {
    let mut noise = Noise::new(seed);
    let noise = core::iter::repeat_with(|| noise.bits() as i8);
    EDGE_WEIGHTS.into_iter().chain(noise).take(len).collect()
}

/// A backend, or why there is none on this machine: an `Option`, or a `Result` whose error can be
/// displayed.
///
/// ```
/// use kernel::conformance::Outcome;
///
/// assert_eq!(Some(1).outcome(), Ok(1));
/// assert_eq!(Err::<u8, _>("no adapter").outcome(), Err("no adapter".to_string()));
/// ```
pub trait Outcome {
    /// The backend.
    type Backend;

    /// The backend.
    ///
    /// # Errors
    /// Why there is none, in words.
    fn outcome(self) -> Result<Self::Backend, String>;
}

impl<B> Outcome for Option<B> {
    type Backend = B;

    fn outcome(self) -> Result<B, String> {
        self.ok_or_else(|| "not available on this machine".to_string())
    }
}

impl<B, E: core::fmt::Display> Outcome for Result<B, E> {
    type Backend = B;

    fn outcome(self) -> Result<B, String> {
        self.map_err(|e| e.to_string())
    }
}
