use super::checkpoint::{Rope, RopeScaling};
use core::f64::consts::TAU;

/// The `head_dim / 2` rotary frequencies, `theta^(-2i / head_dim)` radians per position, scaled
/// as the model wants it.
///
/// Computed in f64 by the crate `libm` and rounded once, so that they are the same on every
/// machine. Single-precision code, which rounds the exponent, the power and the quotient, differs
/// by a few units in the last place.
#[must_use]
pub fn rotary_frequencies(rope: &Rope, head_dim: u32) -> Vec<f32> {
    let width = f64::from(head_dim);
    let ramp = Ramp::of(rope, width);
    (0..head_dim / 2)
        .map(|i| {
            let plain = 1.0 / libm::pow(rope.theta, f64::from(2 * i) / width);
            let scaled = match rope.scaling {
                RopeScaling::None => plain,
                RopeScaling::Linear { factor } => plain / factor,
                RopeScaling::Llama3 { factor, low_freq_factor, high_freq_factor, original } => {
                    // Turns in a text of the first training: few are slowed down, many are not.
                    let turns = f64::from(original) * plain / TAU;
                    let kept = (turns - low_freq_factor) / (high_freq_factor - low_freq_factor);
                    mix(plain / factor, plain, kept)
                }
                RopeScaling::Yarn { factor, .. } => mix(plain, plain / factor, ramp.at(i)),
            };
            scaled as f32
        })
        .collect()
}

/// From `a`, for a share of `b` of 0 or less, to `b`, for 1 or more.
fn mix(a: f64, b: f64, share: f64) -> f64 {
    let share = share.clamp(0.0, 1.0);
    a * (1.0 - share) + b * share
}

/// Where YaRN goes from kept frequencies to divided ones, as indices of frequencies.
struct Ramp {
    low: f64,
    high: f64,
}

impl Ramp {
    fn of(rope: &Rope, width: f64) -> Self {
        let RopeScaling::Yarn { beta_fast, beta_slow, truncate, original, .. } = rope.scaling
        else {
            return Self { low: 0.0, high: 1.0 };
        };
        // The index whose frequency turns `turns` times in a text of the first training.
        let index = |turns: f64| {
            width * libm::log(f64::from(original) / (turns * TAU)) / (2.0 * libm::log(rope.theta))
        };
        let (mut low, mut high) = (index(beta_fast), index(beta_slow));
        if truncate {
            (low, high) = (libm::floor(low), libm::ceil(high));
        }
        let (low, mut high) = (low.max(0.0), high.min(width - 1.0));
        if low == high {
            high += 0.001;
        }
        Self { low, high }
    }

    fn at(&self, i: u32) -> f64 {
        (f64::from(i) - self.low) / (self.high - self.low)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plain(theta: f64, head_dim: u32) -> Vec<f32> {
        rotary_frequencies(&Rope { theta, scaling: RopeScaling::None }, head_dim)
    }

    /// The steps of `1.0 / (base ** (arange(0, dim, 2).float() / dim))` in f32.
    #[test]
    fn frequencies_agree_with_single_precision_steps() {
        for theta in [10_000.0, 500_000.0, 1_000_000.0] {
            for head_dim in [16, 64, 80, 128] {
                let ours = plain(theta, head_dim);
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
        assert_eq!(plain(10_000.0, 8), [1.0, 0.1, 0.01, 0.001]);
    }
}
