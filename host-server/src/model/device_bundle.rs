mod check_vectors;

use super::checkpoint::{Checkpoint, CheckpointError, Tensor, read_capped, read_json};
use super::error::ConvertError;
use super::mapped::MappedFile;
use super::rotary::rotary_frequencies;
use super::rows::{Pass, Visit, for_each_row};
use super::staging::{Access, FolderKind, Staged};
use super::tokens::token_table;
use check_vectors::CheckVectors;
use core::fmt::Display;
use kernel::bundle::{
    DeviceBundle, DeviceManifest, DeviceParts, ElementType, ModelDigest, write_device,
};
use kernel::model::{GroupKind, ModelConfig};
use kernel::quant::WeightError;
use kernel::stream::{Entropy, Seed};
use std::fs;
use std::io::Read;
use std::path::Path;

/// Name of the device bundle in its folder.
pub const DEVICE_BUNDLE: &str = "device.bundle";

const TOKENIZER: &str = "tokenizer.json";
const TOKENIZER_LIMIT: u64 = 256 << 20;
/// Files that lie beside the bundle for programs that tokenize.
const COMPANIONS: [&str; 4] =
    [TOKENIZER, "tokenizer_config.json", "chat_template.jinja", "generation_config.json"];

pub(super) const FOLDER: FolderKind = FolderKind {
    name: "device bundle",
    marker: DEVICE_BUNDLE,
    recognises: |path| {
        let mut magic = [0; 8];
        path.is_file()
            && fs::File::open(path).and_then(|mut f| f.read_exact(&mut magic)).is_ok()
            && magic == *b"subrosaD"
    },
    leftovers: &[],
};

/// What a conversion for a device has written.
#[derive(Clone, Debug, PartialEq)]
pub struct DeviceSummary {
    /// The model's shape.
    pub config: ModelConfig,
    /// Digest of the int8 rows; the host's must be the same.
    pub digest: ModelDigest,
    /// Length of the bundle.
    pub bytes: u64,
    /// The token that begins a text.
    pub bos: Option<u32>,
    /// Tokens that end a text. Where there are none, texts end at their length only.
    pub stop_tokens: Vec<u32>,
    /// Whether there was a `tokenizer.json`. Without it all tokens have empty texts: the device
    /// can compute, but not print.
    pub has_token_texts: bool,
    /// Tokens that have no text, the special ones among them.
    pub tokens_without_text: usize,
}

/// Converts a checkpoint into a device's bundle: `device.bundle` in `folder`, and beside it the
/// checkpoint's tokenizer files for those who tokenize elsewhere.
///
/// The folder is created where there is none; a bundle of an earlier conversion is replaced, once
/// the new one is complete and reads back. `progress` hears of rows done and rows in all.
///
/// # Security
/// The bundle holds the seed of this owner's check vectors, drawn from `entropy`, and their
/// products with the weights: whoever knows them can lie to the device unnoticed. The file is
/// readable by its owner alone (mode 0600 where the system has modes). Convert where the
/// checkpoint is trusted, and never on the host.
///
/// # Errors
/// When the checkpoint or its tokenizer is refused, when a matrix is too heavy for exact results,
/// when there is no randomness, when the folder holds anything other than a device bundle, or when
/// writing fails.
pub fn convert_device<E>(
    checkpoint: &Path,
    folder: &Path,
    entropy: &mut E,
    progress: &mut dyn FnMut(usize, usize),
) -> Result<DeviceSummary, ConvertError>
where
    E: Entropy<Error: Display> + ?Sized,
{
    let checkpoint = Checkpoint::open(checkpoint)?;
    let config = checkpoint.config();
    let tokens = token_texts(&checkpoint)?;
    let has_token_texts = tokens.is_some();
    let tokens = tokens.unwrap_or_else(|| vec![Vec::new(); config.model.vocab as usize]);
    let tokens_without_text = tokens.iter().filter(|text| text.is_empty()).count();
    let norms = norms(&checkpoint)?;
    let row_biases = row_biases(&checkpoint)?;
    let embeddings = checkpoint.tensor(checkpoint.embedding_tensor())?;
    check_finite(checkpoint.embedding_tensor(), &embeddings)?;
    let mut rotary = rotary_frequencies(&config.rope, config.model.head_dim);
    let factor = config.rope.attention_factor() as f32;
    if factor != 1.0 {
        rotary.push(factor);
    }
    let inputs = Inputs {
        config: config.model,
        bos: config.bos,
        norms,
        embedding_type: embeddings.weight_type().element(),
        embeddings: embeddings.bytes().to_vec(),
        tokens,
        row_biases,
        rotary,
        stop_tokens: config.stop_tokens.clone(),
    };
    let mut pass = |visit: &mut Visit<'_>| for_each_row(&checkpoint, visit, progress);
    let (bundle, digest, bytes) = write_bundle(inputs, folder, entropy, &mut pass)?;
    publish(&checkpoint, folder, bundle)?;
    Ok(DeviceSummary {
        config: config.model,
        digest,
        bytes,
        bos: config.bos,
        stop_tokens: config.stop_tokens.clone(),
        has_token_texts,
        tokens_without_text,
    })
}

/// What a bundle holds beside what follows from the rows.
pub(super) struct Inputs {
    pub(super) config: ModelConfig,
    pub(super) bos: Option<u32>,
    pub(super) norms: Vec<f32>,
    pub(super) embedding_type: ElementType,
    pub(super) embeddings: Vec<u8>,
    pub(super) tokens: Vec<Vec<u8>>,
    pub(super) row_biases: Vec<f32>,
    pub(super) rotary: Vec<f32>,
    pub(super) stop_tokens: Vec<u32>,
}

/// Makes a bundle, whose rows `pass` shows in one pass. It is staged, and reads back.
///
/// # Errors
/// As of [`convert_device`].
pub(super) fn write_bundle<E>(
    inputs: Inputs,
    folder: &Path,
    entropy: &mut E,
    pass: &mut Pass<'_>,
) -> Result<(Staged, ModelDigest, u64), ConvertError>
where
    E: Entropy<Error: Display> + ?Sized,
{
    FOLDER.prepare(folder)?;
    let seed = Seed::random(entropy).map_err(|e| ConvertError::Entropy(e.to_string()))?;
    let mut check_vectors = CheckVectors::new(&seed);
    let mut row_scales = Vec::with_capacity(inputs.config.total_rows());
    let summary = pass(&mut |row: super::Row<'_>| {
        check_vectors.include(&row);
        row_scales.push(row.scale);
        Ok(())
    })?;
    let check_vectors = check_vectors.finish();
    let digest = summary.digest;
    let parts = DeviceParts {
        manifest: DeviceManifest { config: inputs.config, digest, bos: inputs.bos },
        norms: inputs.norms,
        embedding_type: inputs.embedding_type,
        embeddings: inputs.embeddings,
        tokens: inputs.tokens,
        row_scales,
        row_biases: inputs.row_biases,
        bounds: summary.bounds,
        rotary: inputs.rotary,
        stop_tokens: inputs.stop_tokens,
        check_seed: seed,
        check_vectors,
    };
    let mut bundle = Staged::new(folder, DEVICE_BUNDLE, Access::Private)?;
    let path = bundle.target().to_owned();
    let file = write_device(&parts)
        .map_err(|error| ConvertError::DeviceBundle { path, problem: error.to_string() })?;
    bundle.write_all(&file)?;
    read_back(&bundle, digest)?;
    Ok((bundle, digest, file.len() as u64))
}

/// The texts of all tokens, if the checkpoint has a tokenizer.
fn token_texts(checkpoint: &Checkpoint) -> Result<Option<Vec<Vec<u8>>>, ConvertError> {
    let path = checkpoint.folder().join(TOKENIZER);
    if !path.exists() {
        return Ok(None);
    }
    let json = read_json(&path, TOKENIZER_LIMIT)?;
    let vocab = checkpoint.config().model.vocab as usize;
    token_table(&json, vocab).map(Some).map_err(|error| ConvertError::Tokens { path, error })
}

fn norms(checkpoint: &Checkpoint) -> Result<Vec<f32>, CheckpointError> {
    let mut all = Vec::new();
    for name in checkpoint.norm_tensors() {
        append_vector(checkpoint, &name, &mut all)?;
    }
    Ok(all)
}

/// The biases of all rows of all groups but the head; zero where a group has none, and empty
/// where the model has none.
fn row_biases(checkpoint: &Checkpoint) -> Result<Vec<f32>, CheckpointError> {
    let config = checkpoint.config();
    let mut all = Vec::new();
    if !(config.attention_bias || config.mlp_bias) {
        return Ok(all);
    }
    let head = config.model.group(0, GroupKind::LmHead);
    for group in config.model.groups().filter(|&group| group != head) {
        let end = all.len() + config.model.shape(group).map_or(0, |shape| shape.rows);
        for name in checkpoint.bias_tensors(group) {
            append_vector(checkpoint, &name, &mut all)?;
        }
        all.resize(end, 0.0);
    }
    Ok(all)
}

fn append_vector(
    checkpoint: &Checkpoint,
    name: &str,
    all: &mut Vec<f32>,
) -> Result<(), CheckpointError> {
    let vector = checkpoint.tensor(name)?;
    check_finite(name, &vector)?;
    let start = all.len();
    all.resize(start + vector.columns(), 0.0);
    vector.read_row(0, &mut all[start..]);
    Ok(())
}

fn check_finite(name: &str, tensor: &Tensor<'_>) -> Result<(), CheckpointError> {
    let mut floats = vec![0.0; tensor.columns()];
    for row in 0..tensor.rows() {
        tensor.read_row(row, &mut floats);
        if let Some(at) = floats.iter().position(|x: &f32| !x.is_finite()) {
            let error = WeightError::NotFinite(at);
            return Err(CheckpointError::Weight { tensor: name.to_owned(), row, error });
        }
    }
    Ok(())
}

/// Parses the bundle from the file, as its device will.
fn read_back(bundle: &Staged, digest: ModelDigest) -> Result<(), ConvertError> {
    let file = MappedFile::open(bundle.path()).map_err(ConvertError::io(bundle.target()))?;
    let problem = match DeviceBundle::parse(file.bytes()) {
        Ok(parsed) if parsed.digest() == digest => return Ok(()),
        Ok(_) => "reads back with another digest".into(),
        Err(error) => error.to_string(),
    };
    Err(ConvertError::DeviceBundle { path: bundle.target().to_owned(), problem })
}

/// Puts the bundle and its companions in place; companions of an earlier model go.
fn publish(checkpoint: &Checkpoint, folder: &Path, bundle: Staged) -> Result<(), ConvertError> {
    let (mut files, mut stale) = (Vec::new(), Vec::new());
    for name in COMPANIONS {
        let from = checkpoint.folder().join(name);
        if !from.exists() {
            stale.push(name);
            continue;
        }
        let contents = read_capped(&from, TOKENIZER_LIMIT)?;
        let mut staged = Staged::new(folder, name, Access::Public)?;
        staged.write_all(&contents)?;
        files.push(staged);
    }
    FOLDER.publish(folder, files, &stale, bundle)
}
