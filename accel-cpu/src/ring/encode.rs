//! The weights of a block of a matrix in the NTT domain: `sigma_g^-1(Q_(g b))` for every giant step g
//! and baby step b, block of places by block of places as [`Shape::weight`] has it.
//!
//! With `V_j(k) = sum_i W_ij psi^(k fold i)`, the value for g and b at `psi^k` is
//!
//! ```text
//! sum_j V_j(k / g) psi^(-k b e_j)
//! ```

mod definition;
mod plane;
#[cfg(test)]
mod tests;

pub(super) use plane::{Plane, Sink};

use super::failure::Failure;
use super::ntt;
use super::scratch::Scratch;
use super::shape::Shape;
use crate::arch::lanes::Lanes;
use crate::matrix::Rows;
use crate::team::Team;
use core::ops::Range;
use kernel::accel::AccelError;

/// A block of a matrix: an output block times an input block.
#[derive(Clone, Debug)]
pub(super) struct Block<'a> {
    pub(super) matrix: Rows<'a>,
    /// Of the rows that there are; a block at the end has fewer than others.
    pub(super) rows: Range<usize>,
    pub(super) columns: Range<usize>,
}

/// Writes the weights of a block, limb after limb.
///
/// # Errors
/// [`AccelError::OutOfMemory`].
pub(super) fn encode<L: Lanes>(
    lanes: L,
    team: &Team,
    shape: &Shape<'_>,
    block: &Block<'_>,
    weights: &mut [u32],
) -> Result<(), AccelError> {
    let limb = shape.weights(shape.set.degree);
    match &shape.orbits {
        None => definition::encode(lanes, team, shape, block, weights),
        Some(orbits) => {
            let mut plane = Plane::new(shape, orbits)?;
            for (limb, weights) in weights.chunks_exact_mut(limb).enumerate() {
                plane.columns(lanes, team, block, limb)?;
                let failure = Failure::default();
                let units = plane.pieces(L::COUNT, team.threads());
                let words = shape.weights(plane.unit(L::COUNT));
                let mut rest = weights;
                let tasks = units.into_iter().map(|units| {
                    let (part, after) =
                        core::mem::take(&mut rest).split_at_mut(units.len() * words);
                    rest = after;
                    (units, part)
                });
                let tasks: Vec<_> = tasks.collect();
                let plane = &plane;
                team.for_each(tasks.into_iter(), |(units, part)| {
                    let mut store = Store { part, block: shape.weights(L::COUNT) };
                    let used = block.columns.len();
                    failure.note(plane.rows(lanes, limb, used, units, &mut store));
                });
                failure.result()?;
            }
            Ok(())
        }
    }
}

/// Keeps the weights.
struct Store<'a> {
    part: &'a mut [u32],
    /// Words of a block of places.
    block: usize,
}

impl<L: Lanes> Sink<L> for Store<'_> {
    #[inline(always)]
    fn take(&mut self, _: L, block: usize, side: usize, weights: &[u32]) {
        let start = block * self.block + side * weights.len();
        self.part[start..start + weights.len()].copy_from_slice(weights);
    }
}

/// `len` zeros, if there is room.
pub(super) fn zeros(len: usize) -> Result<Vec<u32>, AccelError> {
    let mut zeros = Vec::new();
    zeros.try_reserve_exact(len).map_err(|_| AccelError::OutOfMemory)?;
    zeros.resize(len, 0);
    Ok(zeros)
}
