/// Storage that keeps what it has been told once it has been synchronised.
///
/// Before that, a power cut may leave any part of any write, in any order.
pub trait Medium {
    /// Fills `out` from `at` on.
    ///
    /// # Errors
    /// [`MediumError::Failed`], also beyond the end.
    fn read(&mut self, at: u64, out: &mut [u8]) -> Result<(), MediumError>;

    /// Writes `bytes` from `at` on, making the storage longer where they reach beyond its end.
    ///
    /// # Errors
    /// [`MediumError`].
    fn write(&mut self, at: u64, bytes: &[u8]) -> Result<(), MediumError>;

    /// Returns when all writes so far are durable.
    ///
    /// # Errors
    /// [`MediumError`].
    fn sync(&mut self) -> Result<(), MediumError>;
}

/// A memory outside the storage, of the newest state that has existed.
pub trait Witness {
    /// The newest sequence number of the store `id`, if any is known.
    ///
    /// # Errors
    /// [`MediumError`].
    fn newest(&mut self, id: &[u8; 16]) -> Result<Option<u64>, MediumError>;

    /// Remembers, durably, that the store `id` has reached `sequence`.
    ///
    /// # Errors
    /// [`MediumError`].
    fn remember(&mut self, id: &[u8; 16], sequence: u64) -> Result<(), MediumError>;
}

/// Why storage failed.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum MediumError {
    /// No space is left.
    #[error("no space is left for the store")]
    Full,
    /// Access is not allowed.
    #[error("access to the store is not allowed")]
    Denied,
    /// Anything else.
    #[error("the store could not be read or written")]
    Failed,
}
