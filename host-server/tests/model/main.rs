//! Checkpoints in, bundles out: what is written, what is refused, what a failure leaves behind.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking, its helpers too")]

mod conversion;
mod fixtures;
mod folders;
mod refusals;
mod tampering;
mod variants;
