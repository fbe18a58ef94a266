//! The noise of every operation of direct mode, and the bound on failure that follows.
//!
//! Variances are those of one coefficient, in units of the ciphertext modulus q. The derivation, the
//! proof of the bound and the two hypotheses it rests on are in `docs/direct/parameters.md`, with an
//! independent measurement.
//!
//! ```
//! use kernel::direct::noise::{ProductNoise, is_exact, key_switch};
//! use kernel::params::Direct4096;
//! use kernel::quant::GroupBounds;
//! use kernel::trace::Layout;
//!
//! let layout = Layout::for_product(4096, 4096, 11008, 1);
//! // Rows of 11,008 weights of 30 on average, and rows of nothing but 127.
//! let usual = GroupBounds { norm2_squared: 900 * 11008, norm1: 25 * 11008 };
//! let extreme = GroupBounds { norm2_squared: 127 * 127 * 11008, norm1: 127 * 11008 };
//! assert!(is_exact::<Direct4096>(&usual, &layout));
//! assert!(!is_exact::<Direct4096>(&extreme, &layout));
//!
//! // The key switches of the baby steps rule, before the rounding of the answer.
//! let noise = ProductNoise::new::<Direct4096>(&layout, 4096.0 * 900.0 * 11008.0);
//! assert!(noise.babies > 0.99 * noise.evaluation() && noise.evaluation() < noise.output);
//! assert!((key_switch::<Direct4096>().log2() - 32.22).abs() < 0.01);
//! ```

use crate::gadget::{digit_bits, digits};
use crate::params::{DirectSet, LimbVisitor, Limbs};
use crate::prime::Prime;
use crate::quant::GroupBounds;
use crate::trace::{Layout, Plan};

use super::{BODY_BITS, MASK_BITS};

/// Variance of the noise of a fresh ciphertext: a centred binomial of 42 coins.
pub const FRESH: f64 = 10.5;
/// Variance of a coefficient of the secret key: uniform in {-1, 0, 1}.
pub const SECRET: f64 = 2.0 / 3.0;

/// How far above the mean over all outputs the noise of one may lie, for the weights of a matrix that
/// is not built against it: a hypothesis, at most 3.4 in what was measured.
const COHERENCE: f64 = 6.0;
/// What the squares of digits, at one root of unity, may exceed their mean by, but for `2^-129`.
const DIGITS_TAIL: f64 = 26.1;
/// Outputs of a token, all groups together, that the bound is for; more are refused.
pub const OUTPUTS: usize = 1 << 24;
/// `2 ln(2^130 OUTPUTS)`.
const TAIL: f64 = 213.5;

/// The sum over the gadget of the mean squares of the digits of uniform residues.
#[must_use]
pub fn digit_squares<S: DirectSet>() -> f64 {
    struct Sum(u32, f64);
    impl LimbVisitor for Sum {
        fn limb<P: Prime>(&mut self, _: usize) {
            let digits = digits::<P>(self.0);
            let base = f64::from(1_u32 << digit_bits::<P>(digits));
            let low = (digits - 1) as f64 * (base * base + 2.0) / 12.0;
            let below = (1..digits).fold(1.0, |power, _| power * base);
            let top = f64::from(P::VALUE) / below;
            self.1 += low + (top * top + 1.0) / 12.0;
        }
    }
    let mut sum = Sum(S::DIGIT_BITS, 0.0);
    S::Chain::visit(&mut sum);
    sum.1
}

/// Variance that a key switch adds: `N * 10.5 * sum E[d^2]`.
#[must_use]
pub fn key_switch<S: DirectSet>() -> f64 {
    S::N as f64 * FRESH * digit_squares::<S>()
}

/// Variances of the parts of a result's noise, mean over its outputs.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ProductNoise {
    /// From the inputs' own noise.
    pub fresh: f64,
    /// From the key switches of the baby steps.
    pub babies: f64,
    /// From those of the giant steps.
    pub giants: f64,
    /// From those of the final trace.
    pub folds: f64,
    /// From the rounding to `2^MASK_BITS` and `2^BODY_BITS`.
    pub output: f64,
}

impl ProductNoise {
    /// The noise of a product in a layout, for weights whose squares sum to `squares` over all blocks
    /// of inputs of one block of outputs.
    #[must_use]
    pub fn new<S: DirectSet>(layout: &Layout, squares: f64) -> Self {
        let (c, columns) = (layout.fold() as f64, layout.columns() as f64);
        // The sum runs over `sum` automorphisms, and the trace multiplies by `fold`.
        let lanes = columns / layout.sum() as f64;
        let gain = columns / lanes * c * c * squares;
        let switches = Steps::of(layout);
        let key_switch = key_switch::<S>();
        let modulus = S::Chain::MODULUS as f64;
        let unit = |bits: u32| modulus / (1_u64 << bits) as f64;
        let (mask, body) = (unit(MASK_BITS), unit(BODY_BITS));
        Self {
            fresh: gain * FRESH,
            babies: gain * key_switch * switches.babies,
            giants: c * c * key_switch * switches.giants,
            folds: key_switch * (c * c - 1.0) / 3.0,
            output: mask * mask * S::N as f64 * SECRET / 12.0 + body * body / 12.0,
        }
    }

    /// All of it but the rounding of the output.
    #[must_use]
    pub fn evaluation(&self) -> f64 {
        self.fresh + self.babies + self.giants + self.folds
    }
}

/// Key switches that a value passes on its way through a plan.
struct Steps {
    /// On average over the baby steps.
    babies: f64,
    /// Of the giant steps, all together.
    giants: f64,
}

impl Steps {
    fn of(layout: &Layout) -> Self {
        let plan = Plan::new(layout);
        let (fine, babies) = (plan.fine() as f64, plan.babies() as f64);
        let coarse = babies / fine;
        let giants = plan.giants() as f64 - 1.0;
        Self {
            babies: (1.0 - 1.0 / fine) + (1.0 - 1.0 / coarse),
            giants: if plan.two_sided() { 2.0 * giants + 1.0 } else { giants },
        }
    }
}

/// Whether a token's outputs are all exact but for a probability of `2^-128`, for a matrix with these
/// bounds in a layout.
///
/// With `H = q / 2t - q / 2^(BODY_BITS + 1)`, the room less what rounding takes, and V a proxy of the variance, `H^2 >= 2 ln(2^130 F) V`.
#[must_use]
pub fn is_exact<S: DirectSet>(bounds: &GroupBounds, layout: &Layout) -> bool {
    let modulus = S::Chain::MODULUS as f64;
    let t = f64::from(S::Plain::VALUE);
    let room = modulus / (2.0 * t) - modulus / (1_u64 << (BODY_BITS + 1)) as f64;
    let noise = ProductNoise::new::<S>(layout, layout.rows() as f64 * bounds.norm2_squared as f64);
    let mask = modulus / (1_u64 << MASK_BITS) as f64;
    let proxy = noise.fresh * layout.sum() as f64
        + COHERENCE * DIGITS_TAIL * noise.babies
        + DIGITS_TAIL * (noise.giants + noise.folds)
        + mask * mask * SECRET * S::N as f64 / 4.0;
    room * room >= TAIL * proxy
}
