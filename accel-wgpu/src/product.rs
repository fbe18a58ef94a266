//! `out[i][c] = sum_j W[i][j] x[j][c] mod p`, for a column or for thousands.

use crate::commands::{Commands, Download};
use crate::context::Context;
use crate::masks::Masks;
use crate::matrix::{CHUNK, Matrix};
use crate::modulus::Modulus;
use crate::params::params;
use crate::pool::{Lease, View};
use crate::shader::Shader;
use core::ops::Range;
use kernel::accel::AccelError;
use kernel::prime::PrimeId;
use kernel::stream::PublicSeed;
use std::collections::VecDeque;

params! {
    /// The parameters of `split_digits.wgsl`.
    SplitParams for SPLIT_DIGITS {
        p: u32,
        n: u32,
        columns: u32,
        chunks: u32,
    }
}

params! {
    /// The parameters of products.
    ProductParams for PRODUCT_ONE, PRODUCT_TILED {
        modulus: Modulus,
        chunks: u32,
        rows: u32,
        first: u32,
        columns: u32,
    }
}

/// Most columns that go one by one: memory is the limit, and the matrix stays in the device's cache.
const FEW: usize = 4;
/// Rows of a workgroup that takes one column.
const ONE_ROWS: usize = 4;
/// Rows and columns of a workgroup that takes many.
const TILE: (usize, usize) = (64, 32);
/// Bytes of digits, and of results, that are worked on at a time.
const PIECE: usize = 64 << 20;
/// Pieces of results that are under way at once.
const UNDER_WAY: usize = 3;
/// Most products of bytes in one dispatch: less than a second's work of a slow GPU, as systems end a dispatch that
/// takes a few, and some milliseconds of a fast one.
const DISPATCH: usize = 1 << 35;

/// The most rows and columns of a dispatch, where a column has so many chunks and digits and results may take `piece`
/// bytes.
fn cut(piece: usize, chunks: usize, columns: usize) -> (usize, usize) {
    let column_bytes = 4 * CHUNK * chunks;
    let width = (piece / column_bytes).clamp(1, columns);
    let height = (piece / (4 * width)).min(DISPATCH / (column_bytes * width)).max(1);
    (height, width)
}

/// The words of a product.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Words<'a> {
    /// `n x columns`.
    Given(&'a [u32]),
    /// The masks of a seed, from a column on.
    Masks(&'a PublicSeed, usize),
}

/// A product of rows of a matrix with columns of words.
pub(crate) struct Product<'a> {
    pub(crate) context: &'a Context,
    pub(crate) matrix: &'a Matrix,
    pub(crate) rows: Range<usize>,
    pub(crate) p: PrimeId,
    pub(crate) words: Words<'a>,
    pub(crate) columns: usize,
}

/// A part of the output, by rows and columns, whose words are on their way.
struct Part<'a> {
    rows: Range<usize>,
    columns: Range<usize>,
    words: Download<'a>,
}

impl<'a> Product<'a> {
    /// Computes it. Digits are made for a window of columns at a time; the results of a part come back while the
    /// next is computed.
    ///
    /// # Errors
    /// [`AccelError::OutOfMemory`], [`AccelError::DeviceLost`].
    pub(crate) fn run(&self, out: &mut [u32]) -> Result<(), AccelError> {
        let piece = PIECE.min(self.context.binding_bytes as usize);
        let (height, width) = cut(piece, self.matrix.chunks, self.columns);
        let mut under_way = VecDeque::new();
        for start in (0..self.columns).step_by(width) {
            let columns = start..self.columns.min(start + width);
            let planes = self.digits(&columns)?;
            let mut row = 0;
            for (window, rows) in self.matrix.windows(self.rows.clone()) {
                for first in rows.clone().step_by(height) {
                    let rows = first..rows.end.min(first + height);
                    let out_rows = row..row + rows.len();
                    row = out_rows.end;
                    if under_way.len() == UNDER_WAY {
                        under_way.pop_front().map_or(Ok(()), |part| self.finish(part, out))?;
                    }
                    let window = View::whole(window);
                    let words = self.part(window, rows, &planes, columns.len())?;
                    under_way.push_back(Part { rows: out_rows, columns: columns.clone(), words });
                }
            }
        }
        under_way.into_iter().try_for_each(|part| self.finish(part, out))
    }

    /// The digits of a window of columns.
    fn digits(&self, columns: &Range<usize>) -> Result<Lease, AccelError> {
        let (context, n, chunks) = (self.context, self.matrix.n, self.matrix.chunks);
        let width = columns.len();
        let planes = context.words(width * chunks * CHUNK)?;
        let mut commands = Commands::new(context);
        let words = match self.words {
            Words::Given(x) if width == self.columns => context.upload(x)?,
            Words::Given(x) => {
                let mut window = Vec::with_capacity(n * width);
                for row in x.chunks_exact(self.columns) {
                    window.extend_from_slice(&row[columns.clone()]);
                }
                context.upload(&window)?
            }
            Words::Masks(seed, first) => {
                let columns = first + columns.start..first + columns.end;
                let words = context.words(n * width)?;
                let masks = Masks::of(seed, self.p, n, columns);
                masks.expand(&mut commands, words.view(), 0, width)?;
                words
            }
        };
        let params = SplitParams {
            p: self.p.value(),
            n: n as u32,
            columns: width as u32,
            chunks: chunks as u32,
        };
        let buffers = [words.view(), planes.view()];
        commands.dispatch_each(Shader::SPLIT_DIGITS, &params, &buffers, width * chunks)?;
        commands.submit();
        Ok(planes)
    }

    /// Begins the product of rows of a window of the matrix with columns of digits.
    fn part(
        &self,
        window: View<'_>,
        rows: Range<usize>,
        planes: &Lease,
        columns: usize,
    ) -> Result<Download<'a>, AccelError> {
        let context = self.context;
        let results = context.words(rows.len() * columns)?;
        let params = ProductParams {
            modulus: Modulus::new(self.p.value()),
            chunks: self.matrix.chunks as u32,
            rows: rows.len() as u32,
            first: rows.start as u32,
            columns: columns as u32,
        };
        let buffers = [window, planes.view(), results.view()];
        let mut commands = Commands::new(context);
        if columns <= FEW {
            let [x, y] = context.lines(rows.len().div_ceil(ONE_ROWS));
            let grid = [x, y, columns as u32];
            commands.dispatch(Shader::PRODUCT_ONE, &params, &buffers, grid)?;
        } else {
            let (height, width) = TILE;
            let grid = [rows.len().div_ceil(height) as u32, columns.div_ceil(width) as u32, 1];
            commands.dispatch(Shader::PRODUCT_TILED, &params, &buffers, grid)?;
        }
        commands.read(results.view())
    }

    /// Puts a part where it belongs.
    fn finish(&self, part: Part<'_>, out: &mut [u32]) -> Result<(), AccelError> {
        let (columns, width) = (part.columns, self.columns);
        part.words.finish(|words| {
            let rows = out.chunks_exact_mut(width).skip(part.rows.start);
            for (row, words) in rows.zip(words.chunks_exact(columns.len())) {
                row[columns.clone()].copy_from_slice(words);
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use kernel::model::MAX_COLUMNS;

    #[test]
    fn dispatches_are_small_enough() {
        for n in [1, 16, 17, 4096, 11008, MAX_COLUMNS] {
            let chunks = n.div_ceil(CHUNK);
            for columns in [1, 2, 5, 64, 512, 4096, 1 << 20, 1 << 24] {
                for piece in [1, 4096, PIECE] {
                    let (height, width) = cut(piece, chunks, columns);
                    assert!((1..=columns).contains(&width) && height > 0);
                    assert!(width == 1 || 4 * CHUNK * chunks * width <= piece, "digits");
                    assert!(height == 1 || 4 * width * height <= piece, "results");
                    assert!(height == 1 || 4 * CHUNK * chunks * width * height <= DISPATCH, "work");
                    // A grid has at least 65535 workgroups in each dimension.
                    assert!(height.div_ceil(TILE.0) < 1 << 16 || width <= FEW);
                    assert!(width.div_ceil(TILE.1) < 1 << 16);
                }
            }
            // Not smaller than it must be.
            let (height, width) = cut(PIECE, chunks, 512);
            assert!(width == 512 || (width + 1) * 4 * CHUNK * chunks > PIECE);
            assert!(
                4 * width * height > PIECE / 2
                    || 4 * CHUNK * chunks * width * height > DISPATCH / 2
            );
        }
    }
}
