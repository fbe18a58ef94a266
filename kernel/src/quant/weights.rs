/// A weight that has no integer.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum WeightError {
    /// A weight is NaN or infinite.
    #[error("weight {0} of the row is not finite")]
    NotFinite(usize),
}

/// Quantises one row symmetrically to `[-127, 127]` and returns its scale: `w = scale * q`.
///
/// The scale is `max |w| / 127`, computed in f64 and rounded to f32; each weight is divided by that
/// f32 in f64 and rounded, ties to even. A row of zeros, or one too small for a normal f32 scale,
/// becomes zeros with scale 1. `out` is as long as `row`.
///
/// ```
/// use kernel::quant::{WeightError, quantise_row};
///
/// let mut q = [0; 3];
/// assert_eq!(quantise_row(&[63.5, -10.0, 0.0], &mut q), Ok(0.5));
/// assert_eq!(q, [127, -20, 0]);
/// assert_eq!(quantise_row(&[1.0, f32::NAN, 0.0], &mut q), Err(WeightError::NotFinite(1)));
/// ```
///
/// # Errors
/// [`WeightError::NotFinite`] for NaN or infinity.
pub fn quantise_row(row: &[f32], out: &mut [i8]) -> Result<f32, WeightError> {
    let mut largest = 0_f32;
    for (i, w) in row.iter().enumerate() {
        if !w.is_finite() {
            return Err(WeightError::NotFinite(i));
        }
        largest = largest.max(w.abs());
    }
    let scale = (f64::from(largest) / 127.0) as f32;
    if scale < f32::MIN_POSITIVE {
        out.fill(0);
        return Ok(1.0);
    }
    for (q, w) in out.iter_mut().zip(row) {
        *q = round_ties_even(f64::from(*w) / f64::from(scale)).clamp(-127, 127) as i8;
    }
    Ok(scale)
}

/// Nearest integer, ties to even, for `|x| < 2^31`: the sum's unit in the last place is one.
fn round_ties_even(x: f64) -> i32 {
    const SHIFT: f64 = 6_755_399_441_055_744.0; // 1.5 * 2^52
    ((x + SHIFT) - SHIFT) as i32
}
