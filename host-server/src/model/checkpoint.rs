//! Llama checkpoints as Hugging Face publishes them: `config.json` and safetensors files.
//!
//! What this build cannot run exactly as its authors meant it is refused by name: other
//! architectures and activations, partial rotary embeddings, scalings of them that are not in
//! [`RopeScaling`], quantised weights. Floats are read in the type that each tensor has; what
//! `dtype` or `torch_dtype` say in `config.json` changes nothing.

mod config;
mod error;
mod json;
mod layout;
mod rope;
mod shard;

pub use config::LlamaConfig;
pub use error::CheckpointError;
pub use rope::{Rope, RopeScaling};
pub use shard::{Tensor, WeightType};

pub(super) use json::{read_capped, read_json};

use kernel::model::GroupId;
use shard::Shard;
use std::collections::{BTreeMap, HashMap};
use std::path::{Component, Path, PathBuf};

const SINGLE_FILE: &str = "model.safetensors";
const INDEX_FILE: &str = "model.safetensors.index.json";
const INDEX_LIMIT: u64 = 64 << 20;

/// An open checkpoint: its configuration, and its tensors mapped from disk.
///
/// The files must not be changed while it is open; see [`MappedFile`](super::MappedFile).
#[derive(Debug)]
pub struct Checkpoint {
    folder: PathBuf,
    config: LlamaConfig,
    shards: Vec<Shard>,
    /// Number of the shard that holds each tensor.
    places: HashMap<String, usize>,
}

impl Checkpoint {
    /// Opens the checkpoint in `folder` and checks that every tensor of the model is there, with
    /// the shape that the configuration asks for and floats of a known type.
    ///
    /// # Errors
    /// [`CheckpointError`] names the file, and the field or tensor, that is at fault.
    pub fn open(folder: &Path) -> Result<Self, CheckpointError> {
        let config = LlamaConfig::read(folder)?;
        let (shards, places) = open_weights(folder)?;
        let checkpoint = Self { folder: folder.to_owned(), config, shards, places };
        let expected = layout::tensors(&checkpoint.config);
        for (name, shape) in &expected {
            checkpoint.find(name)?.check(name, shape)?;
        }
        for name in checkpoint.places.keys() {
            if !expected.contains_key(name) && !layout::is_harmless(name) {
                let path = checkpoint.weights_path();
                return Err(CheckpointError::UnexpectedTensor { path, tensor: name.clone() });
            }
        }
        Ok(checkpoint)
    }

    /// The folder that was opened.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The model's configuration.
    #[must_use]
    pub const fn config(&self) -> &LlamaConfig {
        &self.config
    }

    /// The tensor called `name`. It cannot be missing if it is part of the model.
    ///
    /// # Errors
    /// [`CheckpointError::MissingTensor`], or [`CheckpointError::ElementType`] if it holds
    /// something other than f32, f16 or bf16.
    pub fn tensor(&self, name: &str) -> Result<Tensor<'_>, CheckpointError> {
        self.find(name)?.tensor(name)
    }

    /// Names of the tensors whose rows make up a group, in order. Empty beyond the last group.
    #[must_use]
    pub fn group_tensors(&self, group: GroupId) -> Vec<String> {
        layout::group_tensors(&self.config, group).into_iter().map(|(name, _)| name).collect()
    }

    /// Names of the vectors that are added to a group's outputs, in the order of its tensors.
    /// Empty where the group has none.
    #[must_use]
    pub fn bias_tensors(&self, group: GroupId) -> Vec<String> {
        layout::bias_tensors(&self.config, group).into_iter().map(|(name, _)| name).collect()
    }

    /// Names of the norms: before attention and before the feed-forward part of each layer, then
    /// the final one.
    #[must_use]
    pub fn norm_tensors(&self) -> Vec<String> {
        layout::norms(&self.config)
    }

    /// Name of the embeddings, `vocab x hidden`.
    #[must_use]
    pub const fn embedding_tensor(&self) -> &'static str {
        layout::EMBEDDINGS
    }

    fn find(&self, name: &str) -> Result<&Shard, CheckpointError> {
        self.places.get(name).and_then(|&i| self.shards.get(i)).ok_or_else(|| {
            CheckpointError::MissingTensor { path: self.weights_path(), tensor: name.to_owned() }
        })
    }

    /// The file to name where a tensor is in none or too many.
    fn weights_path(&self) -> PathBuf {
        match &self.shards[..] {
            [only] => only.path().to_owned(),
            _ => self.folder.join(INDEX_FILE),
        }
    }
}

/// Opens `model.safetensors`, or else all shards of the index.
fn open_weights(folder: &Path) -> Result<(Vec<Shard>, HashMap<String, usize>), CheckpointError> {
    let single = folder.join(SINGLE_FILE);
    if single.exists() {
        let shard = Shard::open(single)?;
        let places = shard.names().map(|name| (name, 0)).collect();
        return Ok((vec![shard], places));
    }
    let path = folder.join(INDEX_FILE);
    if !path.exists() {
        return Err(CheckpointError::NoWeights { path: folder.to_owned() });
    }
    let index = json::Object::read(path.clone(), INDEX_LIMIT)?;
    let mut numbers = BTreeMap::new();
    let (mut shards, mut places) = (Vec::new(), HashMap::new());
    for (tensor, file) in index.object("weight_map")? {
        let Some(name) = file.as_str().filter(|name| is_plain(name)) else {
            let (tensor, file) = (tensor.clone(), file.to_string());
            return Err(CheckpointError::ShardName { path, tensor, file });
        };
        let number = match numbers.get(name) {
            Some(&number) => number,
            None => {
                shards.push(Shard::open(folder.join(name))?);
                numbers.insert(name.to_owned(), shards.len() - 1);
                shards.len() - 1
            }
        };
        places.insert(tensor.clone(), number);
    }
    Ok((shards, places))
}

/// Whether `name` is one file name, so that it cannot lead out of the folder.
fn is_plain(name: &str) -> bool {
    let mut parts = Path::new(name).components();
    matches!((parts.next(), parts.next()), (Some(Component::Normal(part)), None) if part == name)
        && !name.contains(['/', '\\', '\0'])
}
