//! Few columns: one pass over the rows, at the speed of memory.

use crate::arch::{Kernels, PANEL};
use crate::digits::{Digits, PLANE};
use crate::matrix::Rows;
use crate::planes;
use crate::team::Team;
use core::ops::RangeInclusive;
use kernel::accel::AccelError;
use kernel::prime::PrimeId;
use kernel::with_prime;

/// Lengths of rows that are best taken one by one, in the order of memory: long enough for that to
/// be the bound, and short enough for their column's planes to stay in the first cache.
const IN_ORDER: RangeInclusive<usize> = 1024..=6144;
/// How many weights ahead these are fetched.
const AHEAD: usize = 16 << 10;
/// Weights in one task of one thread, about.
const TASK: usize = 1 << 19;

/// How rows are taken.
pub(crate) struct Walk {
    /// Rows of one task of one thread.
    pub(crate) task: usize,
    /// Rows that are taken together.
    pub(crate) height: usize,
    /// How many rows ahead these are fetched.
    pub(crate) ahead: usize,
}

impl Walk {
    /// The way through `rows` rows of `chunks` times 64 weights, for so many columns.
    pub(crate) fn new(team: &Team, chunks: usize, rows: usize, columns: usize) -> Self {
        let weights = chunks * PLANE;
        let panels = rows.div_ceil(PANEL);
        let per_task = (TASK / (PANEL * weights)).min(panels / (4 * team.threads())).max(1);
        let (height, ahead) = if columns == 1 && IN_ORDER.contains(&weights) {
            (1, AHEAD.div_ceil(weights))
        } else {
            (PANEL, PANEL)
        };
        Self { task: per_task * PANEL, height, ahead }
    }
}

/// The rows from `first` on times the `n x columns` matrix `x`, into the row-major `out`.
///
/// # Errors
/// [`AccelError::OutOfMemory`].
pub(crate) fn product<K: Kernels>(
    kernels: &K,
    team: &Team,
    (rows, first): (Rows<'_>, usize),
    p: PrimeId,
    x: &[u32],
    columns: usize,
    out: &mut [u32],
) -> Result<(), AccelError> {
    let planes = planes::columns::<K::Digits>(p, x, columns)?;
    let chunks = planes.len() / columns;
    let walk = Walk::new(team, chunks, out.len() / columns, columns);

    team.for_each(out.chunks_mut(walk.task * columns).enumerate(), |(task, out)| {
        let mut row = first + task * walk.task;
        for out in out.chunks_mut(walk.height * columns) {
            let height = out.len() / columns;
            let panel = rows.panel::<PANEL>(row);
            let mut next = rows.bytes(row + walk.ahead, height);
            for (c, column) in planes.chunks_exact(chunks).enumerate() {
                let mut sums = [[0; 4]; PANEL];
                kernels.dot(&panel[..height], next, column, &mut sums[..height]);
                next = &[];
                with_prime!(p, P => {
                    for (&sums, out) in sums.iter().zip(out.chunks_exact_mut(columns)) {
                        out[c] = K::Digits::recombine::<P>(sums);
                    }
                });
            }
            row += height;
        }
    });
    Ok(())
}
