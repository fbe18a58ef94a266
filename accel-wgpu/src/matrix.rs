use crate::context::Context;
use core::ops::Range;
use kernel::accel::{AccelError, RowSource};
use kernel::model::MAX_COLUMNS;
use std::sync::Arc;
use wgpu::{Buffer, BufferUsages};

/// Weights in a vector of four words.
pub(crate) const CHUNK: usize = 16;
/// Bytes that are uploaded at a time.
const UPLOAD: usize = 16 << 20;

/// A matrix in the device's memory, in windows of whole rows: a shader sees no more than a window at a time.
#[derive(Debug)]
pub(crate) struct Matrix {
    pub(crate) m: usize,
    pub(crate) n: usize,
    /// Vectors of a row, the last padded with zeros.
    pub(crate) chunks: usize,
    window_rows: usize,
    windows: Vec<Buffer>,
    context: Arc<Context>,
}

impl Drop for Matrix {
    fn drop(&mut self) {
        self.context.give_back(self.bytes());
    }
}

impl Matrix {
    /// Takes in the rows.
    ///
    /// # Errors
    /// [`AccelError::Shape`], [`AccelError::OutOfMemory`], or as the source fails.
    pub(crate) fn load(
        context: &Arc<Context>,
        m: usize,
        n: usize,
        rows: &mut dyn RowSource,
    ) -> Result<Self, AccelError> {
        if m == 0 || n == 0 || n > MAX_COLUMNS {
            return Err(AccelError::Shape);
        }
        let chunks = n.div_ceil(CHUNK);
        let stride = CHUNK * chunks;
        let window_rows = (context.binding_bytes as usize / stride).clamp(1, m);
        let bytes = m.checked_mul(stride).ok_or(AccelError::OutOfMemory)?;
        context.take(bytes as u64)?;
        // From here on what was taken is given back with the matrix, also an unfinished one.
        let context = Arc::clone(context);
        let mut matrix = Self { m, n, chunks, window_rows, windows: Vec::new(), context };
        for first in (0..m).step_by(window_rows) {
            let window = matrix.upload(window_rows.min(m - first), rows)?;
            matrix.windows.push(window);
        }
        Ok(matrix)
    }

    /// A window with the next rows.
    fn upload(&self, count: usize, rows: &mut dyn RowSource) -> Result<Buffer, AccelError> {
        let stride = CHUNK * self.chunks;
        let size = (count * stride) as u64;
        let buffer = self.context.create(size, BufferUsages::STORAGE | BufferUsages::COPY_DST)?;
        let piece = (UPLOAD / stride).max(1);
        let mut bytes = vec![0; piece.min(count) * stride];
        for first in (0..count).step_by(piece) {
            let piece = &mut bytes[..piece.min(count - first) * stride];
            for row in piece.chunks_exact_mut(stride) {
                rows.next_row(&mut row[..self.n])?;
            }
            self.context.queue.write_buffer(
                &buffer,
                (first * stride) as u64,
                bytemuck::cast_slice(piece),
            );
            // Without this what is written would pile up on this side.
            self.context.wait(self.context.queue.submit([]))?;
        }
        Ok(buffer)
    }

    /// Bytes that it takes.
    pub(crate) const fn bytes(&self) -> u64 {
        (self.m * self.chunks * CHUNK) as u64
    }

    /// The windows that have some of `rows`, each with these of its own rows, by their numbers in the window.
    pub(crate) fn windows(
        &self,
        rows: Range<usize>,
    ) -> impl Iterator<Item = (&Buffer, Range<usize>)> {
        self.windows.iter().enumerate().filter_map(move |(index, window)| {
            let first = index * self.window_rows;
            let start = rows.start.saturating_sub(first);
            let end = rows.end.saturating_sub(first).min(self.window_rows);
            (start < end).then_some((window, start..end))
        })
    }
}
