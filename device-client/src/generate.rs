//! Text, token by token: one loop for the plain run, masked mode and whatever comes.

use crate::choose::{Choice, ChoiceError, choose};
use crate::decoder::{Decoder, DecoderError, Request};
use kernel::schedule::Schedule;
use kernel::stream::{Seed, token_choice};

/// Where products come from: a host that sees noise, or a plain loop over the weights.
#[expect(async_fn_in_trait, reason = "drivers run on one executor; no Send bound is wanted")]
pub trait Multiply {
    /// Why there is no product.
    type Error;

    /// Writes `W x` of the request into `y`.
    ///
    /// # Errors
    /// As the source fails; the run ends.
    async fn multiply(&mut self, request: Request<'_>, y: &mut [i32]) -> Result<(), Self::Error>;

    /// Whether every product so far has passed its checks. What is shown to the user may depend
    /// on it; nothing that is sent may.
    fn is_sound(&self) -> bool {
        true
    }
}

/// How tokens are chosen, and from what randomness.
#[derive(Debug)]
pub struct Sampling {
    /// Greedy, or a draw.
    pub choice: Choice,
    /// Seed of the draws.
    pub seed: Seed,
}

/// What a run has come to.
///
/// `sound` is whether all products so far have passed their checks; if not, show nothing of it.
pub enum Event<'a> {
    /// Rows of the prompt's bucket are done.
    Prefill {
        /// Rows done.
        rows: u32,
        /// Rows in all.
        of: u32,
    },
    /// The logits for a place in the answer.
    Logits {
        /// The place, from 0.
        index: u32,
        /// One for each token of the vocabulary.
        logits: &'a [f32],
        /// Whether they may be shown.
        sound: bool,
    },
    /// The token chosen from them.
    Token {
        /// The place, from 0.
        index: u32,
        /// The token.
        token: u32,
        /// Whether it may be shown.
        sound: bool,
    },
}

impl core::fmt::Debug for Event<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Event")
    }
}

/// Why a run ended early.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum GenerateError<E> {
    /// The prompt is empty or longer than its bucket.
    #[error("the prompt does not fit the schedule")]
    Prompt,
    /// The decoder refused.
    #[error(transparent)]
    Decoder(#[from] DecoderError),
    /// The choice refused.
    #[error(transparent)]
    Choice(#[from] ChoiceError),
    /// The products failed.
    #[error(transparent)]
    Products(E),
}

/// Runs a whole schedule: the prompt in chunks, dummies behind it, then every output token of the
/// bucket. A token that ends the text ends nothing here: the caller stops showing.
///
/// `indices` is scratch for sorting, `vocab` words.
///
/// # Errors
/// [`GenerateError`].
pub async fn generate<M: Multiply>(
    decoder: &mut Decoder<'_>,
    schedule: &Schedule,
    prompt: &[u32],
    sampling: &Sampling,
    indices: &mut [u32],
    products: &mut M,
    mut observe: impl FnMut(Event<'_>),
) -> Result<(), GenerateError<M::Error>> {
    if prompt.is_empty() || prompt.len() > schedule.prompt_bucket() as usize {
        return Err(GenerateError::Prompt);
    }
    let (mut rest, mut done) = (prompt, 0);
    for step in 0..schedule.prompt_bucket().div_ceil(schedule.chunk()) {
        let rows = schedule.step_rows(step) as usize;
        let (now, later) = rest.split_at(rows.min(rest.len()));
        decoder.begin(now, rows - now.len())?;
        run(decoder, products).await?;
        rest = later;
        done += rows as u32;
        observe(Event::Prefill { rows: done, of: schedule.prompt_bucket() });
    }
    for index in 0..schedule.output_bucket() {
        decoder.begin_head()?;
        run(decoder, products).await?;
        let sound = products.is_sound();
        observe(Event::Logits { index, logits: decoder.logits(), sound });
        let random = token_choice(&sampling.seed, u64::from(index));
        let token = choose(&sampling.choice, decoder.logits_mut(), indices, random)?;
        observe(Event::Token { index, token, sound });
        // The last token is never fed back.
        if index + 1 < schedule.output_bucket() {
            decoder.begin(&[token], 0)?;
            run(decoder, products).await?;
        }
    }
    Ok(())
}

/// Serves the decoder's requests until its step is finished.
async fn run<M: Multiply>(
    decoder: &mut Decoder<'_>,
    products: &mut M,
) -> Result<(), GenerateError<M::Error>> {
    while let Some((request, y)) = decoder.exchange() {
        products.multiply(request, y).await.map_err(GenerateError::Products)?;
        decoder.resume();
    }
    Ok(())
}
