use kernel::model::{GroupKind, ModelConfig};
use zeroize::Zeroize;

/// The memory of a decoder, in words of 32 bits.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct WorkspaceLen {
    /// Floats: the cache of keys and values, residuals, one row of scratch, logits.
    pub floats: usize,
    /// Integers: a chunk of x and a chunk of y.
    pub integers: usize,
}

impl WorkspaceLen {
    /// See [`Decoder::workspace_len`](super::Decoder::workspace_len).
    pub(super) const fn of(config: &ModelConfig, context: usize, chunk: usize) -> Self {
        let r = Regions::of(config, context, chunk);
        let floats = r.cache.saturating_add(r.residual).saturating_add(r.newest);
        let floats = floats.saturating_add(r.factors).saturating_add(r.input);
        let floats = floats.saturating_add(r.query).saturating_add(r.scores);
        let floats = floats.saturating_add(r.logits);
        Self { floats, integers: r.x.saturating_add(r.y) }
    }
}

/// The length of every region.
struct Regions {
    cache: usize,
    residual: usize,
    newest: usize,
    factors: usize,
    input: usize,
    query: usize,
    scores: usize,
    logits: usize,
    x: usize,
    y: usize,
}

impl Regions {
    const fn of(config: &ModelConfig, context: usize, chunk: usize) -> Self {
        let vocab = config.vocab as usize;
        let hidden = config.hidden as usize;
        let (mut rows, mut columns) = (0, hidden);
        let kinds = [GroupKind::AttnIn, GroupKind::AttnOut, GroupKind::MlpIn, GroupKind::MlpOut];
        let mut i = 0;
        while i < kinds.len() {
            if let Some(shape) = config.shape(config.group(0, kinds[i])) {
                rows = max(rows, shape.rows);
                columns = max(columns, shape.columns);
            }
            i += 1;
        }
        Self {
            cache: cache_len(config, context),
            residual: chunk.saturating_mul(hidden),
            newest: hidden,
            factors: chunk,
            input: columns,
            query: config.query_width(),
            scores: context,
            logits: vocab,
            x: chunk.saturating_mul(columns),
            y: max(chunk.saturating_mul(rows), vocab),
        }
    }
}

/// See [`Decoder::cache_len`](super::Decoder::cache_len).
pub(super) const fn cache_len(config: &ModelConfig, context: usize) -> usize {
    let layer = context.saturating_mul(config.kv_width()).saturating_mul(2);
    layer.saturating_mul(config.layers as usize)
}

const fn max(a: usize, b: usize) -> usize {
    if a > b { a } else { b }
}

/// The caller's memory, divided.
pub(super) struct Workspace<'a> {
    /// `[layer][key or value][position][kv_width]`.
    pub(super) cache: &'a mut [f32],
    /// `[row][hidden]`.
    pub(super) residual: &'a mut [f32],
    /// The last layer's result for the newest token, `[hidden]`.
    pub(super) newest: &'a mut [f32],
    /// What turns a row's integers back into floats, `[row]`.
    pub(super) factors: &'a mut [f32],
    /// One row's input of the next group, as long as the longest.
    pub(super) input: &'a mut [f32],
    /// One row's query, `[query_width]`.
    pub(super) query: &'a mut [f32],
    /// One head's attention scores, `[position]`.
    pub(super) scores: &'a mut [f32],
    /// `[vocab]`.
    pub(super) logits: &'a mut [f32],
    /// `[row][column]` of the pending group.
    pub(super) x: &'a mut [i32],
    /// `[row][output]` of the pending group.
    pub(super) y: &'a mut [i32],
}

impl<'a> Workspace<'a> {
    /// Divides the caller's memory, or `None` if it is too small. The contents are not read.
    pub(super) fn new(
        config: &ModelConfig,
        context: usize,
        chunk: usize,
        mut floats: &'a mut [f32],
        mut integers: &'a mut [i32],
    ) -> Option<Self> {
        let r = Regions::of(config, context, chunk);
        Some(Self {
            cache: floats.split_off_mut(..r.cache)?,
            residual: floats.split_off_mut(..r.residual)?,
            newest: floats.split_off_mut(..r.newest)?,
            factors: floats.split_off_mut(..r.factors)?,
            input: floats.split_off_mut(..r.input)?,
            query: floats.split_off_mut(..r.query)?,
            scores: floats.split_off_mut(..r.scores)?,
            logits: floats.split_off_mut(..r.logits)?,
            x: integers.split_off_mut(..r.x)?,
            y: integers.split_off_mut(..r.y)?,
        })
    }

    /// Keeps a row's residual as that of the newest token.
    pub(super) fn keep(&mut self, row: usize) {
        let hidden = self.newest.len();
        self.newest.copy_from_slice(&self.residual[row * hidden..][..hidden]);
    }

    /// Overwrites everything with zeros, in a way that the compiler keeps.
    pub(super) fn erase(&mut self) {
        let floats = [
            &mut *self.cache,
            self.residual,
            self.newest,
            self.factors,
            self.input,
            self.query,
            self.scores,
            self.logits,
        ];
        floats.into_iter().for_each(Zeroize::zeroize);
        self.x.zeroize();
        self.y.zeroize();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DEMO: ModelConfig = ModelConfig {
        vocab: 1024,
        hidden: 128,
        layers: 5,
        heads: 4,
        kv_heads: 2,
        head_dim: 32,
        intermediate: 352,
        context: 512,
        rms_eps: 1e-5,
    };

    #[test]
    fn lengths_are_constants_and_saturate() {
        const ONE: WorkspaceLen = WorkspaceLen::of(&DEMO, 256, 1);
        assert_eq!(ONE, WorkspaceLen { floats: 165_857, integers: 352 + 1024 });
        let many = WorkspaceLen::of(&DEMO, 256, 16);
        assert_eq!(
            many,
            WorkspaceLen { floats: ONE.floats + 15 * 129, integers: 16 * (352 + 704) }
        );
        let huge = WorkspaceLen::of(&DEMO, usize::MAX, usize::MAX);
        assert_eq!(huge, WorkspaceLen { floats: usize::MAX, integers: usize::MAX });
    }
}
