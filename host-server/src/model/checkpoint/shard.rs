use super::CheckpointError;
use crate::model::MappedFile;
use kernel::bundle::ElementType;
use safetensors::Dtype;
use safetensors::tensor::{Metadata, TensorInfo};
use std::path::{Path, PathBuf};

/// Bytes before the header: its length.
const LENGTH_BYTES: usize = 8;
/// Longest header that is read, as in the format's own implementation.
const HEADER_LIMIT: u64 = 100_000_000;

/// How a checkpoint stores its floats.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum WeightType {
    /// IEEE binary32.
    F32,
    /// IEEE binary16.
    F16,
    /// The high half of a binary32.
    Bf16,
}

impl WeightType {
    pub(super) const NAMES: &'static str = "F32, F16, BF16";

    /// Bytes of one weight.
    #[must_use]
    pub const fn bytes(self) -> usize {
        self.element().bytes()
    }

    /// The same type in a device bundle.
    #[must_use]
    pub const fn element(self) -> ElementType {
        match self {
            Self::F32 => ElementType::F32,
            Self::F16 => ElementType::F16,
            Self::Bf16 => ElementType::Bf16,
        }
    }

    const fn from_dtype(dtype: Dtype) -> Option<Self> {
        match dtype {
            Dtype::F32 => Some(Self::F32),
            Dtype::F16 => Some(Self::F16),
            Dtype::BF16 => Some(Self::Bf16),
            _ => None,
        }
    }
}

/// A tensor of floats in a mapped file, of one dimension or two.
#[derive(Clone, Copy, Debug)]
pub struct Tensor<'a> {
    weight_type: WeightType,
    columns: usize,
    bytes: &'a [u8],
}

impl<'a> Tensor<'a> {
    /// How the floats are stored.
    #[must_use]
    pub const fn weight_type(&self) -> WeightType {
        self.weight_type
    }

    /// Rows; a vector is one row.
    #[must_use]
    pub const fn rows(&self) -> usize {
        match self.columns * self.weight_type.bytes() {
            0 => 0,
            row => self.bytes.len() / row,
        }
    }

    /// Weights in a row.
    #[must_use]
    pub const fn columns(&self) -> usize {
        self.columns
    }

    /// All floats as they are stored, little-endian. They may start at any address.
    #[must_use]
    pub const fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// Reads a row into `out`, whose first [`Self::columns`] floats are written.
    ///
    /// # Panics
    /// If there is no such row.
    pub fn read_row(&self, row: usize, out: &mut [f32]) {
        let bytes = self.columns * self.weight_type.bytes();
        let bytes = &self.bytes[row * bytes..][..bytes];
        match self.weight_type {
            WeightType::F32 => convert(bytes, out, f32::from_le_bytes),
            WeightType::F16 => convert(bytes, out, |b| half::f16::from_le_bytes(b).to_f32()),
            WeightType::Bf16 => convert(bytes, out, |b| half::bf16::from_le_bytes(b).to_f32()),
        }
    }
}

fn convert<const N: usize>(bytes: &[u8], out: &mut [f32], from: impl Fn([u8; N]) -> f32) {
    let (elements, _) = bytes.as_chunks::<N>();
    for (x, element) in out.iter_mut().zip(elements) {
        *x = from(*element);
    }
}

/// One safetensors file.
#[derive(Debug)]
pub(super) struct Shard {
    path: PathBuf,
    file: MappedFile,
    header: Metadata,
    /// Where the tensors' bytes begin.
    data_start: usize,
}

impl Shard {
    /// Maps a file and checks its header against its length, all tensors at once.
    pub(super) fn open(path: PathBuf) -> Result<Self, CheckpointError> {
        let file = match MappedFile::open(&path) {
            Ok(file) => file,
            Err(error) => return Err(CheckpointError::Io { path, error }),
        };
        match parse(file.bytes()) {
            Ok((header, data_start)) => Ok(Self { path, file, header, data_start }),
            Err(problem) => Err(CheckpointError::Header { path, problem }),
        }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn names(&self) -> impl Iterator<Item = String> {
        self.header.offset_keys().into_iter()
    }

    /// Checks a tensor's type and shape.
    pub(super) fn check(&self, name: &str, shape: &[usize]) -> Result<(), CheckpointError> {
        self.tensor(name)?;
        let found = &self.info(name)?.shape;
        if found != shape {
            let (found, expected) = (found.clone(), shape.to_vec());
            let (path, tensor) = (self.path.clone(), name.to_owned());
            return Err(CheckpointError::Shape { path, tensor, found, expected });
        }
        Ok(())
    }

    pub(super) fn tensor(&self, name: &str) -> Result<Tensor<'_>, CheckpointError> {
        let info = self.info(name)?;
        let Some(weight_type) = WeightType::from_dtype(info.dtype) else {
            let (path, tensor) = (self.path.clone(), name.to_owned());
            let found = info.dtype.to_string();
            return Err(CheckpointError::ElementType { path, tensor, found });
        };
        let (start, end) = info.data_offsets;
        // `parse` has compared all offsets with the file's length.
        let bytes = &self.file.bytes()[self.data_start..][start..end];
        Ok(Tensor { weight_type, columns: info.shape.last().copied().unwrap_or(1), bytes })
    }

    fn info(&self, name: &str) -> Result<&TensorInfo, CheckpointError> {
        self.header.info(name).ok_or_else(|| CheckpointError::MissingTensor {
            path: self.path.clone(),
            tensor: name.to_owned(),
        })
    }
}

/// The header, and where the data begin. The library's own entry point adds the header's lengths
/// without a check, so the outer frame is read here; it checks that the tensors lie end to end
/// and have the lengths of their shapes.
fn parse(file: &[u8]) -> Result<(Metadata, usize), String> {
    let (length, rest) =
        file.split_first_chunk::<LENGTH_BYTES>().ok_or("too short for a safetensors file")?;
    let length = u64::from_le_bytes(*length);
    if length > HEADER_LIMIT {
        return Err(format!("its header claims {length} bytes, more than {HEADER_LIMIT}"));
    }
    let length = length as usize;
    let (header, data) = rest
        .split_at_checked(length)
        .ok_or_else(|| format!("truncated: its header claims {length} bytes"))?;
    let header: Metadata =
        serde_json::from_slice(header).map_err(|error| format!("malformed header: {error}"))?;
    if header.data_len() != data.len() {
        return Err(format!(
            "truncated or too long: its header describes {} bytes of tensors, {} follow it",
            header.data_len(),
            data.len()
        ));
    }
    Ok((header, LENGTH_BYTES + length))
}
