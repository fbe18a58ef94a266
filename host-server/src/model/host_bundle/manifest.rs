use crate::model::rows::{RowsSummary, check_bounds, group_name};
use kernel::bundle::ModelDigest;
use kernel::model::{GroupId, ModelConfig};
use kernel::quant::GroupBounds;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;

pub(super) const FORMAT: &str = "subrosa-host-bundle";
pub(super) const GROUP_ALIGNMENT: u64 = 4096;
const VERSION: u32 = 1;
const ROW_ALIGNMENT: usize = 64;

/// The contents of a host bundle's `manifest.json`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HostManifest {
    /// Always `subrosa-host-bundle`.
    pub format: String,
    /// Version of the format: 1.
    pub version: u32,
    /// The model's shape.
    pub config: ModelConfig,
    /// Digest of the rows; 64 hexadecimal digits in the file.
    #[serde(serialize_with = "write_digest", deserialize_with = "read_digest")]
    pub digest: ModelDigest,
    /// Length of `rows.bin`.
    pub rows_bytes: u64,
    /// All groups, by number.
    pub groups: Vec<GroupEntry>,
}

/// What a manifest says about one group.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GroupEntry {
    /// Its name: `layers.0.attn_in`, ..., `lm_head`.
    pub name: String,
    /// Outputs, m.
    pub rows: u64,
    /// Inputs, n.
    pub columns: u64,
    /// Where its first row begins in `rows.bin`.
    pub offset: u64,
    /// Largest sum of absolute weights of a row.
    pub norm1: u64,
    /// Largest squared Euclidean norm of a row.
    pub norm2_squared: u64,
}

impl GroupEntry {
    /// The norms of the group's rows.
    #[must_use]
    pub const fn bounds(&self) -> GroupBounds {
        GroupBounds { norm2_squared: self.norm2_squared, norm1: self.norm1 }
    }
}

impl HostManifest {
    pub(super) fn new(config: ModelConfig, layout: &Layout, summary: &RowsSummary) -> Self {
        let groups = config.groups().zip(&summary.bounds).map(|(group, bounds)| {
            let place = layout.group(group);
            GroupEntry {
                name: group_name(&config, group),
                rows: place.rows as u64,
                columns: place.columns as u64,
                offset: place.offset,
                norm1: bounds.norm1,
                norm2_squared: bounds.norm2_squared,
            }
        });
        Self {
            format: FORMAT.into(),
            version: VERSION,
            config,
            digest: summary.digest,
            rows_bytes: layout.bytes,
            groups: groups.collect(),
        }
    }

    pub(super) fn to_json(&self) -> String {
        format!("{:#}\n", serde_json::json!(self))
    }

    /// Reads a manifest and checks that all it says follows from its model configuration.
    pub(super) fn parse(json: Value) -> Result<(Self, Layout), String> {
        if json["format"] != FORMAT {
            return Err("not a host bundle's manifest".into());
        }
        if json["version"] != VERSION {
            let version = &json["version"];
            return Err(format!(
                "version {version} is not supported (this build reads version {VERSION})"
            ));
        }
        let manifest: Self = serde_json::from_value(json).map_err(|error| error.to_string())?;
        manifest.config.check().map_err(|error| error.to_string())?;
        let layout = Layout::new(&manifest.config);
        if manifest.rows_bytes != layout.bytes || usize::try_from(layout.bytes).is_err() {
            return Err(format!("`rows_bytes` is {}, not {}", manifest.rows_bytes, layout.bytes));
        }
        let count = manifest.config.group_count();
        if manifest.groups.len() as u64 != u64::from(count) {
            return Err(format!("{} groups, not {count}", manifest.groups.len()));
        }
        for (group, entry) in manifest.config.groups().zip(&manifest.groups) {
            let place = layout.group(group);
            let expected = GroupEntry {
                name: group_name(&manifest.config, group),
                rows: place.rows as u64,
                columns: place.columns as u64,
                offset: place.offset,
                ..entry.clone()
            };
            if *entry != expected {
                return Err(format!("group {} is not laid out as it must be", expected.name));
            }
            check_bounds(&manifest.config, group, &entry.bounds())
                .map_err(|error| format!("group {}: {error}", expected.name))?;
        }
        Ok((manifest, layout))
    }
}

/// Where a group's rows lie in `rows.bin`.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Place {
    pub(super) rows: usize,
    pub(super) columns: usize,
    pub(super) stride: usize,
    pub(super) offset: u64,
}

impl Place {
    /// Length of the group's rows, the padding included.
    pub(super) const fn bytes(&self) -> usize {
        self.rows * self.stride
    }
}

/// Where all groups lie; it follows from the model's shape.
#[derive(Debug)]
pub(super) struct Layout {
    groups: Vec<Place>,
    /// Length of the file.
    pub(super) bytes: u64,
}

impl Layout {
    /// The layout of a model that has passed [`ModelConfig::check`], which keeps it below 2^50
    /// bytes.
    pub(super) fn new(config: &ModelConfig) -> Self {
        let (mut groups, mut bytes) = (Vec::new(), 0_u64);
        for shape in config.groups().filter_map(|group| config.shape(group)) {
            let stride = shape.columns.next_multiple_of(ROW_ALIGNMENT);
            let offset = bytes.next_multiple_of(GROUP_ALIGNMENT);
            groups.push(Place { rows: shape.rows, columns: shape.columns, stride, offset });
            bytes = offset + shape.rows as u64 * stride as u64;
        }
        Self { groups, bytes }
    }

    /// The place of a group of the model; an empty one beyond the last.
    pub(super) fn group(&self, group: GroupId) -> Place {
        self.groups.get(group.0 as usize).copied().unwrap_or_default()
    }
}

fn write_digest<S: Serializer>(digest: &ModelDigest, out: S) -> Result<S::Ok, S::Error> {
    out.collect_str(digest)
}

fn read_digest<'de, D: Deserializer<'de>>(from: D) -> Result<ModelDigest, D::Error> {
    let text = String::deserialize(from)?;
    parse_digest(&text)
        .ok_or_else(|| serde::de::Error::custom("`digest` is not 64 lower-case hexadecimal digits"))
}

fn parse_digest(text: &str) -> Option<ModelDigest> {
    let nibble = |digit: u8| match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        _ => None,
    };
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    let mut digest = [0; 32];
    if pairs.len() != digest.len() || !rest.is_empty() {
        return None;
    }
    for (byte, [high, low]) in digest.iter_mut().zip(pairs) {
        *byte = (nibble(*high)? << 4) | nibble(*low)?;
    }
    Some(ModelDigest(digest))
}
