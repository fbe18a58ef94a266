use crate::ring::Encoded;
use kernel::accel::{AccelError, RowSource, SharedRows, rows_in_place};
use kernel::model::MAX_COLUMNS;
use kernel::params::ParameterId;
use kernel::trace::Layout;
use std::sync::{Arc, PoisonError, RwLock};

/// A loaded `m x n` matrix.
pub(crate) struct Matrix {
    pub(crate) m: usize,
    pub(crate) n: usize,
    stride: usize,
    rows: Arc<dyn SharedRows>,
    /// Forms of it that are kept for direct mode.
    encoded: RwLock<Vec<(ParameterId, Layout, Arc<Encoded>)>>,
}

impl Matrix {
    /// Takes in the rows: in place where the source shares them as promised, else copied.
    ///
    /// # Errors
    /// [`AccelError::Shape`], [`AccelError::OutOfMemory`], or as the source fails.
    pub(crate) fn load(m: usize, n: usize, rows: &mut dyn RowSource) -> Result<Self, AccelError> {
        if m == 0 || n == 0 || n > MAX_COLUMNS {
            return Err(AccelError::Shape);
        }
        let rows = rows_in_place(m, n, rows)?;
        Ok(Self { m, n, stride: rows.stride(), rows, encoded: RwLock::default() })
    }

    /// The form that is kept for a set and a layout.
    pub(crate) fn encoded(&self, set: ParameterId, layout: &Layout) -> Option<Arc<Encoded>> {
        let all = self.encoded.read().unwrap_or_else(PoisonError::into_inner);
        let known = all.iter().find(|(s, l, _)| (*s, l) == (set, layout));
        known.map(|(.., encoded)| encoded.clone())
    }

    /// Keeps a form, unless there is one of the same set and layout by now.
    pub(crate) fn keep(&self, set: ParameterId, layout: &Layout, encoded: Encoded) {
        let mut all = self.encoded.write().unwrap_or_else(PoisonError::into_inner);
        if !all.iter().any(|(s, l, _)| (*s, l) == (set, layout)) {
            all.push((set, *layout, Arc::new(encoded)));
        }
    }

    /// The bytes of all forms that are kept.
    pub(crate) fn encoded_bytes(&self) -> u64 {
        let all = self.encoded.read().unwrap_or_else(PoisonError::into_inner);
        all.iter().map(|(.., encoded)| encoded.bytes()).sum()
    }

    /// All rows in place.
    ///
    /// # Errors
    /// [`AccelError::Rows`] where shared rows are fewer now than they were.
    pub(crate) fn rows(&self) -> Result<Rows<'_>, AccelError> {
        let stride = self.stride;
        let bytes = self.rows.bytes().get(..self.m * stride);
        Ok(Rows { bytes: bytes.ok_or(AccelError::Rows)?, stride })
    }
}

/// The rows of a matrix, padded to whole cache lines. The padding may hold anything.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rows<'a> {
    bytes: &'a [i8],
    stride: usize,
}

impl<'a> Rows<'a> {
    /// One row, padding included; none beyond the last.
    pub(crate) fn row(self, index: usize) -> &'a [i8] {
        self.bytes(index, 1)
    }

    /// The rows from `first` on.
    pub(crate) fn from(self, first: usize) -> Self {
        let bytes = self.bytes.get(first * self.stride..).unwrap_or_default();
        Self { bytes, ..self }
    }

    /// The bytes of `count` rows from `first` on, of fewer where there are no more.
    pub(crate) fn bytes(self, first: usize, count: usize) -> &'a [i8] {
        let bytes = self.bytes.get(first * self.stride..).unwrap_or_default();
        bytes.get(..count * self.stride).unwrap_or(bytes)
    }

    /// The `H` rows from `first` on, as many of them as there are; the rest is empty.
    pub(crate) fn panel<const H: usize>(self, first: usize) -> [&'a [i8]; H] {
        let mut panel = [&[][..]; H];
        let rows = self.bytes.chunks_exact(self.stride).skip(first);
        panel.iter_mut().zip(rows).for_each(|(slot, row)| *slot = row);
        panel
    }
}
