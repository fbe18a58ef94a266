//! Numbers in, numbers out: floats to exact integers and back.
//!
//! Weights become int8 with one scale per row, once, where the model is converted. Activations
//! become 16-bit integers with one scale per token, on the device, in constant time. Both are the
//! same to the bit on every target.
//!
//! ```
//! use kernel::quant::{ActivationQuantiser, GroupBounds, quantise_row};
//!
//! let (weights, input) = ([0.5, -0.25, 0.125], [2.0, 3.0, -4.0]);
//! let mut w = [0; 3];
//! let scale = quantise_row(&weights, &mut w)?; // once, where the model is converted
//! let mut bounds = GroupBounds::default();
//! bounds.include(&w);
//! bounds.check_noise()?;
//!
//! let mut x = [0; 3];
//! let factor = ActivationQuantiser::new(&bounds, 3)?.quantise(&input, &mut x);
//! let y: i64 = w.iter().zip(x).map(|(&w, x)| i64::from(w) * i64::from(x)).sum(); // W x, exactly
//! let float: f32 = weights.iter().zip(input).map(|(w, x)| w * x).sum();
//! assert!((y as f32 * scale * factor - float).abs() < 0.01);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod activation;
mod bounds;
#[cfg(test)]
mod tests;
mod weights;

pub use activation::{ACTIVATION_MAX, ActivationQuantiser};
pub use bounds::{BoundError, GroupBounds};
pub use weights::{WeightError, quantise_row};
