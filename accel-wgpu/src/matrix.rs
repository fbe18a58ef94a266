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
        // All of them first: whether there is room is known before a row is read.
        for first in (0..m).step_by(window_rows) {
            let size = (window_rows.min(m - first) * stride) as u64;
            let usage = BufferUsages::STORAGE | BufferUsages::COPY_DST;
            matrix.windows.push(matrix.context.create(size, usage)?);
        }
        matrix.upload(rows)?;
        Ok(matrix)
    }

    /// Fills the windows.
    fn upload(&self, rows: &mut dyn RowSource) -> Result<(), AccelError> {
        let (context, stride) = (&*self.context, CHUNK * self.chunks);
        let piece = UPLOAD.min(context.binding_bytes as usize) / stride * stride;
        let mut bytes = vec![0; piece.max(stride).min(self.m * stride)];
        let mut before = None;
        for window in &self.windows {
            let size = window.size() as usize;
            for offset in (0..size).step_by(bytes.len()) {
                let count = bytes.len().min(size - offset);
                let piece = &mut bytes[..count];
                for row in piece.chunks_exact_mut(stride) {
                    rows.next_row(bytemuck::cast_slice_mut(&mut row[..self.n]))?;
                }
                context.write(window, offset as u64, piece)?;
                // What is written stays on this side, too, until it is there: one piece while the next is read.
                if let Some(before) = before.replace(context.queue.submit([])) {
                    context.wait(before)?;
                }
            }
        }
        Ok(())
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
