//! The light half of a Llama decoder, without the matrices and without I/O.
//!
//! A [`Decoder`] stops wherever the model multiplies by a weight matrix. It then offers a
//! [`Request`]: T rows of integers x and the group whose matrix W they want. Whoever drives it, a
//! plain integer product or a masked run with a host, writes y = W x as exact integers and calls
//! [`Decoder::resume`]. Since the products are exact, every driver gives the same bits.
//!
//! ```text
//! begin ──> attn_in ──> attn_out ──> mlp_in ──> mlp_out ──> finished, or the next layer
//! begin_head ──> lm_head ──> finished: logits
//! ```
//!
//! # Floats
//! The same on every target to the bit: f32 products, quotients and sums in source order, each
//! rounded by itself; every sum is sequential from index 0; roots, exponentials, sines and cosines
//! come from the crate `libm`. An integer result i of a row becomes
//! `y[i] as f32 * (row_scale[i] * factor)`, where `factor` is what
//! [`ActivationQuantiser`](kernel::quant::ActivationQuantiser) returned for that row's x. Where
//! the model has biases, `row_bias[i]` is added to it here: the host does not know them.
//!
//! Rows do not touch each other except through the cache of keys and values, which earlier
//! positions fill first. So any division of a text into steps gives the same bits.
//!
//! # Security
//! The order of requests and their sizes depend on the model's shape and on T alone. The time that
//! the float half takes depends on more: on the position, on how many rows are dummies, and on
//! values. Messages that must not show it leave at public deadlines.

mod attention;
mod error;
mod feed_forward;
mod norm;
mod outputs;
mod rotary;
mod row;
mod sequence;
mod workspace;

pub use error::DecoderError;
pub use sequence::Request;
pub use workspace::WorkspaceLen;

use kernel::bundle::DeviceBundle;
use kernel::model::{GroupId, GroupKind, ModelConfig};
use workspace::Workspace;

/// The decoder of one text: its cache of keys and values, and the step under way.
///
/// Dropping it erases its memory.
pub struct Decoder<'a> {
    bundle: &'a DeviceBundle<'a>,
    workspace: Workspace<'a>,
    context: usize,
    chunk: usize,
    /// Tokens begun so far.
    position: usize,
    /// Rows of the step under way, T.
    rows: usize,
    /// Of these, the rows that are computed; dummies follow them.
    live: usize,
    pending: Option<GroupId>,
}

impl core::fmt::Debug for Decoder<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Decoder")
            .field("context", &self.context)
            .field("chunk", &self.chunk)
            .field("pending", &self.pending)
            .finish_non_exhaustive()
    }
}

impl Drop for Decoder<'_> {
    fn drop(&mut self) {
        self.workspace.erase();
    }
}

impl<'a> Decoder<'a> {
    /// The memory that a decoder needs for `context` positions and steps of at most `chunk` rows.
    ///
    /// Saturates where the true number has no `usize`; no memory is as large as that.
    #[must_use]
    pub const fn workspace_len(config: &ModelConfig, context: usize, chunk: usize) -> WorkspaceLen {
        WorkspaceLen::of(config, context, chunk)
    }

    /// Of these floats, those of the cache of keys and values.
    #[must_use]
    pub const fn cache_len(config: &ModelConfig, context: usize) -> usize {
        workspace::cache_len(config, context)
    }

    /// A decoder at position 0, in memory of at least [`Decoder::workspace_len`]; more is unused.
    ///
    /// # Errors
    /// [`DecoderError::Context`] unless `1 <= context <= config.context`,
    /// [`DecoderError::Chunk`] for `chunk = 0`, [`DecoderError::Workspace`] for too little memory.
    pub fn new(
        bundle: &'a DeviceBundle<'a>,
        context: usize,
        chunk: usize,
        floats: &'a mut [f32],
        integers: &'a mut [i32],
    ) -> Result<Self, DecoderError> {
        let config = bundle.config();
        if context == 0 || context > config.context as usize {
            return Err(DecoderError::Context { largest: config.context as usize });
        }
        if chunk == 0 {
            return Err(DecoderError::Chunk);
        }
        let workspace = Workspace::new(config, context, chunk, floats, integers)
            .ok_or(DecoderError::Workspace(WorkspaceLen::of(config, context, chunk)))?;
        let (position, rows, live, pending) = (0, 0, 0, None);
        let mut decoder = Self { bundle, workspace, context, chunk, position, rows, live, pending };
        decoder.reset();
        Ok(decoder)
    }

    /// The position of the next token: tokens begun since the start or the last reset.
    #[must_use]
    pub const fn position(&self) -> usize {
        self.position
    }

    /// Forgets the text: erases the cache and everything else, drops the step under way, and
    /// returns to position 0.
    pub fn reset(&mut self) {
        self.workspace.erase();
        (self.position, self.rows, self.live, self.pending) = (0, 0, 0, None);
    }

    /// Begins a step of T = `tokens.len() + dummies` rows through all layers.
    ///
    /// The tokens take the next positions. The dummy rows come behind them: their x is zero, they
    /// are outside the cache, and what is answered to them is not read. A step of dummies alone is
    /// allowed, and leaves everything as it was.
    ///
    /// # Errors
    /// [`DecoderError::StepUnderWay`] before the last step has finished, [`DecoderError::Rows`]
    /// unless `1 <= T <= chunk`, [`DecoderError::ContextFull`] where the positions run out, and
    /// [`DecoderError::Token`] for a token beyond the vocabulary. Then nothing has changed.
    pub fn begin(&mut self, tokens: &[u32], dummies: usize) -> Result<(), DecoderError> {
        if self.pending.is_some() {
            return Err(DecoderError::StepUnderWay);
        }
        let rows = tokens.len().saturating_add(dummies);
        if rows == 0 || rows > self.chunk {
            return Err(DecoderError::Rows { largest: self.chunk });
        }
        if tokens.len() > self.context - self.position {
            return Err(DecoderError::ContextFull { context: self.context });
        }
        let config = self.bundle.config();
        if let Some(index) = tokens.iter().position(|&token| token >= config.vocab) {
            return Err(DecoderError::Token { index });
        }
        let residual = self.workspace.residual.chunks_exact_mut(config.hidden as usize);
        for (row, &token) in residual.zip(tokens) {
            self.bundle.embed(token, row);
        }
        (self.rows, self.live) = (rows, tokens.len());
        self.position += tokens.len();
        let first = config.group(0, GroupKind::AttnIn);
        for row in 0..self.live {
            self.prepare(first, row);
        }
        self.offer(first);
        Ok(())
    }

    /// Begins the step, of one row, that gives the logits behind the newest token.
    ///
    /// It may be repeated, and gives the same each time. Before the first token its x is zero.
    ///
    /// # Errors
    /// [`DecoderError::StepUnderWay`] before the last step has finished.
    pub fn begin_head(&mut self) -> Result<(), DecoderError> {
        if self.pending.is_some() {
            return Err(DecoderError::StepUnderWay);
        }
        let head = self.bundle.config().group(0, GroupKind::LmHead);
        (self.rows, self.live) = (1, 1);
        self.prepare(head, 0);
        self.offer(head);
        Ok(())
    }

    /// The product that the decoder waits for, or `None` when no step is under way.
    #[must_use]
    pub fn request(&self) -> Option<Request<'_>> {
        let group = self.pending?;
        let x = &self.workspace.x[..self.rows * self.bundle.shape(group).columns];
        Some(Request { group, tokens: self.rows, x })
    }

    /// Where y = W x belongs: T x m, row-major; empty when no step is under way.
    ///
    /// It holds zeros when a request is new. Any integers are accepted.
    pub fn response_mut(&mut self) -> &mut [i32] {
        let length = self.pending.map_or(0, |group| self.rows * self.bundle.shape(group).rows);
        &mut self.workspace.y[..length]
    }

    /// [`Decoder::request`] and [`Decoder::response_mut`] at once.
    pub fn exchange(&mut self) -> Option<(Request<'_>, &mut [i32])> {
        let group = self.pending?;
        let shape = self.bundle.shape(group);
        let x = &self.workspace.x[..self.rows * shape.columns];
        let y = &mut self.workspace.y[..self.rows * shape.rows];
        Some((Request { group, tokens: self.rows, x }, y))
    }

    /// Takes the response and computes up to the next request or the end of the step.
    ///
    /// Does nothing when no step is under way.
    pub fn resume(&mut self) {
        let Some(group) = self.pending.take() else { return };
        let Some((layer, kind)) = self.bundle.config().kind(group) else { return };
        let next = self.successor(layer, kind);
        for row in 0..self.live {
            self.absorb(group, layer, kind, row);
            if let Some(next) = next {
                self.prepare(next, row);
            }
        }
        match next {
            Some(next) => self.offer(next),
            None if kind == GroupKind::MlpOut && self.live > 0 => {
                self.workspace.keep(self.live - 1)
            }
            None => {}
        }
    }

    /// The logits of the last head step that finished, one for each token of the vocabulary; zeros
    /// before the first.
    #[must_use]
    pub fn logits(&self) -> &[f32] {
        self.workspace.logits
    }

    /// The same logits, for those who want to work in place.
    pub fn logits_mut(&mut self) -> &mut [f32] {
        self.workspace.logits
    }
}
