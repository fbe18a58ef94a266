//! The public schedule of a session: which products, of what size, in what order.
//!
//! A schedule is a function of public numbers alone: the model's shape, the prompt bucket P, the
//! output bucket T and the prefill chunk C. The host sees it and learns nothing beside it.
//!
//! First the prompt, in steps of C rows (the last may be shorter), P rows in all. A prompt shorter
//! than P is filled *behind* with dummy rows, x = 0. Then T rounds: the head, and, except after
//! the last, one step of one row. So each decoder group serves `P + T - 1` rows and the head T.
//!
//! A chunk longer than the prompt is the prompt: C is clamped to P. The last token chosen is never
//! fed back, so `P + T - 1` positions are used, at most the context; the *room* that T tokens of
//! output leave for the prompt is `context + 1 - T`.
//!
//! ```
//! use kernel::model::ModelConfig;
//! use kernel::schedule::Schedule;
//!
//! let config = ModelConfig {
//!     vocab: 100,
//!     hidden: 8,
//!     layers: 2,
//!     heads: 2,
//!     kv_heads: 1,
//!     head_dim: 4,
//!     intermediate: 12,
//!     context: 64,
//!     rms_eps: 1e-5,
//! };
//! // 17 tokens go into the bucket of 32, in chunks of 16; 10 tokens come out.
//! let schedule = Schedule::for_request(&config, 17, 10, 16)?;
//! assert_eq!((schedule.prompt_bucket(), schedule.chunk()), (32, 16));
//! assert_eq!(schedule.steps(), 2 + 9);
//! for group in config.groups().take(8) {
//!     assert_eq!(schedule.demand(&config, group), 32 + 9);
//! }
//! # Ok::<(), kernel::schedule::ScheduleError>(())
//! ```

#[cfg(test)]
mod tests;

use crate::model::{GROUPS_PER_LAYER, GroupId, ModelConfig};

/// Smallest prompt bucket.
pub const SMALLEST_BUCKET: u32 = 16;

/// A session's public shape.
///
/// ```
/// use kernel::model::ModelConfig;
/// use kernel::schedule::{Schedule, ScheduleError};
///
/// let config = ModelConfig {
///     vocab: 100,
///     hidden: 8,
///     layers: 1,
///     heads: 2,
///     kv_heads: 1,
///     head_dim: 4,
///     intermediate: 12,
///     context: 64,
///     rms_eps: 1e-5,
/// };
/// // A prompt bucket of 5 in chunks of 2, and 2 tokens of answer.
/// let schedule = Schedule::new(&config, 5, 2, 2)?;
/// let products: Vec<_> = schedule.products(&config).map(|p| (p.group.0, p.tokens)).collect();
/// let (prefill, rounds) = products.split_at(3 * 4);
/// assert_eq!(prefill[..4], [(0, 2), (1, 2), (2, 2), (3, 2)]);
/// assert_eq!(prefill[8..], [(0, 1), (1, 1), (2, 1), (3, 1)]);
/// assert_eq!(rounds, [(4, 1), (0, 1), (1, 1), (2, 1), (3, 1), (4, 1)]);
/// assert_eq!(schedule.product_count(&config), 18);
///
/// // The context has 64 positions.
/// let beyond = ScheduleError::Context { prompt: 60, output: 6, context: 64 };
/// assert_eq!(Schedule::new(&config, 60, 6, 16), Err(beyond));
/// # Ok::<(), ScheduleError>(())
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq, Hash)]
pub struct Schedule {
    prompt: u32,
    output: u32,
    chunk: u32,
}

/// A request that no schedule serves.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ScheduleError {
    /// No prompt, no output or no chunk.
    #[error("the prompt, the number of tokens and the chunk must be at least 1")]
    Empty,
    /// More positions than the model has.
    #[error(
        "a prompt bucket of {prompt} and {output} tokens exceed the model's context of {context}"
    )]
    Context {
        /// The prompt bucket P.
        prompt: u32,
        /// The output bucket T.
        output: u32,
        /// Positions that the model has.
        context: u32,
    },
}

/// One product of a schedule.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct ScheduledProduct {
    /// Which matrix.
    pub group: GroupId,
    /// Rows of x, each for one position.
    pub tokens: u32,
}

impl Schedule {
    /// The schedule of these buckets. A `chunk` above `prompt_bucket` counts as `prompt_bucket`.
    ///
    /// # Errors
    /// [`ScheduleError::Empty`] if a number is 0, or else [`ScheduleError::Context`] if
    /// `P + T - 1` exceeds the context.
    pub const fn new(
        config: &ModelConfig,
        prompt_bucket: u32,
        output_bucket: u32,
        chunk: u32,
    ) -> Result<Self, ScheduleError> {
        if prompt_bucket == 0 || output_bucket == 0 || chunk == 0 {
            return Err(ScheduleError::Empty);
        }
        // The last token chosen is never fed back.
        match prompt_bucket.checked_add(output_bucket - 1) {
            Some(rows) if rows <= config.context => {
                let chunk = if chunk < prompt_bucket { chunk } else { prompt_bucket };
                Ok(Self { prompt: prompt_bucket, output: output_bucket, chunk })
            }
            _ => Err(ScheduleError::Context {
                prompt: prompt_bucket,
                output: output_bucket,
                context: config.context,
            }),
        }
    }

    /// The schedule for a prompt of `prompt` tokens and `output` tokens of answer: the prompt's
    /// bucket is the smallest power of two that is at least `prompt` and 16, or the room that the
    /// output leaves, `context + 1 - output`, where that is less.
    ///
    /// # Errors
    /// [`ScheduleError`], where even the prompt itself does not fit.
    pub const fn for_request(
        config: &ModelConfig,
        prompt: u32,
        output: u32,
        chunk: u32,
    ) -> Result<Self, ScheduleError> {
        let room = (config.context + 1).saturating_sub(output);
        let bucket = match prompt.checked_next_power_of_two() {
            Some(power) if power < SMALLEST_BUCKET => SMALLEST_BUCKET,
            Some(power) => power,
            None => u32::MAX,
        };
        let bucket = if bucket < room { bucket } else { room };
        // No prompt stays without a bucket, and is refused.
        let bucket = if prompt > 0 && bucket > prompt { bucket } else { prompt };
        Self::new(config, bucket, output, chunk)
    }

    /// The prompt bucket P.
    #[must_use]
    pub const fn prompt_bucket(&self) -> u32 {
        self.prompt
    }

    /// The output bucket T.
    #[must_use]
    pub const fn output_bucket(&self) -> u32 {
        self.output
    }

    /// Positions of the context that are used, `P + T - 1`: the last token chosen is never fed back.
    #[must_use]
    pub const fn positions(&self) -> u32 {
        self.prompt + self.output - 1
    }

    /// The prefill chunk C.
    #[must_use]
    pub const fn chunk(&self) -> u32 {
        self.chunk
    }

    /// Steps of the decoder: prefill chunks, then one row for each output token but the last.
    #[must_use]
    pub const fn steps(&self) -> u32 {
        self.prompt.div_ceil(self.chunk) + self.output - 1
    }

    /// Rows of x that a group serves in the whole session: its demand for correlations.
    #[must_use]
    pub const fn demand(&self, config: &ModelConfig, group: GroupId) -> u32 {
        if group.0 == config.layers * GROUPS_PER_LAYER {
            self.output
        } else {
            self.prompt + self.output - 1
        }
    }

    /// Rows of step `step`, from 0: a chunk or what is left of the prompt, then 1 each.
    #[must_use]
    pub const fn step_rows(&self, step: u32) -> u32 {
        let done = step.saturating_mul(self.chunk);
        if done >= self.prompt {
            1
        } else if self.prompt - done < self.chunk {
            self.prompt - done
        } else {
            self.chunk
        }
    }

    /// All products in order.
    pub fn products(&self, config: &ModelConfig) -> impl Iterator<Item = ScheduledProduct> + use<> {
        let this = *self;
        let prefill = this.prompt.div_ceil(this.chunk);
        let layers = config.layers * GROUPS_PER_LAYER;
        (0..this.steps() + 1).flat_map(move |step| {
            // The head follows the last prefill step and every later one.
            let head =
                (step >= prefill).then_some(ScheduledProduct { group: GroupId(layers), tokens: 1 });
            let groups = if step < this.steps() { layers } else { 0 };
            let tokens = this.step_rows(step);
            head.into_iter()
                .chain((0..groups).map(move |g| ScheduledProduct { group: GroupId(g), tokens }))
        })
    }

    /// How many products [`Self::products`] yields.
    #[must_use]
    pub const fn product_count(&self, config: &ModelConfig) -> u64 {
        self.steps() as u64 * (config.layers * GROUPS_PER_LAYER) as u64 + self.output as u64
    }
}
