//! The online phase, and the same run in the clear.

mod link;
mod private;

pub(crate) use private::check_direct;

use crate::plain::PlainProducts;
use anyhow::Result;
use device_client::decoder::Decoder;
use device_client::generate::{Event, GenerateError, Multiply, Sampling, generate};
use host_server::model::HostBundle;
use kernel::bundle::DeviceBundle;
use kernel::schedule::Schedule;
use std::time::Duration;
use zeroize::Zeroize;

/// Bytes of the parts in which frames pass: a request for a row of up to 4096 numbers is one, and is made
/// before it departs.
pub(crate) const PART_BYTES: usize = 64 << 10;

/// What a run produced. Erased when dropped.
pub(crate) struct Transcript {
    pub(crate) tokens: Vec<u32>,
    pub(crate) logits: Vec<Vec<f32>>,
}

impl Drop for Transcript {
    fn drop(&mut self) {
        self.tokens.zeroize();
        self.logits.zeroize();
    }
}

impl Transcript {
    /// Room for as many tokens: a vector that grew would leave copies behind.
    fn with_room(tokens: usize) -> Self {
        Self { tokens: Vec::with_capacity(tokens), logits: Vec::with_capacity(tokens) }
    }

    /// Whether every bit of every logit is the same.
    pub(crate) fn same_logits(&self, other: &Self) -> bool {
        let bits = |run: &Self| -> Vec<Vec<u32>> {
            run.logits.iter().map(|row| row.iter().map(|v| v.to_bits()).collect()).collect()
        };
        bits(self) == bits(other)
    }

    /// Takes in an event; what must not be shown is not kept either.
    fn record(&mut self, event: &Event<'_>) {
        match event {
            Event::Logits { logits, sound: true, .. } => self.logits.push(logits.to_vec()),
            Event::Token { token, sound: true, .. } => self.tokens.push(*token),
            _ => {}
        }
    }
}

/// What is run: the same for every source of products.
pub(crate) struct Run<'a> {
    pub(crate) bundle: &'a DeviceBundle<'a>,
    pub(crate) schedule: Schedule,
    pub(crate) prompt: &'a [u32],
    pub(crate) sampling: &'a Sampling,
    /// Time from an answer to the next request; zero for none.
    pub(crate) pace: Duration,
}

impl Run<'_> {
    /// Positions that the cache of keys and values holds.
    fn context(&self) -> usize {
        self.schedule.positions() as usize
    }

    async fn drive<M: Multiply>(
        &self,
        products: &mut M,
        mut observe: impl FnMut(&Event<'_>),
    ) -> Result<Transcript, GenerateError<M::Error>> {
        let (config, chunk) = (self.bundle.config(), self.schedule.chunk() as usize);
        let length = Decoder::workspace_len(config, self.context(), chunk);
        let mut floats = vec![0.0; length.floats];
        let mut integers = vec![0; length.integers];
        let mut indices = vec![0; config.vocab as usize];
        let mut decoder =
            Decoder::new(self.bundle, self.context(), chunk, &mut floats, &mut integers)?;
        let mut transcript = Transcript::with_room(self.schedule.output_bucket() as usize);
        let outcome = generate(
            &mut decoder,
            &self.schedule,
            self.prompt,
            self.sampling,
            &mut indices,
            products,
            |event| {
                transcript.record(&event);
                observe(&event);
            },
        )
        .await;
        // Their order tells the logits.
        indices.zeroize();
        outcome?;
        Ok(transcript)
    }

    /// The run with products of the caller's.
    pub(crate) async fn over_products<M: Multiply>(
        &self,
        products: &mut M,
    ) -> Result<Transcript, GenerateError<M::Error>> {
        self.drive(products, |_| {}).await
    }

    /// The run in the clear.
    pub(crate) async fn plain(
        &self,
        weights: &HostBundle,
        observe: impl FnMut(&Event<'_>),
    ) -> Result<Transcript> {
        Ok(self.drive(&mut PlainProducts::new(weights), observe).await?)
    }
}
