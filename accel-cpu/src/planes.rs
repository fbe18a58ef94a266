//! Matrices of residues cut into digits.

use crate::digits::{Digits, PLANE, TILE};
use core::ops::Range;
use kernel::accel::AccelError;
use kernel::prime::PrimeId;
use kernel::stream::{PublicSeed, expand_mask_columns};

/// Coordinates in a full block of [`Tiles`]: a tile's block is 64 KiB and stays in a thread's own
/// cache while many rows go by.
pub(crate) const BLOCK: usize = 1024;
const BLOCK_STEPS: usize = BLOCK / 4;
/// Most columns that [`Tiles`] hold at once.
pub(crate) const MAX_TILED_COLUMNS: usize = 256;

/// The `columns` columns of an `n x columns` matrix, each padded with zeros to whole
/// [`Digits::Column`]s, one after the other.
///
/// # Errors
/// [`AccelError::OutOfMemory`].
pub(crate) fn columns<D: Digits>(
    p: PrimeId,
    x: &[u32],
    columns: usize,
) -> Result<Vec<D::Column>, AccelError> {
    let p = p.value();
    let chunk = PLANE * columns;
    let zeros = D::column(p, &[0; PLANE]);
    let mut planes = filled(x.len().div_ceil(chunk) * columns, zeros)?;
    let chunks = planes.len() / columns;
    for (i, rows) in x.chunks(chunk).enumerate() {
        for c in 0..columns {
            let mut words = [0; PLANE];
            if columns == 1 {
                words[..rows.len()].copy_from_slice(rows);
            } else {
                for (word, row) in words.iter_mut().zip(rows.chunks_exact(columns)) {
                    *word = row[c];
                }
            }
            planes[c * chunks + i] = D::column(p, &words);
        }
    }
    Ok(planes)
}

/// So many of a value, if there is room.
///
/// # Errors
/// [`AccelError::OutOfMemory`].
pub(crate) fn filled<S: Clone>(len: usize, value: S) -> Result<Vec<S>, AccelError> {
    let mut v = Vec::new();
    v.try_reserve_exact(len).map_err(|_| AccelError::OutOfMemory)?;
    v.resize(len, value);
    Ok(v)
}

/// Where the words of an `n x columns` matrix come from.
#[derive(Clone, Copy)]
pub(crate) enum Words<'a> {
    /// A row-major matrix of so many columns.
    Given(&'a [u32], usize),
    /// Mask words from this column on.
    Masks(&'a PublicSeed, usize),
}

/// Some columns of an `n`-row matrix in tiles of 16, padded with zeros, ordered
/// `[block of 1024 coordinates][tile][step]`: a block is written by one thread, a tile is read by
/// many.
pub(crate) struct Tiles<D: Digits> {
    steps: Vec<D::Step>,
    tiles: usize,
}

impl<D: Digits> Tiles<D> {
    /// Room for up to `columns` columns of `n` coordinates.
    ///
    /// # Errors
    /// [`AccelError::OutOfMemory`].
    pub(crate) fn new(n: usize, columns: usize) -> Result<Self, AccelError> {
        let tiles = columns.div_ceil(TILE);
        let zeros = D::step(u32::MAX, &[[0; TILE]; 4]);
        let steps = filled(n.div_ceil(4) * tiles, zeros)?;
        Ok(Self { steps, tiles })
    }

    /// Makes it hold `columns` columns, at most as many as it was made for.
    pub(crate) fn shrink(&mut self, columns: usize) {
        let depth = self.steps.len() / self.tiles;
        self.tiles = columns.div_ceil(TILE);
        self.steps.truncate(depth * self.tiles);
    }

    /// How many tiles.
    pub(crate) fn len(&self) -> usize {
        self.tiles
    }

    /// The blocks of tile number `tile`, in order; all but the last are [`BLOCK`] coordinates deep.
    pub(crate) fn blocks(&self, tile: usize) -> impl Iterator<Item = &[D::Step]> {
        self.steps.chunks(self.tiles * BLOCK_STEPS).map(move |block| {
            let depth = block.len() / self.tiles;
            &block[tile * depth..][..depth]
        })
    }

    /// The blocks, to be written by [`fill_block`].
    pub(crate) fn blocks_mut(&mut self) -> impl Iterator<Item = &mut [D::Step]> + Send {
        self.steps.chunks_mut(self.tiles * BLOCK_STEPS)
    }
}

/// Writes block number `index` of [`Tiles`]: the columns `columns` of `words`, of `n` coordinates.
pub(crate) fn fill_block<D: Digits>(
    words: Words<'_>,
    p: PrimeId,
    n: usize,
    index: usize,
    columns: Range<usize>,
    block: &mut [D::Step],
) {
    let tiles = columns.len().div_ceil(TILE);
    let first = index * BLOCK;
    let coordinates = first..n.min(first + BLOCK);
    match words {
        Words::Given(x, stride) => {
            let rows = &x[coordinates.start * stride..coordinates.end * stride];
            for (step, rows) in rows.chunks(4 * stride).enumerate() {
                let mut quad = [&[][..]; 4];
                for (part, row) in quad.iter_mut().zip(rows.chunks_exact(stride)) {
                    *part = &row[columns.clone()];
                }
                fill_step::<D>(p.value(), quad, step, tiles, block);
            }
        }
        Words::Masks(seed, base) => {
            let stride = columns.len();
            let columns = base + columns.start..base + columns.end;
            let mut scratch = [0; 4 * MAX_TILED_COLUMNS];
            for (step, k) in coordinates.clone().step_by(4).enumerate() {
                let k = k..coordinates.end.min(k + 4);
                let rows = &mut scratch[..k.len() * stride];
                expand_mask_columns(p, seed, k, columns.clone(), rows);
                let mut quad = [&[][..]; 4];
                for (part, row) in quad.iter_mut().zip(rows.chunks_exact(stride)) {
                    *part = row;
                }
                fill_step::<D>(p.value(), quad, step, tiles, block);
            }
        }
    }
}

/// Writes step number `step` of all tiles of a block from four rows of words; an empty row is zero.
fn fill_step<D: Digits>(
    p: u32,
    rows: [&[u32]; 4],
    step: usize,
    tiles: usize,
    block: &mut [D::Step],
) {
    let depth = block.len() / tiles;
    for tile in 0..tiles {
        let mut words = [[0; TILE]; 4];
        for (words, row) in words.iter_mut().zip(rows) {
            let row = row.get(tile * TILE..).unwrap_or_default();
            match row.first_chunk::<TILE>() {
                Some(full) => *words = *full,
                None => words[..row.len()].copy_from_slice(row),
            }
        }
        block[tile * depth + step] = D::step(p, &words);
    }
}
