use super::checkpoint::{Checkpoint, CheckpointError};
use super::error::ConvertError;
use kernel::bundle::ModelDigest;
use kernel::model::{GroupId, GroupKind, GroupShape, ModelConfig};
use kernel::quant::{ActivationQuantiser, GroupBounds, quantise_row};
use sha2::{Digest, Sha256};

/// Rows between two calls of a progress function.
const PROGRESS_ROWS: usize = 256;

/// One quantised row of a group's matrix: weight j is `scale * weights[j]`.
#[derive(Clone, Copy, Debug)]
pub struct Row<'a> {
    /// The group.
    pub group: GroupId,
    /// Rows and columns of the group.
    pub shape: GroupShape,
    /// Number of the row within the group.
    pub index: usize,
    /// The integers.
    pub weights: &'a [i8],
    /// What they are multiples of.
    pub scale: f32,
}

/// What a pass over all rows found out about them.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct RowsSummary {
    /// SHA-256 over the integers of all rows in manifest order.
    pub digest: ModelDigest,
    /// Norms of each group's rows.
    pub bounds: Vec<GroupBounds>,
}

/// Quantises every row of every group in manifest order and shows it to `visit`.
///
/// A group stacks its layers' rows (q, k, v; gate, up) in the checkpoint's order; the head's rows
/// are the embeddings where the two are tied. Query and key rows stay in the half-split rotary
/// order of the checkpoint. One row is in memory at a time. `progress` hears of rows done and
/// rows in all.
///
/// # Errors
/// When a weight is not finite, when a group is too heavy for exact results, or as `visit` fails.
pub fn for_each_row(
    checkpoint: &Checkpoint,
    visit: &mut dyn FnMut(Row<'_>) -> Result<(), ConvertError>,
    progress: &mut dyn FnMut(usize, usize),
) -> Result<RowsSummary, ConvertError> {
    let config = &checkpoint.config().model;
    let longest = config.largest().columns;
    let (mut floats, mut integers) = (vec![0_f32; longest], vec![0_i8; longest]);
    let mut rows = |group, shape: GroupShape, show: &mut Show<'_>| {
        let (floats, integers) = (&mut floats[..shape.columns], &mut integers[..shape.columns]);
        for name in checkpoint.group_tensors(group) {
            let tensor = checkpoint.tensor(&name)?;
            for row in 0..tensor.rows() {
                tensor.read_row(row, floats);
                let scale = quantise_row(floats, integers).map_err(|error| {
                    CheckpointError::Weight { tensor: name.clone(), row, error }
                })?;
                show(integers, scale)?;
            }
        }
        Ok(())
    };
    visit_rows(config, &mut rows, visit, progress)
}

/// Is shown the rows of a pass.
pub(super) type Visit<'a> = dyn FnMut(Row<'_>) -> Result<(), ConvertError> + 'a;
/// Shows all rows once.
pub(super) type Pass<'a> = dyn FnMut(&mut Visit<'_>) -> Result<RowsSummary, ConvertError> + 'a;
/// Is shown a row's integers, and what they are multiples of.
pub(super) type Show<'a> = dyn FnMut(&[i8], f32) -> Result<(), ConvertError> + 'a;
/// Shows all rows of a group, in order.
pub(super) type Rows<'a> =
    dyn FnMut(GroupId, GroupShape, &mut Show<'_>) -> Result<(), ConvertError> + 'a;

/// [`for_each_row`], wherever the rows come from.
pub(super) fn visit_rows(
    config: &ModelConfig,
    rows: &mut Rows<'_>,
    visit: &mut dyn FnMut(Row<'_>) -> Result<(), ConvertError>,
    progress: &mut dyn FnMut(usize, usize),
) -> Result<RowsSummary, ConvertError> {
    let mut hash = Sha256::new();
    let mut bounds = Vec::new();
    let (mut done, total) = (0, config.total_rows());
    for group in config.groups() {
        let Some(shape) = config.shape(group) else { continue };
        let mut group_bounds = GroupBounds::default();
        let mut index = 0;
        rows(group, shape, &mut |integers, scale| {
            hash.update(bytemuck::cast_slice::<i8, u8>(integers));
            group_bounds.include(integers);
            visit(Row { group, shape, index, weights: integers, scale })?;
            index += 1;
            done += 1;
            if done % PROGRESS_ROWS == 0 || done == total {
                progress(done, total);
            }
            Ok(())
        })?;
        check_bounds(config, group, &group_bounds).map_err(|error| ConvertError::Bound {
            group: group.0,
            name: group_name(config, group),
            error,
        })?;
        bounds.push(group_bounds);
    }
    Ok(RowsSummary { digest: ModelDigest(hash.finalize().into()), bounds })
}

/// Checks that a group decrypts without failure and leaves room for activations.
pub(super) fn check_bounds(
    config: &ModelConfig,
    group: GroupId,
    bounds: &GroupBounds,
) -> Result<(), kernel::quant::BoundError> {
    bounds.check_noise()?;
    let columns = config.shape(group).map_or(0, |shape| shape.columns);
    ActivationQuantiser::new(bounds, columns).map(|_| ())
}

/// A group's name in manifests and messages: `layers.3.mlp_out`, `lm_head`.
pub(super) fn group_name(config: &ModelConfig, group: GroupId) -> String {
    match config.kind(group) {
        Some((_, kind @ GroupKind::LmHead)) => kind.name().into(),
        Some((layer, kind)) => format!("layers.{layer}.{}", kind.name()),
        None => format!("group {}", group.0),
    }
}
