use crate::engine::UnitJob;
use kernel::model::GroupShape;
use kernel::params::ParameterId;
use kernel::wire::{MAX_PAYLOAD, body_bytes, row_bytes};

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

/// The two kinds of work that hold memory.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Work {
    /// One product of the online phase.
    Product,
    /// One unit of the offline phase.
    Unit,
}

impl Need {
    /// Memory of the largest product that frames can carry, in bytes.
    pub const LARGEST_PRODUCT: usize = 6 * MAX_PAYLOAD;
    /// Memory of a unit's frames, beside [`UnitJob::memory`]: a payload of rows, and its frame.
    pub const UNIT_FRAMES: usize = 3 * MAX_PAYLOAD;

    /// A product of `tokens` rows, whose request has `payload` bytes.
    pub(super) fn product(payload: usize, shape: Option<GroupShape>, tokens: usize) -> Self {
        let (inputs, outputs) =
            shape.map_or((0, 0), |shape| (4 * tokens * shape.columns, 4 * tokens * shape.rows));
        // Inputs and outputs exist twice while they are transposed, and outputs in their frame.
        let memory = (payload + 2 * (inputs + outputs)).min(Self::LARGEST_PRODUCT);
        Self { work: Work::Product, memory, traffic: payload + outputs }
    }

    pub(super) fn unit(shape: GroupShape, set: ParameterId) -> Self {
        let (degree, rank) = set.degree_and_rank();
        Self {
            work: Work::Unit,
            memory: UnitJob::memory(shape, set).saturating_add(Self::UNIT_FRAMES),
            traffic: shape.columns * body_bytes(degree) + shape.rows * row_bytes(degree, rank),
        }
    }
}
