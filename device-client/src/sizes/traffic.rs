use crate::direct::plan;
use core::iter::Sum;
use kernel::direct::DirectShape;
use kernel::model::{GroupShape, ModelConfig};
use kernel::params::DirectSet;
use kernel::schedule::Schedule;
use kernel::trace::{PreparationRule, session_automorphisms};
use kernel::wire::{BLOCK_PREFIX_BYTES, HEADER_BYTES, MAX_PAYLOAD, RowForm, body_bytes};

/// Bytes that go up and come down, frames' headers included; those of a link's records are not.
///
/// ```
/// use device_client::sizes::Traffic;
/// use kernel::model::GroupShape;
///
/// const HEAD: Traffic = Traffic::masked(GroupShape { rows: 1024, columns: 128 }, 1);
/// assert_eq!(HEAD, Traffic { up: 32 + 8 + 4 * 128, down: 32 + 8 + 4 * 1024 });
/// ```
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Traffic {
    /// To the host.
    pub up: u64,
    /// From the host.
    pub down: u64,
}

impl Sum for Traffic {
    fn sum<I: Iterator<Item = Self>>(all: I) -> Self {
        all.fold(Self::default(), |sum, one| Self {
            up: sum.up.saturating_add(one.up),
            down: sum.down.saturating_add(one.down),
        })
    }
}

impl Traffic {
    /// A product for `tokens` tokens in masked mode.
    #[must_use]
    pub const fn masked(shape: GroupShape, tokens: usize) -> Self {
        const fn frame(numbers: usize, tokens: usize) -> u64 {
            let words = (numbers as u64).saturating_mul(tokens as u64);
            words.saturating_mul(4).saturating_add((HEADER_BYTES + BLOCK_PREFIX_BYTES) as u64)
        }
        Self { up: frame(shape.columns, tokens), down: frame(shape.rows, tokens) }
    }

    /// A product for `tokens` tokens in direct mode.
    #[must_use]
    pub fn direct<D: DirectSet>(shape: GroupShape, tokens: usize) -> Self {
        let (_, request, reply) = plan::<D>((shape.rows, shape.columns), tokens, MAX_PAYLOAD);
        let down = reply.count() * HEADER_BYTES + reply.bytes();
        Self { up: (HEADER_BYTES + request) as u64, down: down as u64 }
    }

    /// The evaluation keys of a session in direct mode, which go up once on every link.
    #[must_use]
    pub fn session_keys<D: DirectSet>(config: &ModelConfig, schedule: &Schedule) -> Self {
        let keys = session_automorphisms(config, schedule, D::N).count();
        let frame = HEADER_BYTES + BLOCK_PREFIX_BYTES + DirectShape::of_set::<D>().body_bytes();
        Self { up: (keys * D::GADGET * frame) as u64, down: 0 }
    }

    /// The bodies and the rows of a unit of the masked method under a set of degree N and rank K,
    /// `(N, K)`, for N times `keys` tokens. Headers are next to nothing beside frames of 1 MiB, and not
    /// counted.
    #[must_use]
    pub const fn unit(
        shape: GroupShape,
        (degree, rank): (usize, usize),
        keys: usize,
        form: RowForm,
    ) -> Self {
        let bodies = (shape.columns as u64).saturating_mul(keys as u64);
        let row = form.row_bytes(degree, rank, keys) as u64;
        Self {
            up: bodies.saturating_mul(body_bytes(degree) as u64),
            down: (shape.rows as u64).saturating_mul(row),
        }
    }

    /// A unit that is [prepared through direct mode](crate::prepare_direct), for as many tokens as the rule
    /// says.
    #[must_use]
    pub fn prepared_direct(rule: &PreparationRule, shape: GroupShape) -> Self {
        let (up, reply) = rule.payloads(shape, MAX_PAYLOAD);
        let down = reply.count() * HEADER_BYTES + reply.bytes();
        Self { up: (HEADER_BYTES + up) as u64, down: down as u64 }
    }
}
