//! The caller's randomness and observer.
#![expect(unsafe_code, reason = "calls of C")]

use crate::status::Status;
use crate::types::{Entropy, Link, Observer, Token};
use kernel::bundle::DeviceBundle;
use kernel::stream;

/// A source of randomness that has its function.
pub(crate) struct CEntropy<'a>(pub(crate) &'a Entropy);

impl CEntropy<'_> {
    /// The source, if it has its function.
    pub(crate) const fn new(entropy: &Entropy) -> Result<CEntropy<'_>, Status> {
        match entropy.fill {
            Some(_) => Ok(CEntropy(entropy)),
            None => Err(Status::NullPointer),
        }
    }
}

impl stream::Entropy for CEntropy<'_> {
    type Error = Status;

    fn fill(&mut self, out: &mut [u8]) -> Result<(), Status> {
        let fill = self.0.fill.ok_or(Status::NullPointer)?;
        // SAFETY: the function and its context are the caller's, who gets as much memory as he is told.
        match unsafe { fill(self.0.context, out.as_mut_ptr(), out.len()) } {
            0 => Ok(()),
            _ => Err(Status::Entropy),
        }
    }
}

/// Refuses a link without one of the functions that every call needs.
pub(crate) const fn check_link(link: &Link) -> Result<(), Status> {
    match (link.connect, link.read, link.write) {
        (Some(_), Some(_), Some(_)) => Ok(()),
        _ => Err(Status::NullPointer),
    }
}

/// Whoever hears of progress, if anybody does.
#[derive(Clone, Copy)]
pub(crate) struct CObserver<'a>(pub(crate) Option<&'a Observer>);

impl CObserver<'_> {
    pub(crate) fn progress(&self, done: u32, all: u32) {
        if let Some(Observer { context, progress: Some(progress), .. }) = self.0 {
            // SAFETY: the function and its context are the caller's.
            unsafe { progress(*context, done, all) };
        }
    }

    /// Tells of a token, and nothing of one that may not be shown.
    pub(crate) fn token(&self, bundle: &DeviceBundle<'_>, index: u32, token: u32, sound: bool) {
        let Some(Observer { context, token: Some(hear), .. }) = self.0 else { return };
        let text = bundle.token_text(token);
        let told = Token {
            index,
            token: if sound { token } else { u32::MAX },
            text: if sound { text.as_ptr() } else { core::ptr::null() },
            text_length: if sound { text.len() } else { 0 },
            may_be_shown: sound,
            ends_text: sound && bundle.stop_tokens().contains(&token),
        };
        // SAFETY: the function and its context are the caller's, who may read the token until it returns.
        unsafe { hear(*context, &raw const told) };
    }
}
