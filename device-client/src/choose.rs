//! From logits to a token: the largest, or a draw from the nucleus.
//!
//! The same logits and the same random word give the same token on every target. Time depends on
//! the logits; no message does.

#[cfg(test)]
mod tests;

/// How tokens are chosen.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Choice {
    temperature: f32,
    top_p: f32,
}

/// Why a choice was refused.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ChoiceError {
    /// The temperature is negative or not finite.
    #[error("`temperature` must be zero or a positive finite number")]
    Temperature,
    /// The nucleus is empty or more than everything.
    #[error("`top_p` must be above 0 and at most 1")]
    TopP,
    /// The scratch for sorting is shorter than the logits.
    #[error("choosing among {needed} tokens needs as many indices")]
    Indices {
        /// How many are needed.
        needed: usize,
    },
}

impl Choice {
    /// Always the largest logit.
    pub const GREEDY: Self = Self { temperature: 0.0, top_p: 1.0 };

    /// Draws with probability `softmax(logits / temperature)` from the smallest set of most likely
    /// tokens that holds `top_p` of it. Temperature 0 is [`Choice::GREEDY`].
    ///
    /// # Errors
    /// [`ChoiceError::Temperature`] or [`ChoiceError::TopP`] for a value out of range.
    pub fn new(temperature: f32, top_p: f32) -> Result<Self, ChoiceError> {
        if !(0.0..f32::INFINITY).contains(&temperature) {
            return Err(ChoiceError::Temperature);
        }
        if !(top_p > 0.0 && top_p <= 1.0) {
            return Err(ChoiceError::TopP);
        }
        Ok(Self { temperature, top_p })
    }

    /// The temperature.
    #[must_use]
    pub const fn temperature(&self) -> f32 {
        self.temperature
    }

    /// The share of the nucleus.
    #[must_use]
    pub const fn top_p(&self) -> f32 {
        self.top_p
    }
}

/// The first index of the largest logit. NaN never wins; all NaN, or none at all, gives 0.
#[must_use]
pub fn greedy(logits: &[f32]) -> u32 {
    let (mut best, mut largest) = (0, f32::NAN);
    for (index, &logit) in logits.iter().enumerate() {
        if logit > largest || (largest.is_nan() && !logit.is_nan()) {
            (best, largest) = (index as u32, logit);
        }
    }
    best
}

/// Chooses a token by a uniformly random word.
///
/// Overwrites the logits, unless the choice is greedy. `indices` is scratch, at least as long as
/// they are. Where no logit is finite, the choice is greedy too.
///
/// # Errors
/// [`ChoiceError::Indices`] for too little scratch, whatever the temperature.
pub fn choose(
    choice: &Choice,
    logits: &mut [f32],
    indices: &mut [u32],
    random: u32,
) -> Result<u32, ChoiceError> {
    let needed = logits.len();
    let indices = indices.get_mut(..needed).ok_or(ChoiceError::Indices { needed })?;
    let best = greedy(logits);
    let largest = logits.get(best as usize).copied().unwrap_or(f32::NAN);
    if choice.temperature == 0.0 || largest.is_nan() || largest.is_infinite() {
        return Ok(best);
    }
    for logit in logits.iter_mut() {
        *logit = libm::expf((*logit - largest) / choice.temperature);
    }
    for (at, index) in indices.iter_mut().enumerate() {
        *index = at as u32;
    }
    let weight = |index: u32| logits[index as usize];
    indices.sort_unstable_by(|&a, &b| weight(b).total_cmp(&weight(a)).then(a.cmp(&b)));

    // Exact sums: no rounding can put the drawn point beyond the last token.
    let total: u64 = indices.iter().map(|&index| fixed(weight(index))).sum();
    let share = (total as f64 * f64::from(choice.top_p)) as u64;
    let mut nucleus = 0;
    let mut count = 0;
    for &index in indices.iter() {
        count += 1;
        nucleus += fixed(weight(index));
        if nucleus >= share.max(1) {
            break;
        }
    }
    let point = ((u128::from(random) * u128::from(nucleus)) >> 32) as u64;
    let mut passed = 0;
    for &index in &indices[..count] {
        passed += fixed(weight(index));
        if passed > point {
            return Ok(index);
        }
    }
    Ok(best)
}

/// A weight from 0 to 1 as an integer, the largest 2^30; NaN counts as 0.
fn fixed(weight: f32) -> u64 {
    const ONE: f32 = 1_073_741_824.0;
    (weight * ONE) as u64
}
