//! Bundles of weights that are made up: for measuring models of any shape without one.

use super::checkpoint::{Rope, RopeScaling};
use super::device_bundle::{FOLDER, Inputs, write_bundle};
use super::error::ConvertError;
use super::host_bundle::{HostManifest, write_host};
use super::rotary::rotary_frequencies;
use super::rows::{RowsSummary, Show, Visit, visit_rows};
use core::fmt::Display;
use kernel::bundle::{ElementType, ModelDigest};
use kernel::model::{GroupId, GroupShape, ModelConfig};
use kernel::stream::Entropy;
use std::path::Path;

/// Writes a host's bundle of made-up weights: uniform in -64 to 63, the same for the same shape.
///
/// # Errors
/// As of [`convert_host`](super::convert_host).
pub fn synthetic_host(
    config: &ModelConfig,
    folder: &Path,
    progress: &mut dyn FnMut(usize, usize),
) -> Result<HostManifest, ConvertError> {
    write_host(*config, folder, &mut |visit| pass(config, visit, progress))
}

/// Writes the device's bundle to the same weights, with scales that keep activations in range, made-up
/// embeddings, and no texts. Returns the digest of the rows, and the length.
///
/// # Errors
/// As of [`convert_device`](super::convert_device).
pub fn synthetic_device<E>(
    config: &ModelConfig,
    folder: &Path,
    entropy: &mut E,
    progress: &mut dyn FnMut(usize, usize),
) -> Result<(ModelDigest, u64), ConvertError>
where
    E: Entropy<Error: Display> + ?Sized,
{
    let (vocab, hidden) = (config.vocab as usize, config.hidden as usize);
    let mut words = Words::new(u64::MAX);
    let embeddings = (0..vocab * hidden).flat_map(|_| {
        // Uniform in [-1, 1): bf16 is the upper half of an f32.
        let value = (words.next() >> 40) as f32 / (1 << 23) as f32 - 1.0;
        ((value.to_bits() >> 16) as u16).to_le_bytes()
    });
    let rope = Rope { theta: 10_000.0, scaling: RopeScaling::None };
    let inputs = Inputs {
        config: *config,
        bos: None,
        norms: vec![1.0; (2 * config.layers as usize + 1) * hidden],
        embedding_type: ElementType::Bf16,
        embeddings: embeddings.collect(),
        tokens: vec![Vec::new(); vocab],
        row_biases: Vec::new(),
        rotary: rotary_frequencies(&rope, config.head_dim),
        stop_tokens: Vec::new(),
    };
    let mut rows = |visit: &mut Visit<'_>| pass(config, visit, progress);
    let (bundle, digest, bytes) = write_bundle(inputs, folder, entropy, &mut rows)?;
    FOLDER.publish(folder, Vec::new(), &[], bundle)?;
    Ok((digest, bytes))
}

fn pass(
    config: &ModelConfig,
    visit: &mut Visit<'_>,
    progress: &mut dyn FnMut(usize, usize),
) -> Result<RowsSummary, ConvertError> {
    let mut row = Vec::new();
    let mut rows = |group: GroupId, shape: GroupShape, show: &mut Show<'_>| {
        let mut words = Words::new(group.0.into());
        // The root mean square of the weights is 37: outputs are as large as inputs.
        let scale = 1.0 / (37.0 * (shape.columns as f32).sqrt());
        for _ in 0..shape.rows {
            row.clear();
            while row.len() < shape.columns {
                row.extend(words.next().to_le_bytes().map(|byte| byte as i8 >> 1));
            }
            row.truncate(shape.columns);
            show(&row, scale)?;
        }
        Ok(())
    };
    visit_rows(config, &mut rows, visit, progress)
}

/// xorshift64*: fast, and spread enough for weights that nobody reads.
struct Words(u64);

impl Words {
    const fn new(seed: u64) -> Self {
        Self(seed.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    const fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }
}
