//! What the tests of the protocol stand on.

#[path = "../protocol/harness/link.rs"]
pub(crate) mod link;
#[path = "../protocol/harness/model.rs"]
pub(crate) mod model;
#[path = "../protocol/harness/random.rs"]
pub(crate) mod random;
#[path = "../protocol/harness/run.rs"]
pub(crate) mod run;
#[path = "../protocol/harness/store.rs"]
pub(crate) mod store;
#[path = "../protocol/harness/tcp.rs"]
pub(crate) mod tcp;
#[path = "../protocol/harness/unit.rs"]
pub(crate) mod unit;
#[path = "../protocol/harness/wire.rs"]
pub(crate) mod wire;

/// Runs a future that never waits, such as a run in the clear.
pub(crate) fn now<F: Future>(future: F) -> F::Output {
    let mut context = core::task::Context::from_waker(core::task::Waker::noop());
    match core::pin::pin!(future).poll(&mut context) {
        core::task::Poll::Ready(output) => output,
        core::task::Poll::Pending => panic!("a future that should not waits"),
    }
}
