use kernel::accel::MatrixId;
use kernel::accel::ring::RingAccelerator;
use kernel::params::ParameterId;
use kernel::trace::Layout;
use std::sync::{Mutex, PoisonError};

/// A loaded matrix.
pub(super) struct Matrix {
    /// m and n.
    pub(super) shape: (usize, usize),
    /// In the first accelerator, if that has taken it.
    pub(super) first: Option<MatrixId>,
    pub(super) second: MatrixId,
    encoded: Mutex<Encoded>,
}

/// What it is kept encoded in.
#[derive(Default)]
struct Encoded {
    /// In the first accelerator, and not yet again in the second.
    on_first: Vec<(ParameterId, Layout)>,
    first_bytes: u64,
    second_bytes: u64,
}

impl Matrix {
    pub(super) fn new(shape: (usize, usize), first: Option<MatrixId>, second: MatrixId) -> Self {
        Self { shape, first, second, encoded: Mutex::default() }
    }

    /// Bytes of its weights.
    pub(super) const fn bytes(&self) -> u64 {
        (self.shape.0 * self.shape.1) as u64
    }

    /// Notes a form in the first accelerator, in which all now take `bytes`; what both take.
    pub(super) fn encoded_on_first(&self, set: ParameterId, layout: &Layout, bytes: u64) -> u64 {
        let mut encoded = self.encoded.lock().unwrap_or_else(PoisonError::into_inner);
        if !encoded.on_first.contains(&(set, *layout)) {
            encoded.on_first.push((set, *layout));
        }
        encoded.first_bytes = bytes;
        bytes + encoded.second_bytes
    }

    /// Notes what the forms in the second accelerator take; what both take, unless the first is lost.
    pub(super) fn encoded_on_second(&self, bytes: u64, lost: bool) -> u64 {
        let mut encoded = self.encoded.lock().unwrap_or_else(PoisonError::into_inner);
        encoded.second_bytes = bytes;
        if lost { bytes } else { bytes + encoded.first_bytes }
    }

    /// Encodes it in the second accelerator if the first, which is lost, had this form.
    pub(super) fn encode_again(
        &self,
        second: &dyn RingAccelerator,
        set: ParameterId,
        layout: &Layout,
    ) {
        // The lock is held meanwhile: other products of this form want to wait for it.
        let mut encoded = self.encoded.lock().unwrap_or_else(PoisonError::into_inner);
        let had = encoded.on_first.iter().position(|form| *form == (set, *layout));
        let Some(had) = had else { return };
        encoded.on_first.swap_remove(had);
        match second.encode(self.second, set, layout) {
            Ok(bytes) => encoded.second_bytes = bytes,
            // Products are possible all the same.
            Err(error) => tracing::warn!(%error, "a matrix is not encoded again"),
        }
    }
}
