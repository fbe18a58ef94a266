use super::WeightType;
use kernel::model::ModelError;
use kernel::quant::WeightError;
use std::io;
use std::path::PathBuf;

/// Why a checkpoint was refused. Messages begin with the file, then name the field or the tensor.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CheckpointError {
    /// A file cannot be read.
    #[error("{}: {error}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        error: io::Error,
    },
    /// A file of JSON is larger than any real one.
    #[error("{}: larger than {limit} bytes", path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// The largest size that is read.
        limit: u64,
    },
    /// A file is not JSON.
    #[error("{}: {error}", path.display())]
    Json {
        /// The file.
        path: PathBuf,
        /// What the parser said.
        error: serde_json::Error,
    },
    /// A field is missing or has a value that makes no sense.
    #[error("{}: `{field}` {problem}", path.display())]
    Field {
        /// The file.
        path: PathBuf,
        /// The field.
        field: String,
        /// What is wrong with it.
        problem: String,
    },
    /// The model has a feature that this build does not run.
    #[error("{}: `{field}` is {found}, which is not supported; supported: {supported}", path.display())]
    Unsupported {
        /// The file.
        path: PathBuf,
        /// The field.
        field: String,
        /// Its value, as JSON.
        found: String,
        /// What is supported instead.
        supported: &'static str,
    },
    /// The model's shape is not supported.
    #[error("{}: {error}", path.display())]
    Model {
        /// The file.
        path: PathBuf,
        /// The dimension at fault.
        error: ModelError,
    },
    /// There are no weights.
    #[error("{}: holds neither model.safetensors nor model.safetensors.index.json", path.display())]
    NoWeights {
        /// The folder.
        path: PathBuf,
    },
    /// The index names something that is not a file of this folder.
    #[error("{}: tensor `{tensor}` is said to be in {file}, which is not a plain file name", path.display())]
    ShardName {
        /// The index.
        path: PathBuf,
        /// The tensor.
        tensor: String,
        /// The file's name, as JSON.
        file: String,
    },
    /// A safetensors file is truncated, or its header lies.
    #[error("{}: {problem}", path.display())]
    Header {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        problem: String,
    },
    /// A tensor of the model is missing.
    #[error("{}: tensor `{tensor}` is missing", path.display())]
    MissingTensor {
        /// The file, or the index where there are several.
        path: PathBuf,
        /// The tensor.
        tensor: String,
    },
    /// A tensor is no part of a Llama model of this configuration, so that ignoring it would run
    /// another model than the one that was published.
    #[error("{}: tensor `{tensor}` is not part of a Llama model with this config.json", path.display())]
    UnexpectedTensor {
        /// The file, or the index where there are several.
        path: PathBuf,
        /// The tensor.
        tensor: String,
    },
    /// A tensor's shape is not the one that the configuration asks for.
    #[error("{}: tensor `{tensor}` has shape {found:?}, config.json asks for {expected:?}", path.display())]
    Shape {
        /// The file.
        path: PathBuf,
        /// The tensor.
        tensor: String,
        /// Its shape.
        found: Vec<usize>,
        /// The shape that the configuration asks for.
        expected: Vec<usize>,
    },
    /// A tensor does not hold floats of a known type.
    #[error("{}: tensor `{tensor}` holds {found}; supported: {}", path.display(), WeightType::NAMES)]
    ElementType {
        /// The file.
        path: PathBuf,
        /// The tensor.
        tensor: String,
        /// The type that it holds.
        found: String,
    },
    /// A weight is NaN or infinite.
    #[error("tensor `{tensor}`, row {row}: {error}")]
    Weight {
        /// The tensor.
        tensor: String,
        /// The row.
        row: usize,
        /// Which weight of the row.
        error: WeightError,
    },
}
