//! The ordinary product of bytes in the clear, on the same rows by the same loops: what the private
//! products are measured against.

use crate::arch::{Kernels, PANEL, Step, Sums};
use crate::cpu::Cpu;
use crate::digits::{Digits, PLANE, TILE};
use crate::few::Walk;
use crate::matrix::{Matrix, Rows};
use crate::planes::BLOCK;
use crate::team::Team;
use core::ops::Range;
use kernel::accel::{AccelError, MatrixId};
use std::sync::Arc;

/// Bytes of columns of [`many`] that are packed at once, about: they stay in the last cache that the
/// threads share.
const PACKED: usize = 4 << 20;
/// Most columns of these.
const WINDOW: usize = 1024;
/// Most rows of one task of [`many`].
const TASK_ROWS: usize = 16 * PANEL;

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
    /// [`AccelError::Shape`], or as rows that are shared fail.
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

/// Few columns, one pass over the rows. `sums` are those of the rows.
pub(crate) fn few<K: Kernels>(
    kernels: &K,
    team: &Team,
    rows: Rows<'_>,
    x: &[i8],
    columns: usize,
    sums: &[i32],
    out: &mut [i32],
) {
    let offset = K::Digits::OFFSET;
    let chunks = (x.len() / columns).div_ceil(PLANE);
    let mut bytes = vec![[offset; PLANE]; chunks * columns];
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
}

/// Many columns, packed in tiles. `sums` are those of the rows.
pub(crate) fn many<K: Kernels>(
    kernels: &K,
    team: &Team,
    rows: Rows<'_>,
    x: &[i8],
    columns: usize,
    sums: &[i32],
    out: &mut [i32],
) {
    let tile_columns = K::Digits::GROUPS * TILE;
    let steps = (x.len() / columns).div_ceil(4);
    let window = (PACKED / (4 * steps)).next_multiple_of(tile_columns).min(WINDOW);
    let panels = (out.len() / columns).div_ceil(PANEL);
    let height = (panels.div_ceil(4 * team.threads()) * PANEL).min(TASK_ROWS);
    for start in (0..columns).step_by(window) {
        let window = start..columns.min(start + window);
        let tiles = window.len().div_ceil(tile_columns);
        let zeros = K::Digits::bytes(&[[[0; TILE]; 4]; 4]);
        let mut packed: Vec<Step<K>> = vec![zeros; tiles * steps];
        let blocks = packed.chunks_mut(tiles * BLOCK / 4).enumerate();
        team.for_each(blocks, |(block, packed)| {
            let depth = packed.len() / tiles;
            for (i, step) in packed.iter_mut().enumerate() {
                let from = start + i / depth * tile_columns;
                let k = 4 * (block * BLOCK / 4 + i % depth);
                *step = pack::<K>(x, columns, k, from..window.end.min(from + tile_columns));
            }
        });
        let parts = out.chunks_mut(height * columns).zip(sums.chunks(height)).enumerate();
        team.for_each(parts, |(task, (out, row_sums))| {
            let rows = rows.from(task * height);
            for tile in 0..tiles {
                let mut sums = [Sums::ZERO; TASK_ROWS];
                let sums = &mut sums[..row_sums.len()];
                for (i, block) in packed.chunks(tiles * BLOCK / 4).enumerate() {
                    let depth = block.len() / tiles;
                    let block = &block[tile * depth..][..depth];
                    for (j, sums) in sums.chunks_mut(PANEL).enumerate() {
                        let panel = rows.panel::<PANEL>(j * PANEL);
                        let panel = panel.map(|row| row.get(i * BLOCK..).unwrap_or_default());
                        kernels.multiply(&panel[..sums.len()], block, sums);
                    }
                }
                let from = start + tile * tile_columns;
                let to = window.end.min(from + tile_columns);
                let all = sums.iter().zip(row_sums).zip(out.chunks_exact_mut(columns));
                for ((sums, row_sum), out) in all {
                    let offset = i32::from(K::Digits::OFFSET) * row_sum;
                    write::<K>(sums, offset, &mut out[from..to]);
                }
            }
        });
    }
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
