//! The caller's link, as the stream and the connector that device-client wants.
#![expect(unsafe_code, reason = "calls of C")]

use crate::types;
use device_client::transport::Connector;
use embedded_io_async::{Error, ErrorKind, ErrorType, Read, Write};

/// Why a link failed.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub(crate) enum LinkError {
    /// The caller says so.
    #[error("the link broke")]
    Broken,
    /// A callback returned what it must not.
    #[error("a callback returned what it must not")]
    Callback,
}

impl Error for LinkError {
    fn kind(&self) -> ErrorKind {
        match self {
            Self::Broken => ErrorKind::ConnectionReset,
            Self::Callback => ErrorKind::InvalidData,
        }
    }
}

/// A link of which the functions that every call needs are there.
#[derive(Clone, Copy)]
pub(crate) struct CLink<'a>(pub(crate) &'a types::Link);

impl ErrorType for CLink<'_> {
    type Error = LinkError;
}

/// How many of `length` bytes were moved, as a callback says.
const fn moved(count: isize, length: usize) -> Result<usize, LinkError> {
    match count {
        ..0 => Err(LinkError::Broken),
        _ if count as usize > length => Err(LinkError::Callback),
        _ => Ok(count as usize),
    }
}

const fn succeeded(code: i32) -> Result<(), LinkError> {
    if code == 0 { Ok(()) } else { Err(LinkError::Broken) }
}

impl Read for CLink<'_> {
    async fn read(&mut self, out: &mut [u8]) -> Result<usize, LinkError> {
        let read = self.0.read.ok_or(LinkError::Callback)?;
        if out.is_empty() {
            return Ok(0);
        }
        // SAFETY: the function and its context are the caller's, who gets as much memory as he is told.
        moved(unsafe { read(self.0.context, out.as_mut_ptr(), out.len()) }, out.len())
    }
}

impl Write for CLink<'_> {
    async fn write(&mut self, bytes: &[u8]) -> Result<usize, LinkError> {
        let write = self.0.write.ok_or(LinkError::Callback)?;
        if bytes.is_empty() {
            return Ok(0);
        }
        // SAFETY: as for reading.
        match moved(unsafe { write(self.0.context, bytes.as_ptr(), bytes.len()) }, bytes.len())? {
            // Whoever waits for all bytes to be taken would wait for ever.
            0 => Err(LinkError::Broken),
            count => Ok(count),
        }
    }

    async fn flush(&mut self) -> Result<(), LinkError> {
        let Some(flush) = self.0.flush else { return Ok(()) };
        // SAFETY: the function and its context are the caller's.
        succeeded(unsafe { flush(self.0.context) })
    }
}

impl Connector for CLink<'_> {
    type Io = Self;

    async fn connect(&mut self) -> Result<Self, LinkError> {
        let connect = self.0.connect.ok_or(LinkError::Callback)?;
        // SAFETY: the function and its context are the caller's.
        succeeded(unsafe { connect(self.0.context) })?;
        Ok(*self)
    }

    fn answered(&mut self) {
        if let Some(answered) = self.0.answered {
            // SAFETY: the function and its context are the caller's.
            unsafe { answered(self.0.context) };
        }
    }

    async fn departure(&mut self) {
        if let Some(departure) = self.0.departure {
            // SAFETY: the function and its context are the caller's.
            unsafe { departure(self.0.context) };
        }
    }

    async fn retry(&mut self) -> bool {
        // SAFETY: the function and its context are the caller's.
        self.0.retry.is_some_and(|retry| unsafe { retry(self.0.context) } != 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_more_is_moved_than_there_is() {
        assert_eq!(moved(0, 3), Ok(0));
        assert_eq!(moved(3, 3), Ok(3));
        assert_eq!(moved(4, 3), Err(LinkError::Callback));
        assert_eq!(moved(-1, 3), Err(LinkError::Broken));
        assert_eq!(moved(isize::MIN, 3), Err(LinkError::Broken));
    }
}
