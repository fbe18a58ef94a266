//! Many columns: tiles of 16 against panels of rows, at the speed of the multipliers.

use crate::arch::{Kernels, PANEL, Sums};
use crate::digits::TILE;
use crate::matrix::Rows;
use crate::planes::{self, BLOCK, MAX_TILED_COLUMNS, Tiles, Words};
use crate::team::Team;
use core::ops::Range;
use kernel::accel::AccelError;
use kernel::prime::PrimeId;

/// Bytes of packed columns, about: they stay in the last cache that the threads share.
pub(crate) const PACKED: usize = 4 << 20;
/// Most rows of one task: they stay in a thread's own cache while the tiles go by.
pub(crate) const TASK_ROWS: usize = 16 * PANEL;

/// The rows of one task, for a product of so many rows.
pub(crate) fn task_rows(team: &Team, rows: usize) -> usize {
    (rows.div_ceil(PANEL).div_ceil(4 * team.threads()) * PANEL).min(TASK_ROWS)
}

/// The rows from `first` on times the `n x columns` matrix of `words`, into the row-major `out`.
///
/// # Errors
/// [`AccelError::OutOfMemory`].
pub(crate) fn product<K: Kernels>(
    kernels: &K,
    team: &Team,
    (rows, first): (Rows<'_>, usize),
    n: usize,
    p: PrimeId,
    words: Words<'_>,
    columns: usize,
    out: &mut [u32],
) -> Result<(), AccelError> {
    let width = (PACKED / (4 * n)).next_multiple_of(TILE).clamp(4 * TILE, MAX_TILED_COLUMNS);
    let height = task_rows(team, out.len() / columns);
    let mut tiles = Tiles::<K::Digits>::new(n, columns.min(width))?;

    for start in (0..columns).step_by(width) {
        let window = start..columns.min(start + width);
        tiles.shrink(window.len());
        team.for_each(tiles.blocks_mut().enumerate(), |(i, block)| {
            planes::fill_block::<K::Digits>(words, p, n, i, window.clone(), block);
        });
        team.for_each(out.chunks_mut(height * columns).enumerate(), |(task, out)| {
            let rows = rows.from(first + task * height);
            for tile in 0..tiles.len() {
                let from = window.start + tile * TILE;
                let to = window.end.min(from + TILE);
                multiply(kernels, rows, &tiles, tile, p, columns, from..to, out);
            }
        });
    }
    Ok(())
}

/// The first rows times one tile, into the columns `window` of the row-major `out`.
fn multiply<K: Kernels>(
    kernels: &K,
    rows: Rows<'_>,
    tiles: &Tiles<K::Digits>,
    tile: usize,
    p: PrimeId,
    columns: usize,
    window: Range<usize>,
    out: &mut [u32],
) {
    let height = out.len() / columns;
    let mut sums = [Sums::ZERO; TASK_ROWS];
    let sums = &mut sums[..height];
    add_tile(kernels, rows, tiles, tile, sums);
    for (sums, out) in sums.iter().zip(out.chunks_exact_mut(columns)) {
        let residues = kernels.reduce(p, sums);
        out[window.clone()].copy_from_slice(&residues[..window.len()]);
    }
}

/// Adds the first rows times one tile to their `sums`, at most those of a task.
pub(crate) fn add_tile<K: Kernels>(
    kernels: &K,
    rows: Rows<'_>,
    tiles: &Tiles<K::Digits>,
    tile: usize,
    sums: &mut [Sums],
) {
    for (i, block) in tiles.blocks(tile).enumerate() {
        for (j, sums) in sums.chunks_mut(PANEL).enumerate() {
            let panel =
                rows.panel::<PANEL>(j * PANEL).map(|row| row.get(i * BLOCK..).unwrap_or_default());
            kernels.multiply(&panel[..sums.len()], block, sums);
        }
    }
}
