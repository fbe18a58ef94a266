use super::{AccelError, RowSource, SharedRows};
use alloc::sync::Arc;
use alloc::vec::Vec;

/// Rows are padded to whole cache lines.
const LINE: usize = 64;

/// All rows of an `m x n` matrix in place: those that the source shares, if they are as promised (a
/// stride of whole cache lines, all m rows of full stride), else a copy that begins at a cache line.
///
/// ```
/// use kernel::accel::{AccelError, RowSource, rows_in_place};
///
/// struct Twos;
/// impl RowSource for Twos {
///     fn next_row(&mut self, row: &mut [i8]) -> Result<(), AccelError> {
///         row.fill(2);
///         Ok(())
///     }
/// }
/// let rows = rows_in_place(2, 70, &mut Twos)?;
/// assert_eq!((rows.stride(), rows.bytes()[128 + 69], rows.bytes()[128 + 70]), (128, 2, 0));
/// # Ok::<(), AccelError>(())
/// ```
///
/// # Errors
/// [`AccelError::OutOfMemory`], or as the source fails.
pub fn rows_in_place(
    m: usize,
    n: usize,
    rows: &mut dyn RowSource,
) -> Result<Arc<dyn SharedRows>, AccelError> {
    if let Some(shared) = rows.shared() {
        let stride = shared.stride();
        let fits = m.checked_mul(stride).is_some_and(|len| len <= shared.bytes().len());
        if stride >= n && stride.is_multiple_of(LINE) && fits {
            return Ok(shared);
        }
    }
    let stride = n.next_multiple_of(LINE);
    let len = m.checked_mul(stride).and_then(|len| len.checked_add(LINE));
    let mut bytes: Vec<i8> = Vec::new();
    bytes
        .try_reserve_exact(len.ok_or(AccelError::OutOfMemory)?)
        .map_err(|_| AccelError::OutOfMemory)?;
    // The reserved memory does not move any more. Should no such offset be known, any will do.
    let start = bytes.as_ptr().align_offset(LINE).min(LINE);
    bytes.resize(start, 0);
    for _ in 0..m {
        let row = bytes.len();
        bytes.resize(row + stride, 0);
        rows.next_row(&mut bytes[row..row + n])?;
    }
    Ok(Arc::new(Copied { bytes, start, stride }))
}

/// Rows from `start` on, where a cache line begins.
struct Copied {
    bytes: Vec<i8>,
    start: usize,
    stride: usize,
}

impl SharedRows for Copied {
    fn bytes(&self) -> &[i8] {
        self.bytes.get(self.start..).unwrap_or_default()
    }

    fn stride(&self) -> usize {
        self.stride
    }
}

/// Hands out rows that are in place, shared or one by one, to as many readers as there are of these.
#[derive(Clone)]
pub struct InPlace {
    rows: Arc<dyn SharedRows>,
    next: usize,
}

impl InPlace {
    /// From the first row on.
    #[must_use]
    pub const fn new(rows: Arc<dyn SharedRows>) -> Self {
        Self { rows, next: 0 }
    }
}

impl core::fmt::Debug for InPlace {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("InPlace").field("next", &self.next).finish_non_exhaustive()
    }
}

impl RowSource for InPlace {
    fn next_row(&mut self, row: &mut [i8]) -> Result<(), AccelError> {
        let from = self.next * self.rows.stride();
        let bytes = self.rows.bytes().get(from..from + row.len()).ok_or(AccelError::Rows)?;
        row.copy_from_slice(bytes);
        self.next += 1;
        Ok(())
    }

    fn shared(&self) -> Option<Arc<dyn SharedRows>> {
        Some(Arc::clone(&self.rows))
    }
}
