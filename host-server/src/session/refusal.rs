use core::fmt;
use kernel::wire::{FaultCode, WireError};

/// What ends a session early: a reason for the peer, and one for the log.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub struct Refusal {
    /// What the peer is told.
    pub code: FaultCode,
    /// What was wrong with the frame, if it was a frame.
    pub wire: Option<WireError>,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.wire {
            Some(wire) => write!(f, "{}: {wire}", self.code),
            None => self.code.fmt(f),
        }
    }
}

impl From<WireError> for Refusal {
    fn from(wire: WireError) -> Self {
        Self { code: FaultCode::Protocol, wire: Some(wire) }
    }
}

impl From<FaultCode> for Refusal {
    fn from(code: FaultCode) -> Self {
        Self { code, wire: None }
    }
}
