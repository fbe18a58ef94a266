//! Futures that are ready at once, since every callback blocks.

use crate::status::Status;
use core::pin::pin;
use core::task::{Context, Poll, Waker};

/// Completes `work`, which waits for nothing but callbacks.
pub(crate) fn now<T>(work: impl Future<Output = Result<T, Status>>) -> Result<T, Status> {
    match pin!(work).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(outcome) => outcome,
        Poll::Pending => Err(Status::Internal),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_waits_is_a_fault_of_ours() {
        assert_eq!(now(async { Ok(3) }), Ok(3));
        assert_eq!(now(core::future::pending::<Result<(), _>>()), Err(Status::Internal));
    }
}
