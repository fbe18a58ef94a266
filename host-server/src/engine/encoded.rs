use core::fmt;
use kernel::accel::MatrixId;
use kernel::accel::ring::RingAccelerator;
use kernel::direct::DirectShape;
use kernel::model::{GroupId, GroupShape};
use kernel::params::ParameterId;
use kernel::trace::Layout;
use std::collections::HashSet;
use std::sync::{Mutex, PoisonError};

/// Which matrices are kept encoded for direct mode: those that are used first, as far as the memory
/// goes. The others are encoded anew for every product.
#[derive(Default)]
pub(super) struct Encoded {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// Bytes that may still be taken.
    left: u64,
    done: HashSet<(GroupId, ParameterId, Layout)>,
}

impl fmt::Debug for Encoded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Encoded")
    }
}

impl Encoded {
    pub(super) fn within(bytes: u64) -> Self {
        Self { state: Mutex::new(State { left: bytes, done: HashSet::new() }) }
    }

    /// Encodes a matrix for a layout, unless it is already or there is no room.
    pub(super) fn ensure(
        &self,
        ring: &dyn RingAccelerator,
        (group, matrix, shape): (GroupId, MatrixId, GroupShape),
        set: ParameterId,
        layout: &Layout,
    ) {
        let Some(direct) = DirectShape::of(set) else { return };
        let blocks = layout.input_blocks(shape.columns) * layout.output_blocks(shape.rows);
        let needed = 4 * (blocks * layout.sum() * direct.body_words()) as u64;
        // Nothing that panics is called with the lock held.
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if needed > state.left || !state.done.insert((group, set, *layout)) {
            return;
        }
        match ring.encode(matrix, set, layout) {
            Ok(_) => {
                state.left -= needed;
                tracing::debug!(group = group.0, needed, left = state.left, "encoded a matrix");
            }
            // Products are possible all the same.
            Err(error) => tracing::warn!(group = group.0, %error, "a matrix is not kept encoded"),
        }
    }
}
