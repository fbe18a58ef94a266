//! The ordinary product of bytes in the clear, on the same rows by the same loops: what the private
//! products are measured against.

use crate::arch::{Kernels, PANEL, Step, Sums};
use crate::cpu::{Cpu, FEW};
use crate::digits::{Digits, PLANE, TILE};
use crate::few::Walk;
use crate::many::{PACKED, TASK_ROWS, add_tile, task_rows};
use crate::matrix::{Matrix, Rows};
use crate::planes::{BLOCK, MAX_TILED_COLUMNS, Tiles, filled};
use crate::team::Team;
use core::ops::Range;
use kernel::accel::{AccelError, MatrixId};
use std::sync::Arc;

/// Most columns of [`many`] that are packed at once.
const WINDOW: usize = 4 * MAX_TILED_COLUMNS;

/// A loaded matrix, ready for ordinary products in the clear.
///
/// No part of the protocol: a yardstick. Rows are shared with the accelerator's own matrix, and
/// the loops are those of its level, so that what a private product costs more is the price of privacy.
///
/// ```
/// use accel_cpu::{Clear, Cpu};
/// use kernel::accel::{AccelError, Accelerator, RowSource};
///
/// struct Threes;
/// impl RowSource for Threes {
///     fn next_row(&mut self, row: &mut [i8]) -> Result<(), AccelError> {
///         row.fill(3);
///         Ok(())
///     }
/// }
///
/// let cpu = Cpu::new();
/// let matrix = cpu.load(2, 4, &mut Threes)?;
/// let clear = Clear::new(&cpu, matrix)?;
/// let mut y = [0; 2];
/// clear.product(&cpu, 0..2, &[1, -2, 3, -4], 1, &mut y)?;
/// assert_eq!(y, [-6, -6]);
/// # Ok::<(), AccelError>(())
/// ```
pub struct Clear {
    matrix: Arc<Matrix>,
    /// The sum of each row.
    sums: Vec<i32>,
}

impl core::fmt::Debug for Clear {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Clear").field("m", &self.matrix.m).field("n", &self.matrix.n).finish()
    }
}

impl Clear {
    /// Sums up the rows of a matrix of `cpu` once.
    ///
    /// # Errors
    /// [`AccelError::UnknownMatrix`], or as rows that are shared fail.
    pub fn new(cpu: &Cpu, matrix: MatrixId) -> Result<Self, AccelError> {
        let matrix = cpu.get(matrix)?;
        let rows = matrix.rows()?;
        let sum = |row: &[i8]| row[..matrix.n].iter().map(|&w| i32::from(w)).sum();
        let sums = (0..matrix.m).map(|i| sum(rows.row(i))).collect();
        Ok(Self { matrix, sums })
    }

    /// `out[i][c] = sum_j W[i][j] x[j][c]` for the rows `rows` and the `n x columns` matrix x, exactly.
    ///
    /// # Errors
    /// [`AccelError::Shape`], [`AccelError::OutOfMemory`], or as rows that are shared fail.
    pub fn product(
        &self,
        cpu: &Cpu,
        rows: Range<usize>,
        x: &[i8],
        columns: usize,
        out: &mut [i32],
    ) -> Result<(), AccelError> {
        let sums = self.sums.get(rows.clone()).ok_or(AccelError::Shape)?;
        let fits = columns > 0
            && self.matrix.n.checked_mul(columns) == Some(x.len())
            && sums.len().checked_mul(columns) == Some(out.len());
        if !fits {
            return Err(AccelError::Shape);
        }
        if sums.is_empty() {
            return Ok(());
        }
        cpu.clear(&self.matrix, rows.start, x, columns, sums, out)
    }
}

/// The first rows times the matrix `x` of so many columns. `sums` are those of the rows.
///
/// # Errors
/// [`AccelError::OutOfMemory`].
pub(crate) fn product<K: Kernels>(
    kernels: &K,
    team: &Team,
    rows: Rows<'_>,
    x: &[i8],
    columns: usize,
    sums: &[i32],
    out: &mut [i32],
) -> Result<(), AccelError> {
    if columns <= FEW {
        few(kernels, team, rows, x, columns, sums, out)
    } else {
        many(kernels, team, rows, x, columns, sums, out)
    }
}

/// Few columns, one pass over the rows.
fn few<K: Kernels>(
    kernels: &K,
    team: &Team,
    rows: Rows<'_>,
    x: &[i8],
    columns: usize,
    sums: &[i32],
    out: &mut [i32],
) -> Result<(), AccelError> {
    let offset = K::Digits::OFFSET;
    let chunks = (x.len() / columns).div_ceil(PLANE);
    let mut bytes = filled(chunks * columns, [offset; PLANE])?;
    for (j, row) in x.chunks_exact(columns).enumerate() {
        for (c, &x) in row.iter().enumerate() {
            bytes[c * chunks + j / PLANE][j % PLANE] = (x as u8).wrapping_add(offset);
        }
    }
    let walk = Walk::new(team, chunks, out.len() / columns, columns);
    let parts = out.chunks_mut(walk.task * columns).zip(sums.chunks(walk.task)).enumerate();
    team.for_each(parts, |(task, (out, sums))| {
        let mut row = task * walk.task;
        let parts = out.chunks_mut(walk.height * columns).zip(sums.chunks(walk.height));
        for (out, sums) in parts {
            let height = sums.len();
            let panel = rows.panel::<PANEL>(row);
            let mut next = rows.bytes(row + walk.ahead, height);
            for (c, column) in bytes.chunks_exact(chunks).enumerate() {
                let mut dots = [0; PANEL];
                kernels.dot_bytes(&panel[..height], next, column, &mut dots[..height]);
                next = &[];
                for ((dot, sum), out) in dots.iter().zip(sums).zip(out.chunks_exact_mut(columns)) {
                    out[c] = dot - i32::from(offset) * sum;
                }
            }
            row += height;
        }
    });
    Ok(())
}

/// Many columns, packed in tiles.
fn many<K: Kernels>(
    kernels: &K,
    team: &Team,
    rows: Rows<'_>,
    x: &[i8],
    columns: usize,
    sums: &[i32],
    out: &mut [i32],
) -> Result<(), AccelError> {
    let n = x.len() / columns;
    let tile_columns = K::Digits::GROUPS * TILE;
    let window = (PACKED / n).next_multiple_of(tile_columns).min(WINDOW);
    let height = task_rows(team, out.len() / columns);
    // A tile holds as many bytes as one of words.
    let words = |columns: usize| columns.div_ceil(tile_columns) * TILE;
    let mut tiles = Tiles::<K::Digits>::new(n, words(columns.min(window)))?;
    for start in (0..columns).step_by(window) {
        let end = columns.min(start + window);
        tiles.shrink(words(end - start));
        let count = tiles.len();
        team.for_each(tiles.blocks_mut().enumerate(), |(block, steps)| {
            let depth = steps.len() / count;
            for (i, step) in steps.iter_mut().enumerate() {
                let from = start + i / depth * tile_columns;
                let k = block * BLOCK + 4 * (i % depth);
                *step = pack::<K>(x, columns, k, from..end.min(from + tile_columns));
            }
        });
        let parts = out.chunks_mut(height * columns).zip(sums.chunks(height)).enumerate();
        team.for_each(parts, |(task, (out, row_sums))| {
            let rows = rows.from(task * height);
            for tile in 0..tiles.len() {
                let mut sums = [Sums::ZERO; TASK_ROWS];
                let sums = &mut sums[..row_sums.len()];
                add_tile(kernels, rows, &tiles, tile, sums);
                let from = start + tile * tile_columns;
                let to = end.min(from + tile_columns);
                let all = sums.iter().zip(row_sums).zip(out.chunks_exact_mut(columns));
                for ((sums, row_sum), out) in all {
                    let offset = i32::from(K::Digits::OFFSET) * row_sum;
                    write::<K>(sums, offset, &mut out[from..to]);
                }
            }
        });
    }
    Ok(())
}

/// Four coordinates from `k` on of some columns.
fn pack<K: Kernels>(x: &[i8], stride: usize, k: usize, columns: Range<usize>) -> Step<K> {
    let mut bytes = [[[K::Digits::OFFSET; TILE]; 4]; 4];
    for (bytes, row) in bytes.iter_mut().zip(x.chunks_exact(stride).skip(k)) {
        for (bytes, row) in bytes.iter_mut().zip(row[columns.clone()].chunks(TILE)) {
            for (byte, &x) in bytes.iter_mut().zip(row) {
                *byte = (x as u8).wrapping_add(K::Digits::OFFSET);
            }
        }
    }
    K::Digits::bytes(&bytes)
}

/// The sums of one row and the columns of a tile, less what the offset has added.
fn write<K: Kernels>(sums: &Sums, offset: i32, out: &mut [i32]) {
    let groups = K::Digits::groups(&sums.0);
    for (out, group) in out.chunks_mut(TILE).zip(&groups) {
        for (out, sum) in out.iter_mut().zip(group) {
            *out = sum - offset;
        }
    }
}
