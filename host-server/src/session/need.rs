use crate::engine::UnitJob;
use kernel::model::GroupShape;
use kernel::params::ParameterId;
use kernel::wire::{MAX_PAYLOAD, RowShape, body_bytes};

/// What a frame leads to, before its payload is read.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Need {
    /// What it is for.
    pub work: Work,
    /// Bytes that are held at most until the last answer has left.
    pub memory: usize,
    /// Bytes that pass the link meanwhile, both ways.
    pub traffic: usize,
}

/// The kinds of work that hold memory.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Work {
    /// One product of the online phase.
    Product,
    /// One unit of the offline phase.
    Unit,
    /// The evaluation keys of a session, held to its end.
    Keys,
}

impl Need {
    /// Memory of the largest masked product that frames can carry, in bytes.
    pub const LARGEST_PRODUCT: usize = 6 * MAX_PAYLOAD;
    /// Memory of a unit's frames, beside [`UnitJob::memory`]: a payload of rows, and its frame.
    pub const UNIT_FRAMES: usize = 3 * MAX_PAYLOAD;

    /// A product of `tokens` rows, whose request has `payload` bytes.
    pub(super) fn product(payload: usize, shape: GroupShape, tokens: usize) -> Self {
        let (inputs, outputs) = (4 * tokens * shape.columns, 4 * tokens * shape.rows);
        // Inputs and outputs exist twice while they are transposed, and outputs in their frame.
        let memory = (payload + 2 * (inputs + outputs)).min(Self::LARGEST_PRODUCT);
        Self { work: Work::Product, memory, traffic: payload + outputs }
    }

    /// A product of ciphertexts of `payload` bytes, the frames of whose reply have `reply` bytes in all.
    pub(super) const fn direct(payload: usize, reply: usize) -> Self {
        // The whole reply exists as words, which are less than twice as long, and packed; then packed,
        // and in one frame after the other.
        Self { work: Work::Product, memory: 2 * payload + 3 * reply, traffic: payload + reply }
    }

    /// Evaluation keys of `memory` bytes as words, half of which are bodies.
    pub(super) const fn keys(memory: usize) -> Self {
        Self { work: Work::Keys, memory, traffic: memory / 2 }
    }

    pub(super) fn unit(shape: GroupShape, set: ParameterId, row: &RowShape) -> Self {
        let bodies = row.keys * shape.columns * body_bytes(row.degree);
        Self {
            work: Work::Unit,
            memory: UnitJob::memory(shape, set, row.keys).saturating_add(Self::UNIT_FRAMES),
            traffic: bodies + shape.rows * row.row_bytes(),
        }
    }
}
