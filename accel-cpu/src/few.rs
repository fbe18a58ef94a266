//! Few columns: one pass over the rows, at the speed of memory.

use crate::arch::{Kernels, PANEL};
use crate::matrix::Rows;
use crate::planes;
use crate::team::Team;
use kernel::accel::AccelError;
use kernel::prime::PrimeId;

/// Weights in one task of one thread, about.
const TASK: usize = 1 << 19;

/// The rows from `first` on times the `n x columns` matrix `x`, into the row-major `out`.
///
/// # Errors
/// [`AccelError::OutOfMemory`].
pub(crate) fn product(
    kernels: &dyn Kernels,
    team: &Team,
    (rows, first): (Rows<'_>, usize),
    p: PrimeId,
    x: &[u32],
    columns: usize,
    out: &mut [u32],
) -> Result<(), AccelError> {
    let planes = planes::columns(x, columns)?;
    let chunks = planes.len() / columns;
    let weights = chunks * planes::PLANE;
    let panels = (out.len() / columns).div_ceil(PANEL);
    let per_task = (TASK / (PANEL * weights)).min(panels / (4 * team.threads())).max(1);
    let height = per_task * PANEL;

    team.for_each(out.chunks_mut(height * columns).enumerate(), |(task, out)| {
        let mut row = first + task * height;
        for out in out.chunks_mut(PANEL * columns) {
            let height = out.len() / columns;
            let panel = rows.panel::<PANEL>(row);
            for (c, column) in planes.chunks_exact(chunks).enumerate() {
                let mut sums = [0; PANEL];
                kernels.dot(p, &panel[..height], column, &mut sums[..height]);
                for (sum, out) in sums.iter().zip(out.chunks_exact_mut(columns)) {
                    out[c] = *sum;
                }
            }
            row += height;
        }
    });
    Ok(())
}
