/// The `head_dim / 2` rotary frequencies, `theta^(-2i / head_dim)` radians per position.
///
/// Computed in f64 by the crate `libm` and rounded once, so that they are the same on every
/// machine. Single-precision code, which rounds the exponent, the power and the quotient, differs
/// by a few units in the last place.
#[must_use]
pub fn rotary_frequencies(theta: f64, head_dim: u32) -> Vec<f32> {
    (0..head_dim / 2)
        .map(|i| (1.0 / libm::pow(theta, f64::from(2 * i) / f64::from(head_dim))) as f32)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The steps of `1.0 / (base ** (arange(0, dim, 2).float() / dim))` in f32.
    #[test]
    fn frequencies_agree_with_single_precision_steps() {
        for theta in [10_000.0, 500_000.0, 1_000_000.0] {
            for head_dim in [16, 64, 80, 128] {
                let ours = rotary_frequencies(theta, head_dim);
                assert_eq!(ours.len(), head_dim as usize / 2);
                assert_eq!(ours[0], 1.0);
                for (i, ours) in ours.iter().enumerate() {
                    let exponent = (2 * i) as f32 / head_dim as f32;
                    let theirs = 1.0 / (theta as f32).powf(exponent);
                    // The exponent's rounding counts ln(theta) times: 14 at most.
                    let tolerance = theirs * f32::EPSILON * if head_dim == 80 { 8.0 } else { 2.0 };
                    assert!((ours - theirs).abs() <= tolerance, "{theta} {head_dim} {i}");
                }
            }
        }
    }

    /// Powers of ten come out as the nearest floats.
    #[test]
    fn known_frequencies() {
        assert_eq!(rotary_frequencies(10_000.0, 8), [1.0, 0.1, 0.01, 0.001]);
    }
}
