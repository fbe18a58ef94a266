use super::{LENGTH_BYTES, PLAIN_BYTES, RecordError};
use crate::noise::{Direction, TAG_BYTES};
use zeroize::Zeroize;

/// Bytes of a record that are not plaintext.
const OVERHEAD: usize = LENGTH_BYTES + TAG_BYTES;

/// What leaves: sealed records that wait, then the record that is being gathered.
pub struct Outgoing<B: AsMut<[u8]>> {
    buffer: B,
    key: Direction,
    /// The first byte that has not left.
    start: usize,
    /// The end of what is sealed.
    sealed: usize,
    /// Bytes of plaintext that are gathered behind it, and room for a length.
    gathered: usize,
}

impl<B: AsMut<[u8]>> core::fmt::Debug for Outgoing<B> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Outgoing")
    }
}

impl<B: AsMut<[u8]>> Drop for Outgoing<B> {
    fn drop(&mut self) {
        self.buffer.as_mut().zeroize();
    }
}

impl<B: AsMut<[u8]>> Outgoing<B> {
    /// Bytes of the smallest buffer: records that are shorter cost more than they carry.
    pub const LEAST_BYTES: usize = 64 + OVERHEAD;

    /// Nothing yet. The larger the buffer, the more records leave at a time; in one that is smaller than a
    /// record, records are smaller. `None` below [`LEAST_BYTES`](Self::LEAST_BYTES).
    pub fn new(mut buffer: B, key: Direction) -> Option<Self> {
        let enough = buffer.as_mut().len() >= Self::LEAST_BYTES;
        enough.then_some(Self { buffer, key, start: 0, sealed: 0, gathered: 0 })
    }

    /// Takes in as much of `bytes` as a record has room for, and seals a record that is full. Zero means
    /// that what is sealed must [leave](Self::waiting) first.
    ///
    /// # Errors
    /// [`RecordError::Exhausted`].
    pub fn gather(&mut self, bytes: &[u8]) -> Result<usize, RecordError> {
        let buffer = self.buffer.as_mut();
        let limit = PLAIN_BYTES.min(buffer.len() - OVERHEAD);
        if self.sealed + limit + OVERHEAD > buffer.len() {
            return Ok(0);
        }
        let count = bytes.len().min(limit - self.gathered);
        let at = self.sealed + LENGTH_BYTES + self.gathered;
        buffer[at..at + count].copy_from_slice(&bytes[..count]);
        self.gathered += count;
        if self.gathered == limit {
            self.seal()?;
        }
        Ok(count)
    }

    /// Seals what is gathered.
    ///
    /// # Errors
    /// [`RecordError::Exhausted`].
    pub fn seal(&mut self) -> Result<(), RecordError> {
        if self.gathered == 0 {
            return Ok(());
        }
        let sealed = self.gathered + TAG_BYTES;
        let record = &mut self.buffer.as_mut()[self.sealed..][..LENGTH_BYTES + sealed];
        let (length, record) = record.split_at_mut(LENGTH_BYTES);
        length.copy_from_slice(&(sealed as u16).to_le_bytes());
        self.key.seal(record, self.gathered).ok_or(RecordError::Exhausted)?;
        self.sealed += LENGTH_BYTES + sealed;
        self.gathered = 0;
        Ok(())
    }

    /// What is sealed and has not left.
    pub fn waiting(&mut self) -> &[u8] {
        &self.buffer.as_mut()[self.start..self.sealed]
    }

    /// The first `count` bytes of what waited have left. Once all have, there is room for more.
    pub fn left(&mut self, count: usize) {
        self.start = self.sealed.min(self.start + count);
        if self.start == self.sealed && self.gathered == 0 {
            (self.start, self.sealed) = (0, 0);
        }
    }
}
