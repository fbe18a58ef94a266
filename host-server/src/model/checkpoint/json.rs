use super::CheckpointError;
use serde_json::{Map, Value};
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

/// The contents of a JSON file of at most `limit` bytes.
pub(in super::super) fn read_json(path: &Path, limit: u64) -> Result<Value, CheckpointError> {
    let bytes = read_capped(path, limit)?;
    serde_json::from_slice(&bytes)
        .map_err(|error| CheckpointError::Json { path: path.to_owned(), error })
}

/// The contents of a file of at most `limit` bytes.
pub(in super::super) fn read_capped(path: &Path, limit: u64) -> Result<Vec<u8>, CheckpointError> {
    let failed = |error| CheckpointError::Io { path: path.to_owned(), error };
    if !path.metadata().map_err(failed)?.is_file() {
        return Err(failed(io::Error::new(io::ErrorKind::InvalidInput, "not a regular file")));
    }
    let mut bytes = Vec::new();
    File::open(path).and_then(|f| f.take(limit + 1).read_to_end(&mut bytes)).map_err(failed)?;
    if bytes.len() as u64 > limit {
        return Err(CheckpointError::TooLarge { path: path.to_owned(), limit });
    }
    Ok(bytes)
}

/// A JSON object from a file, whose fields are asked for by name. Null counts as absent.
#[derive(Debug)]
pub(super) struct Object {
    path: PathBuf,
    /// What comes before the names of fields, for objects within objects: `rope_parameters.`.
    prefix: String,
    fields: Map<String, Value>,
}

impl Object {
    pub(super) fn read(path: PathBuf, limit: u64) -> Result<Self, CheckpointError> {
        match read_json(&path, limit)? {
            Value::Object(fields) => Ok(Self { path, prefix: String::new(), fields }),
            _ => Err(CheckpointError::Header { path, problem: "not a JSON object".into() }),
        }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.fields.keys().map(String::as_str)
    }

    /// Whether another object has the same fields with the same values.
    pub(super) fn same_fields(&self, other: &Self) -> bool {
        self.fields == other.fields
    }

    pub(super) fn get(&self, field: &str) -> Option<&Value> {
        self.fields.get(field).filter(|value| !value.is_null())
    }

    /// The object in `field`, if there is one.
    pub(super) fn inner(&self, field: &str) -> Result<Option<Self>, CheckpointError> {
        match self.get(field) {
            None => Ok(None),
            Some(Value::Object(fields)) => Ok(Some(Self {
                path: self.path.clone(),
                prefix: format!("{}{field}.", self.prefix),
                fields: fields.clone(),
            })),
            Some(other) => Err(self.wrong(field, other, "an object")),
        }
    }

    pub(super) fn object(&self, field: &str) -> Result<&Map<String, Value>, CheckpointError> {
        match self.get(field) {
            Some(Value::Object(fields)) => Ok(fields),
            Some(other) => Err(self.wrong(field, other, "an object")),
            None => Err(self.bad(field, "is missing")),
        }
    }

    pub(super) fn integer(&self, field: &str) -> Result<Option<u32>, CheckpointError> {
        self.typed(field, "an integer below 2^32", as_u32)
    }

    pub(super) fn number(&self, field: &str) -> Result<Option<f64>, CheckpointError> {
        self.typed(field, "a number", Value::as_f64)
    }

    pub(super) fn flag(&self, field: &str) -> Result<Option<bool>, CheckpointError> {
        self.typed(field, "true or false", Value::as_bool)
    }

    /// An integer, or a list of integers.
    pub(super) fn integers(&self, field: &str) -> Result<Vec<u32>, CheckpointError> {
        let list = self.typed(field, "a token or a list of tokens", |value| match value {
            Value::Array(values) => values.iter().map(as_u32).collect(),
            single => Some(vec![as_u32(single)?]),
        })?;
        Ok(list.unwrap_or_default())
    }

    pub(super) fn required<T>(&self, field: &str, value: Option<T>) -> Result<T, CheckpointError> {
        value.ok_or_else(|| self.bad(field, "is missing"))
    }

    /// Refuses a field whose value `accept` does not accept; an absent one passes.
    pub(super) fn only(
        &self,
        field: &str,
        supported: &'static str,
        accept: impl FnOnce(&Value) -> bool,
    ) -> Result<(), CheckpointError> {
        match self.get(field) {
            Some(value) if !accept(value) => Err(CheckpointError::Unsupported {
                path: self.path.clone(),
                field: format!("{}{field}", self.prefix),
                found: brief(value),
                supported,
            }),
            _ => Ok(()),
        }
    }

    pub(super) fn bad(&self, field: &str, problem: impl Into<String>) -> CheckpointError {
        CheckpointError::Field {
            path: self.path.clone(),
            field: format!("{}{field}", self.prefix),
            problem: problem.into(),
        }
    }

    fn typed<T>(
        &self,
        field: &str,
        wanted: &str,
        convert: impl FnOnce(&Value) -> Option<T>,
    ) -> Result<Option<T>, CheckpointError> {
        self.get(field)
            .map(|value| convert(value).ok_or_else(|| self.wrong(field, value, wanted)))
            .transpose()
    }

    fn wrong(&self, field: &str, value: &Value, wanted: &str) -> CheckpointError {
        self.bad(field, format!("is {}, not {wanted}", brief(value)))
    }
}

fn as_u32(value: &Value) -> Option<u32> {
    u32::try_from(value.as_u64()?).ok()
}

/// A value as JSON, cut where it is long.
fn brief(value: &Value) -> String {
    const LONGEST: usize = 120;
    let text = value.to_string();
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}...", &text[..end]),
        None => text,
    }
}
