use super::Layout;
use super::session::in_order;
use crate::direct::DirectShape;
use crate::galois::Automorphism;
use crate::model::{GROUPS_PER_LAYER, GroupId, GroupShape, ModelConfig};
use crate::wire::{BLOCK_PREFIX_BYTES, HEADER_BYTES, MAX_PAYLOAD, ReplyFrames, direct_payloads};

/// Tokens that a preparation's keys are spread over when T is chosen.
const KEYS_SERVE: usize = 1024;

/// How a preparation in direct mode lays out its masks: a public rule, which both sides follow.
///
/// One T serves all groups of a session: as many tokens lie in each ciphertext, and each unit
/// prepares as many. Of the powers of two for which every request fits a frame, the smallest
/// counts that moves at most an eighth more than the fewest bytes for 1024 tokens of every group,
/// keys included: small units waste little where few tokens are wanted. T is at least [`least_tokens`],
/// for the masks' sake. Blocks are the smallest that hold a matrix, or the largest that T leaves room for.
///
/// ```
/// use kernel::direct::DirectShape;
/// use kernel::model::ModelConfig;
/// use kernel::params::ParameterId;
/// use kernel::trace::PreparationRule;
///
/// let config = ModelConfig {
///     vocab: 1024,
///     hidden: 128,
///     layers: 5,
///     heads: 4,
///     kv_heads: 2,
///     head_dim: 32,
///     intermediate: 352,
///     context: 512,
///     rms_eps: 1e-5,
/// };
/// let set = DirectShape::of(ParameterId::Direct4096).ok_or("no direct set")?;
/// let rule = PreparationRule::new(&config, &set).ok_or("no layout")?;
/// assert_eq!(rule.tokens(), 32);
/// assert_eq!(rule.automorphisms().count(), 8);
/// // 31 ciphertexts up and 58 down for each of 32 tokens, and the keys once.
/// let (up, down) = rule.bytes(1024);
/// assert!(up / 1024 < 47_000 && down / 1024 < 75_000);
/// # Ok::<(), &str>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PreparationRule {
    config: ModelConfig,
    set: DirectShape,
    tokens: usize,
}

/// Tokens of a unit, at least: 32 at N = 4096, `N / 128` for other degrees, or 1.
///
/// A host can rescale a ciphertext as if its numbers were real, so that the answer is right only if the
/// phase has not wrapped modulo q and the mask lies in a range. With the evaluation keys it can clear away
/// all coefficients but those of one coordinate's T tokens, and no fewer; at N = 4096 one phase has not
/// wrapped with a probability of `2^-5.2`, so all T have not with `2^-167`. See `docs/direct/parameters.md`.
#[must_use]
pub const fn least_tokens(degree: usize) -> usize {
    if degree < 128 { 1 } else { degree / 128 }
}

impl PreparationRule {
    /// The rule for a model under a parameter set; `None` if units of so many tokens have requests that do
    /// not fit a frame.
    #[must_use]
    pub fn new(config: &ModelConfig, set: &DirectShape) -> Option<Self> {
        let of = |log| Self { config: *config, set: *set, tokens: 1_usize << log };
        let fitting = || {
            let all = (0..=set.degree.ilog2()).map(of);
            let enough = all.filter(|rule| rule.tokens >= least_tokens(set.degree));
            enough.filter(|rule| rule.largest_payload(MAX_PAYLOAD) <= MAX_PAYLOAD)
        };
        let cost = |rule: &Self| {
            let (up, down) = rule.bytes(KEYS_SERVE);
            up + down
        };
        let least = fitting().map(|rule| cost(&rule)).min()?;
        fitting().find(|rule| cost(rule) - least <= least / 8)
    }

    /// Tokens T of a unit.
    #[must_use]
    pub const fn tokens(&self) -> usize {
        self.tokens
    }

    /// The layout of the units of a group.
    #[must_use]
    pub fn layout(&self, shape: GroupShape) -> Layout {
        Layout::fitting(self.set.degree, shape.rows, shape.columns, self.tokens)
    }

    /// A unit: the payload bytes of the request, and the frames of the reply to a device that takes
    /// payloads of `max_payload` bytes.
    #[must_use]
    pub fn payloads(&self, shape: GroupShape, max_payload: usize) -> (usize, ReplyFrames) {
        let size = (shape.rows, shape.columns);
        direct_payloads(&self.set, &self.layout(shape), size, self.tokens, max_payload)
    }

    /// Payload bytes of the largest frame of a session with a device that takes payloads of
    /// `max_payload` bytes.
    #[must_use]
    pub fn largest_payload(&self, max_payload: usize) -> usize {
        let units = self.shapes().map(|(shape, _)| self.payloads(shape, max_payload));
        let frames = units.map(|(up, down)| up.max(down.largest_payload()));
        frames.max().unwrap_or(0).max(self.key_payload())
    }

    /// The largest replies of a session: payload bytes of the largest frame, and of all frames of the
    /// longest.
    #[must_use]
    pub fn largest_replies(&self, max_payload: usize) -> (usize, usize) {
        let replies = || self.shapes().map(|(shape, _)| self.payloads(shape, max_payload).1);
        let frame = replies().map(|reply| reply.largest_payload()).max();
        (frame.unwrap_or(0), replies().map(|reply| reply.bytes()).max().unwrap_or(0))
    }

    /// Payload bytes of an element of an evaluation key.
    fn key_payload(&self) -> usize {
        BLOCK_PREFIX_BYTES + self.set.body_bytes()
    }

    /// The automorphisms whose keys a session needs, in the order of their exponents.
    pub fn automorphisms(&self) -> impl Iterator<Item = Automorphism> + use<> {
        let rule = *self;
        in_order(move || rule.shapes().map(move |(shape, _)| rule.layout(shape)))
    }

    /// Bytes of all frames of evaluation keys of a session.
    #[must_use]
    pub fn key_bytes(&self) -> usize {
        self.automorphisms().count() * self.set.elements() * (HEADER_BYTES + self.key_payload())
    }

    /// Bytes up and down of a session that prepares `tokens` tokens of every group.
    #[must_use]
    pub fn bytes(&self, tokens: usize) -> (usize, usize) {
        let units = tokens.div_ceil(self.tokens);
        let sum = |bytes: (usize, usize), (shape, count): (GroupShape, usize)| {
            let (up, down) = self.payloads(shape, MAX_PAYLOAD);
            let count = count.saturating_mul(units);
            let (up, down) = (HEADER_BYTES + up, HEADER_BYTES * down.count() + down.bytes());
            let add = |sum: usize, bytes| sum.saturating_add(count.saturating_mul(bytes));
            (add(bytes.0, up), add(bytes.1, down))
        };
        self.shapes().fold((self.key_bytes(), 0), sum)
    }

    /// The shapes of groups, and how many groups have each: those of a layer, and the head.
    fn shapes(&self) -> impl Iterator<Item = (GroupShape, usize)> + use<> {
        let config = self.config;
        let head = config.layers * GROUPS_PER_LAYER;
        let first = GROUPS_PER_LAYER.min(head);
        let layer = (0..first).map(move |group| (group, config.layers as usize));
        let all = layer.chain(core::iter::once((head, 1)));
        all.filter_map(move |(group, count)| Some((config.shape(GroupId(group))?, count)))
    }
}
