use super::Decoder;
use kernel::model::{GroupId, GroupKind};

/// A product that the decoder waits for: y = W x for each of T rows.
#[derive(Clone, Copy)]
pub struct Request<'r> {
    /// The matrix W, m x n.
    pub group: GroupId,
    /// Rows, T >= 1.
    pub tokens: usize,
    /// T x n, row-major, each in `[-32767, 32767]`. Secret, but for its length.
    pub x: &'r [i32],
}

impl core::fmt::Debug for Request<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let Self { group, tokens, .. } = self;
        f.debug_struct("Request")
            .field("group", group)
            .field("tokens", tokens)
            .finish_non_exhaustive()
    }
}

impl Decoder<'_> {
    /// What follows a group in its step.
    pub(super) fn successor(&self, layer: u32, kind: GroupKind) -> Option<GroupId> {
        let config = self.bundle.config();
        match kind {
            GroupKind::AttnIn => Some(config.group(layer, GroupKind::AttnOut)),
            GroupKind::AttnOut => Some(config.group(layer, GroupKind::MlpIn)),
            GroupKind::MlpIn => Some(config.group(layer, GroupKind::MlpOut)),
            GroupKind::MlpOut if layer + 1 < config.layers => {
                Some(config.group(layer + 1, GroupKind::AttnIn))
            }
            GroupKind::MlpOut | GroupKind::LmHead => None,
        }
    }

    /// Makes `group` pending, with the dummy rows of x and all of y zero.
    pub(super) fn offer(&mut self, group: GroupId) {
        let shape = self.bundle.shape(group);
        self.workspace.x[self.live * shape.columns..self.rows * shape.columns].fill(0);
        self.workspace.y[..self.rows * shape.rows].fill(0);
        self.pending = Some(group);
    }
}
