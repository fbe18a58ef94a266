use super::{LENGTH_BYTES, PLAIN_BYTES, RECORD_BYTES, RecordError};
use crate::noise::{Direction, TAG_BYTES};
use core::ops::Range;
use zeroize::Zeroize;

/// What comes: plaintext that has not been taken, then bytes that have not been opened.
pub struct Incoming<B: AsMut<[u8]>> {
    buffer: B,
    key: Direction,
    plain: Range<usize>,
    raw: Range<usize>,
}

impl<B: AsMut<[u8]>> core::fmt::Debug for Incoming<B> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Incoming")
    }
}

impl<B: AsMut<[u8]>> Drop for Incoming<B> {
    fn drop(&mut self) {
        self.buffer.as_mut().zeroize();
    }
}

impl<B: AsMut<[u8]>> Incoming<B> {
    /// Bytes of the smallest buffer: a record fits.
    pub const LEAST_BYTES: usize = RECORD_BYTES;

    /// Nothing yet. The larger the buffer, the more records may come at a time. `None` below
    /// [`LEAST_BYTES`](Self::LEAST_BYTES).
    pub fn new(mut buffer: B, key: Direction) -> Option<Self> {
        let enough = buffer.as_mut().len() >= Self::LEAST_BYTES;
        enough.then_some(Self { buffer, key, plain: 0..0, raw: 0..0 })
    }

    /// Opens the next record, once all plaintext of the last one is taken: whether there is plaintext now.
    /// If not, more bytes have to come first.
    ///
    /// # Errors
    /// [`RecordError::Changed`] or [`RecordError::Exhausted`]; no later record can be opened then.
    pub fn open(&mut self) -> Result<bool, RecordError> {
        if !self.plain.is_empty() {
            return Ok(true);
        }
        let raw = &mut self.buffer.as_mut()[self.raw.clone()];
        let Some((length, rest)) = raw.split_first_chunk_mut::<LENGTH_BYTES>() else {
            return Ok(false);
        };
        let length = usize::from(u16::from_le_bytes(*length));
        // An empty record would be work for nothing.
        if !(TAG_BYTES + 1..=TAG_BYTES + PLAIN_BYTES).contains(&length) {
            return Err(RecordError::Changed);
        }
        let Some(record) = rest.get_mut(..length) else { return Ok(false) };
        if self.key.is_exhausted() {
            return Err(RecordError::Exhausted);
        }
        let plain = self.key.open(record).ok_or(RecordError::Changed)?;
        let begin = self.raw.start + LENGTH_BYTES;
        self.plain = begin..begin + plain;
        self.raw.start = begin + length;
        Ok(true)
    }

    /// Moves plaintext to the beginning of `out`; how much.
    pub fn take(&mut self, out: &mut [u8]) -> usize {
        let count = out.len().min(self.plain.len());
        let plain = &mut self.buffer.as_mut()[self.plain.start..][..count];
        out[..count].copy_from_slice(plain);
        self.plain.start += count;
        count
    }

    /// Room for bytes that come, never none once [`open`](Self::open) has asked for some.
    pub fn room(&mut self) -> &mut [u8] {
        let buffer = self.buffer.as_mut();
        if self.plain.is_empty() {
            buffer.copy_within(self.raw.clone(), 0);
            (self.plain, self.raw) = (0..0, 0..self.raw.len());
        }
        &mut buffer[self.raw.end..]
    }

    /// `count` bytes have come to the beginning of [`room`](Self::room).
    ///
    /// # Errors
    /// [`RecordError::Truncated`] if none has, which is how a stream ends, within a record.
    pub fn came(&mut self, count: usize) -> Result<(), RecordError> {
        if count == 0 && !self.raw.is_empty() {
            return Err(RecordError::Truncated);
        }
        self.raw.end += count;
        Ok(())
    }
}
