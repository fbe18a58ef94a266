use kernel::stream::Entropy;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

pub(crate) const TIED_F32: &str = "tiny-tied-f32";
pub(crate) const UNTIED_BF16: &str = "tiny-untied-bf16";
pub(crate) const SHARDED_F16: &str = "tiny-gqa-f16-sharded";
pub(crate) const BIASES: &str = "tiny-biases";
pub(crate) const NEW_CONFIG: &str = "tiny-new-config";
pub(crate) const ALL: [&str; 3] = [TIED_F32, UNTIED_BF16, SHARDED_F16];
/// Those whose references hold rotary frequencies too.
pub(crate) const VARIANTS: [&str; 6] = [
    "tiny-rope-linear",
    "tiny-rope-dynamic",
    "tiny-rope-llama3",
    "tiny-rope-yarn",
    BIASES,
    NEW_CONFIG,
];

pub(crate) fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/fixtures").join(name)
}

/// Entropy that anybody can predict.
#[derive(Debug)]
pub(crate) struct Counting(pub(crate) u8);

impl Entropy for Counting {
    type Error = core::convert::Infallible;

    fn fill(&mut self, out: &mut [u8]) -> Result<(), Self::Error> {
        for byte in out {
            *byte = self.0;
            self.0 = self.0.wrapping_mul(5).wrapping_add(1);
        }
        Ok(())
    }
}

pub(crate) fn ignore(_: usize, _: usize) {}

/// A checkpoint that a test may spoil.
#[derive(Debug)]
pub(crate) struct Copy(TempDir);

/// A tensor as a safetensors header describes it, and its bytes.
#[derive(Clone, Debug)]
pub(crate) struct RawTensor {
    pub(crate) dtype: String,
    pub(crate) shape: Vec<usize>,
    pub(crate) bytes: Vec<u8>,
}

impl Copy {
    pub(crate) fn of(name: &str) -> Self {
        let copy = Self(TempDir::new().unwrap());
        for entry in fs::read_dir(fixture(name)).unwrap() {
            let entry = entry.unwrap();
            fs::copy(entry.path(), copy.path().join(entry.file_name())).unwrap();
        }
        copy
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }

    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.path().join(name)
    }

    pub(crate) fn edit_json(&self, name: &str, edit: impl FnOnce(&mut Map<String, Value>)) {
        let mut json: Value = serde_json::from_slice(&fs::read(self.file(name)).unwrap()).unwrap();
        edit(json.as_object_mut().unwrap());
        fs::write(self.file(name), json.to_string()).unwrap();
    }

    pub(crate) fn set(&self, field: &str, value: Value) {
        self.edit_json("config.json", |config| {
            config.insert(field.into(), value);
        });
    }

    pub(crate) fn remove(&self, field: &str) {
        self.edit_json("config.json", |config| {
            config.remove(field).unwrap();
        });
    }

    /// Rewrites a safetensors file; `padding` spaces in the header shift its data.
    pub(crate) fn edit_tensors(
        &self,
        file: &str,
        padding: usize,
        edit: impl FnOnce(&mut BTreeMap<String, RawTensor>),
    ) {
        let mut tensors = read_tensors(&self.file(file));
        edit(&mut tensors);
        fs::write(self.file(file), safetensors(&tensors, padding)).unwrap();
    }
}

pub(crate) fn read_tensors(path: &Path) -> BTreeMap<String, RawTensor> {
    let bytes = fs::read(path).unwrap();
    let (length, rest) = bytes.split_first_chunk().unwrap();
    let (header, data) = rest.split_at(u64::from_le_bytes(*length) as usize);
    let header: Map<String, Value> = serde_json::from_slice(header).unwrap();
    let number = |value: &Value| value.as_u64().unwrap() as usize;
    let tensors = header.into_iter().filter(|(name, _)| name != "__metadata__");
    tensors
        .map(|(name, info)| {
            let at = &info["data_offsets"];
            let tensor = RawTensor {
                dtype: info["dtype"].as_str().unwrap().into(),
                shape: info["shape"].as_array().unwrap().iter().map(number).collect(),
                bytes: data[number(&at[0])..number(&at[1])].to_vec(),
            };
            (name, tensor)
        })
        .collect()
}

pub(crate) fn safetensors(tensors: &BTreeMap<String, RawTensor>, padding: usize) -> Vec<u8> {
    let (mut header, mut data) = (Map::new(), Vec::new());
    for (name, tensor) in tensors {
        let start = data.len();
        data.extend(&tensor.bytes);
        header.insert(
            name.clone(),
            json!({
                "dtype": tensor.dtype,
                "shape": tensor.shape,
                "data_offsets": [start, data.len()],
            }),
        );
    }
    let header = format!("{}{:padding$}", Value::Object(header), "");
    [&(header.len() as u64).to_le_bytes(), header.as_bytes(), &data].concat()
}

/// The floats of a tensor, by an independent path.
pub(crate) fn floats(tensor: &RawTensor) -> Vec<f32> {
    let half = |b: &[u8]| u16::from_le_bytes(b.try_into().unwrap());
    match tensor.dtype.as_str() {
        "F32" => {
            let (chunks, _) = tensor.bytes.as_chunks();
            chunks.iter().map(|b| f32::from_le_bytes(*b)).collect()
        }
        "BF16" => {
            tensor.bytes.chunks(2).map(|b| f32::from_bits(u32::from(half(b)) << 16)).collect()
        }
        "F16" => tensor.bytes.chunks(2).map(|b| half_to_f32(half(b))).collect(),
        other => panic!("{other}"),
    }
}

fn half_to_f32(bits: u16) -> f32 {
    let sign = if bits >> 15 == 1 { -1.0 } else { 1.0 };
    let (exponent, fraction) = (i32::from(bits >> 10 & 31), f32::from(bits & 1023));
    match exponent {
        0 => sign * fraction * 2_f32.powi(-24),
        31 => panic!("not finite"),
        _ => sign * (1.0 + fraction / 1024.0) * 2_f32.powi(exponent - 15),
    }
}
