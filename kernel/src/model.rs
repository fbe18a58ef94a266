//! The shape of a Llama-architecture model: which matrices the host holds, and their sizes.

#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};

/// Longest row that the integer kernels serve: 65,793 products of an int8 weight and a byte sum
/// exactly in 32 bits.
pub const MAX_COLUMNS: usize = 65_793;
/// Largest number of rows in a group: the answer for one token fits one frame.
pub const MAX_ROWS: usize = (crate::wire::MAX_PAYLOAD - crate::wire::BLOCK_PREFIX_BYTES) / 4;

/// Hyperparameters of a Llama-architecture decoder.
///
/// Public numbers: both sides know them. All else follows, which matrices there are and their sizes:
///
/// ```
/// use kernel::model::{GroupId, GroupKind, GroupShape, ModelConfig, ModelError};
///
/// let config = ModelConfig {
///     vocab: 100,
///     hidden: 8,
///     layers: 2,
///     heads: 2,
///     kv_heads: 1,
///     head_dim: 4,
///     intermediate: 12,
///     context: 64,
///     rms_eps: 1e-5,
/// };
/// config.check()?;
/// assert_eq!(config.group_count(), 9);
/// let group = config.group(1, GroupKind::MlpIn);
/// assert_eq!((group, config.kind(group)), (GroupId(6), Some((1, GroupKind::MlpIn))));
/// assert_eq!(config.shape(group), Some(GroupShape { rows: 2 * 12, columns: 8 }));
/// assert_eq!(config.shape(GroupId(9)), None);
/// assert_eq!(config.largest(), GroupShape { rows: 100, columns: 12 });
///
/// let odd = ModelConfig { head_dim: 3, ..config };
/// assert_eq!(odd.check(), Err(ModelError::OddHeadDim));
/// # Ok::<(), ModelError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct ModelConfig {
    /// Tokens in the vocabulary.
    pub vocab: u32,
    /// Width of the residual stream.
    pub hidden: u32,
    /// Decoder blocks.
    pub layers: u32,
    /// Query heads.
    pub heads: u32,
    /// Key and value heads; divides `heads`.
    pub kv_heads: u32,
    /// Width of one head; even.
    pub head_dim: u32,
    /// Width of the gated feed-forward layer.
    pub intermediate: u32,
    /// Longest context in tokens.
    pub context: u32,
    /// Epsilon of the RMS norms.
    pub rms_eps: f32,
}

/// Why a model's shape was refused.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ModelError {
    /// A dimension is zero or above its limit.
    #[error("model dimension `{0}` is zero or too large")]
    Dimension(&'static str),
    /// The key/value heads do not divide the query heads.
    #[error("the number of key/value heads does not divide the number of query heads")]
    HeadsNotGrouped,
    /// Rotary embedding needs an even head width.
    #[error("the head dimension is odd")]
    OddHeadDim,
    /// The RMS epsilon is not a positive finite number.
    #[error("the RMS norm epsilon is not a positive finite number")]
    Epsilon,
}

/// The linear layers of a group read the same input and are stacked into one matrix.
///
/// ```
/// assert_eq!(kernel::model::GroupKind::AttnIn.name(), "attn_in");
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq, Hash, Serialize, Deserialize)]
pub enum GroupKind {
    /// Query, key and value projections, stacked in this order.
    AttnIn,
    /// The attention output projection.
    AttnOut,
    /// Gate and up projections, stacked in this order.
    MlpIn,
    /// The down projection.
    MlpOut,
    /// The language-model head.
    LmHead,
}

impl GroupKind {
    /// The field's name of the group.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::AttnIn => "attn_in",
            Self::AttnOut => "attn_out",
            Self::MlpIn => "mlp_in",
            Self::MlpOut => "mlp_out",
            Self::LmHead => "lm_head",
        }
    }
}

/// Number of a group within its model: `4 * layer + kind`, then `lm_head` last.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Ord, PartialOrd, Hash, Serialize, Deserialize)]
pub struct GroupId(pub u32);

/// Rows and columns of a group's matrix.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Hash, Serialize, Deserialize)]
pub struct GroupShape {
    /// Outputs, m.
    pub rows: usize,
    /// Inputs, n.
    pub columns: usize,
}

/// Groups in one decoder block.
pub const GROUPS_PER_LAYER: u32 = 4;

impl ModelConfig {
    /// Checks every dimension and every product that later code forms from them.
    ///
    /// # Errors
    /// [`ModelError`] names the first condition that fails.
    pub fn check(&self) -> Result<(), ModelError> {
        let limits: [(&'static str, u32, u32); 8] = [
            ("vocab_size", self.vocab, MAX_ROWS as u32),
            ("hidden_size", self.hidden, MAX_COLUMNS as u32),
            ("num_hidden_layers", self.layers, 1024),
            ("num_attention_heads", self.heads, 1024),
            ("num_key_value_heads", self.kv_heads, 1024),
            ("head_dim", self.head_dim, 1024),
            ("intermediate_size", self.intermediate, MAX_COLUMNS as u32),
            ("max_position_embeddings", self.context, 1 << 20),
        ];
        if let Some((name, ..)) = limits.iter().find(|(_, v, max)| *v == 0 || v > max) {
            return Err(ModelError::Dimension(name));
        }
        if self.heads * self.head_dim > MAX_COLUMNS as u32 {
            return Err(ModelError::Dimension("num_attention_heads * head_dim"));
        }
        if !self.heads.is_multiple_of(self.kv_heads) {
            return Err(ModelError::HeadsNotGrouped);
        }
        if !self.head_dim.is_multiple_of(2) {
            return Err(ModelError::OddHeadDim);
        }
        if !(self.rms_eps.is_finite() && self.rms_eps > 0.0) {
            return Err(ModelError::Epsilon);
        }
        Ok(())
    }

    /// Width of all query heads together.
    #[must_use]
    pub const fn query_width(&self) -> usize {
        self.heads as usize * self.head_dim as usize
    }

    /// Width of all key heads (or value heads) together.
    #[must_use]
    pub const fn kv_width(&self) -> usize {
        self.kv_heads as usize * self.head_dim as usize
    }

    /// Number of groups: four for each layer, and the head.
    #[must_use]
    pub const fn group_count(&self) -> u32 {
        self.layers * GROUPS_PER_LAYER + 1
    }

    /// All groups in manifest order.
    pub fn groups(&self) -> impl ExactSizeIterator<Item = GroupId> + use<> {
        (0..self.group_count()).map(GroupId)
    }

    /// The group of `kind` in `layer`; the layer is ignored for the head.
    #[must_use]
    pub const fn group(&self, layer: u32, kind: GroupKind) -> GroupId {
        let offset = match kind {
            GroupKind::AttnIn => 0,
            GroupKind::AttnOut => 1,
            GroupKind::MlpIn => 2,
            GroupKind::MlpOut => 3,
            GroupKind::LmHead => return GroupId(self.layers * GROUPS_PER_LAYER),
        };
        GroupId(layer * GROUPS_PER_LAYER + offset)
    }

    /// The layer and kind of a group, or `None` beyond the last.
    #[must_use]
    pub const fn kind(&self, group: GroupId) -> Option<(u32, GroupKind)> {
        let layer = group.0 / GROUPS_PER_LAYER;
        if layer > self.layers
            || (layer == self.layers && !group.0.is_multiple_of(GROUPS_PER_LAYER))
        {
            return None;
        }
        let kind = match group.0 % GROUPS_PER_LAYER {
            0 if layer == self.layers => GroupKind::LmHead,
            0 => GroupKind::AttnIn,
            1 => GroupKind::AttnOut,
            2 => GroupKind::MlpIn,
            _ => GroupKind::MlpOut,
        };
        Some((layer, kind))
    }

    /// Rows and columns of a group's matrix, or `None` beyond the last group.
    #[must_use]
    pub const fn shape(&self, group: GroupId) -> Option<GroupShape> {
        let Some((_, kind)) = self.kind(group) else { return None };
        let hidden = self.hidden as usize;
        let intermediate = self.intermediate as usize;
        let (rows, columns) = match kind {
            GroupKind::AttnIn => (self.query_width() + 2 * self.kv_width(), hidden),
            GroupKind::AttnOut => (hidden, self.query_width()),
            GroupKind::MlpIn => (2 * intermediate, hidden),
            GroupKind::MlpOut => (hidden, intermediate),
            GroupKind::LmHead => (self.vocab as usize, hidden),
        };
        Some(GroupShape { rows, columns })
    }

    /// Rows of all groups together: the words of z that one token's correlations hold.
    #[must_use]
    pub const fn total_rows(&self) -> usize {
        let (mut rows, mut group) = (0, GroupId(0));
        while let Some(shape) = self.shape(group) {
            rows += shape.rows;
            group = GroupId(group.0 + 1);
        }
        rows
    }

    /// Longest row and tallest column over all groups, as (rows, columns).
    #[must_use]
    pub const fn largest(&self) -> GroupShape {
        let (mut largest, mut group) = (GroupShape { rows: 0, columns: 0 }, GroupId(0));
        while let Some(GroupShape { rows, columns }) = self.shape(group) {
            if rows > largest.rows {
                largest.rows = rows;
            }
            if columns > largest.columns {
                largest.columns = columns;
            }
            group = GroupId(group.0 + 1);
        }
        largest
    }
}
