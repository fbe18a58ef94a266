//! Weights that are made up, in memory that asks for huge pages.

use anyhow::{Context, Result};
use kernel::accel::SharedRows;
use kernel::model::GroupShape;
use memmap2::MmapMut;
use std::sync::Arc;

/// Rows begin at whole cache lines.
const LINE: usize = 64;

/// A matrix of uniform int8 weights.
#[derive(Debug)]
pub(super) struct Weights {
    memory: MmapMut,
    stride: usize,
}

impl Weights {
    /// Makes up an `m x n` matrix from a number.
    pub(super) fn new(shape: GroupShape, seed: u64, huge_pages: bool) -> Result<Arc<Self>> {
        let stride = shape.columns.next_multiple_of(LINE);
        let length = shape.rows * stride;
        let mut memory = MmapMut::map_anon(length).with_context(|| {
            format!("no memory for {length} bytes of weights: try fewer --layers")
        })?;
        #[cfg(target_os = "linux")]
        if huge_pages {
            // A wish: small pages do as well.
            let _ = memory.advise(memmap2::Advice::HugePage);
        }
        let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
        for word in memory.as_chunks_mut::<8>().0 {
            // xorshift64*: fast, and spread enough for weights that nobody reads.
            state ^= state >> 12;
            state ^= state << 25;
            state ^= state >> 27;
            *word = state.wrapping_mul(0x2545_f491_4f6c_dd1d).to_le_bytes();
        }
        for row in memory.chunks_exact_mut(stride) {
            row[shape.columns..].fill(0);
        }
        Ok(Arc::new(Self { memory, stride }))
    }

    /// All bytes, as words, for a plain read.
    pub(super) fn words(&self) -> &[u64] {
        bytemuck::cast_slice(&self.memory[..self.memory.len() / LINE * LINE])
    }
}

impl SharedRows for Weights {
    fn bytes(&self) -> &[i8] {
        bytemuck::cast_slice(&self.memory)
    }

    fn stride(&self) -> usize {
        self.stride
    }
}
