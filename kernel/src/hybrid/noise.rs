//! The noise of every operation: variances of one coefficient, in units of q.
//!
//! The derivation is in `docs/direct/parameters.md`; the tests of the crate measure each formula.
//!
//! ```
//! use kernel::hybrid::noise::{FRESH, key_switch, mod_down, room, sum};
//! use kernel::params::Hybrid4096 as Set;
//!
//! // A key switch adds noise of standard deviation 34, and decryption bears 2^21.
//! assert_eq!(key_switch::<Set>().sqrt().round(), 34.0);
//! assert_eq!(room::<Set>().log2().round(), 21.0);
//!
//! // A sum over 16 automorphisms with one division, and with one for each.
//! let (lazy, each) = (16.0 * FRESH + sum::<Set>(16), 16.0 * (FRESH + key_switch::<Set>()));
//! assert!(lazy < each && each - lazy > 14.9 * mod_down::<Set>());
//! ```

use crate::direct::noise::SECRET;
use crate::params::{HybridSet, LimbVisitor, Limbs};
use crate::prime::Prime;

pub use crate::direct::noise::FRESH;

/// The variance of a uniform variable on an interval of length 1.
const ROUNDING: f64 = 1.0 / 12.0;

/// What the division by P adds: `N (2/3) / 12 + 1/12`, as the rounding of the mask meets the secret key
/// and that of the body does not.
///
/// ```
/// use kernel::hybrid::noise::mod_down;
/// use kernel::params::Hybrid4096;
///
/// assert_eq!(mod_down::<Hybrid4096>().round(), 228.0);
/// ```
#[must_use]
pub fn mod_down<S: HybridSet>() -> f64 {
    S::N as f64 * SECRET * ROUNDING + ROUNDING
}

/// What the inner product with one key adds: `N * 10.5 * sum_l (q_l^2 / 12) / P^2`.
///
/// ```
/// use kernel::hybrid::noise::{inner_product, key_switch, mod_down};
/// use kernel::params::Hybrid4096 as Set;
///
/// assert_eq!(inner_product::<Set>() + mod_down::<Set>(), key_switch::<Set>());
/// ```
#[must_use]
pub fn inner_product<S: HybridSet>() -> f64 {
    struct Squares(f64);
    impl LimbVisitor for Squares {
        fn limb<P: Prime>(&mut self, _: usize) {
            let modulus = f64::from(P::VALUE);
            self.0 += modulus * modulus * ROUNDING;
        }
    }
    let mut squares = Squares(0.0);
    S::Chain::visit(&mut squares);
    let special = f64::from(S::Special::VALUE);
    S::N as f64 * FRESH * squares.0 / (special * special)
}

/// What one key switch adds: the inner product and the division.
///
/// ```
/// use kernel::hybrid::noise::{key_switch, sum};
/// use kernel::params::Hybrid4096 as Set;
///
/// assert_eq!(key_switch::<Set>(), sum::<Set>(1));
/// ```
#[must_use]
pub fn key_switch<S: HybridSet>() -> f64 {
    sum::<S>(1)
}

/// What a sum of `switches` key switches adds that is divided once: their inner products, and one
/// division.
///
/// ```
/// use kernel::hybrid::noise::{inner_product, mod_down, sum};
/// use kernel::params::Hybrid4096 as Set;
///
/// assert_eq!(sum::<Set>(8), 8.0 * inner_product::<Set>() + mod_down::<Set>());
/// ```
#[must_use]
pub fn sum<S: HybridSet>(switches: usize) -> f64 {
    switches as f64 * inner_product::<S>() + mod_down::<S>()
}

/// The noise that decryption bears: `q / 2t`, half the distance of two messages.
///
/// ```
/// use kernel::hybrid::noise::{FRESH, key_switch, room};
/// use kernel::params::Hybrid4096 as Set;
///
/// // Ten key switches in a row are 19000 standard deviations away from it.
/// assert_eq!((room::<Set>() / (FRESH + 10.0 * key_switch::<Set>()).sqrt() / 1e3).round(), 19.0);
/// ```
#[must_use]
pub fn room<S: HybridSet>() -> f64 {
    S::Chain::MODULUS as f64 / (2.0 * f64::from(S::Plain::VALUE))
}
