//! What the tests stand on.

pub(crate) mod link;
pub(crate) mod model;
pub(crate) mod moments;
pub(crate) mod random;
pub(crate) mod results;
pub(crate) mod run;
pub(crate) mod sealed;
pub(crate) mod store;
pub(crate) mod tcp;
pub(crate) mod unit;
pub(crate) mod wire;

use core::pin::pin;
use core::task::{Context, Poll, Waker};

/// Runs a future that never waits: over a loopback everything is there when it is asked for.
pub(crate) fn now<F: Future>(future: F) -> F::Output {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => output,
        Poll::Pending => panic!("a future over a loopback waits"),
    }
}
