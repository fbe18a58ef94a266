//! Numbers in, numbers out: floats to exact integers and back.
//!
//! Weights become int8 with one scale per row, once, where the model is converted. Activations
//! become 16-bit integers with one scale per token, on the device, in constant time. Both are the
//! same to the bit on every target.

mod activation;
mod bounds;
#[cfg(test)]
mod tests;
mod weights;

pub use activation::{ACTIVATION_MAX, ActivationQuantiser};
pub use bounds::{BoundError, GroupBounds};
pub use weights::{WeightError, quantise_row};
