mod manifest;
mod rows;

pub use manifest::{GroupEntry, HostManifest};
pub use rows::GroupRows;

use super::checkpoint::{Checkpoint, CheckpointError, read_json};
use super::error::ConvertError;
use super::mapped::MappedFile;
use super::rows::{Pass, for_each_row};
use super::staging::{Access, FolderKind, Staged};
use kernel::bundle::ModelDigest;
use kernel::model::{GroupId, ModelConfig};
use kernel::quant::GroupBounds;
use manifest::Layout;
use sha2::{Digest, Sha256};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

const MANIFEST: &str = "manifest.json";
const ROWS: &str = "rows.bin";
const MANIFEST_LIMIT: u64 = 16 << 20;

const FOLDER: FolderKind = FolderKind {
    name: "host bundle",
    marker: MANIFEST,
    recognises: |path| {
        read_json(path, MANIFEST_LIMIT).is_ok_and(|json| json["format"] == manifest::FORMAT)
    },
    leftovers: &[ROWS],
};

/// Why a host bundle was refused. Messages begin with the file.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HostBundleError {
    /// The manifest cannot be read as JSON.
    #[error(transparent)]
    Read(#[from] CheckpointError),
    /// A file cannot be mapped.
    #[error("{}: {error}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        error: io::Error,
    },
    /// The manifest contradicts itself or this build.
    #[error("{}: {problem}", path.display())]
    Manifest {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        problem: String,
    },
    /// The rows are not those that the manifest describes.
    #[error("{}: {problem}", path.display())]
    Rows {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        problem: String,
    },
}

/// Converts a checkpoint into the host's bundle: `manifest.json` and `rows.bin` in `folder`.
///
/// `rows.bin` holds the int8 rows of all groups, row-major, each row padded with zeros to 64 bytes
/// and each group from a multiple of 4096 bytes on. The folder is created where there is none; a
/// bundle of an earlier conversion is replaced, once the new one is complete. `progress` hears of
/// rows done and rows in all.
///
/// # Errors
/// When the checkpoint is refused, when a matrix is too heavy for exact results, when the folder
/// holds anything other than a host bundle, or when writing fails.
pub fn convert_host(
    checkpoint: &Path,
    folder: &Path,
    progress: &mut dyn FnMut(usize, usize),
) -> Result<HostManifest, ConvertError> {
    let checkpoint = Checkpoint::open(checkpoint)?;
    let config = checkpoint.config().model;
    write_host(config, folder, &mut |visit| for_each_row(&checkpoint, visit, progress))
}

/// Writes a bundle, whose rows `pass` shows in one pass.
///
/// # Errors
/// As of [`convert_host`].
pub(super) fn write_host(
    config: ModelConfig,
    folder: &Path,
    pass: &mut Pass<'_>,
) -> Result<HostManifest, ConvertError> {
    FOLDER.prepare(folder)?;

    let layout = Layout::new(&config);
    let mut rows = Staged::new(folder, ROWS, Access::Public)?;
    let target = rows.target().to_owned();
    let mut out = BufWriter::with_capacity(1 << 20, rows.file());
    let mut written = 0_u64;
    let zeros = [0_u8; manifest::GROUP_ALIGNMENT as usize];
    let mut visit = |row: super::Row<'_>| {
        let place = layout.group(row.group);
        let gap = place.offset + row.index as u64 * place.stride as u64 - written;
        out.write_all(&zeros[..gap as usize])
            .and_then(|()| out.write_all(bytemuck::cast_slice(row.weights)))
            .map_err(ConvertError::io(&target))?;
        written += gap + row.weights.len() as u64;
        Ok(())
    };
    let summary = pass(&mut visit)?;
    let gap = (layout.bytes - written) as usize;
    out.write_all(&zeros[..gap]).and_then(|()| out.flush()).map_err(ConvertError::io(&target))?;
    drop(out);

    let manifest = HostManifest::new(config, &layout, &summary);
    let mut file = Staged::new(folder, MANIFEST, Access::Public)?;
    file.write_all(manifest.to_json().as_bytes())?;
    FOLDER.publish(folder, vec![rows], &[], file)?;
    Ok(manifest)
}

/// A host bundle on disk, its rows mapped.
///
/// The files must not be changed while it is open; see [`MappedFile`]. Converting anew into the
/// same folder is harmless: an open bundle keeps the rows that it had.
#[derive(Debug)]
pub struct HostBundle {
    manifest: HostManifest,
    layout: Layout,
    rows: Arc<MappedFile>,
    rows_path: PathBuf,
}

impl HostBundle {
    /// Opens the bundle in `folder`. The manifest is checked against its own model configuration
    /// and the length of the rows; whether they have the digest, [`Self::verify`] tells.
    ///
    /// # Errors
    /// [`HostBundleError`] names the file and what is wrong.
    pub fn open(folder: &Path) -> Result<Self, HostBundleError> {
        let path = folder.join(MANIFEST);
        let json = read_json(&path, MANIFEST_LIMIT)?;
        let (manifest, layout) = HostManifest::parse(json)
            .map_err(|problem| HostBundleError::Manifest { path, problem })?;
        let rows_path = folder.join(ROWS);
        let rows = match MappedFile::open(&rows_path) {
            Ok(rows) => Arc::new(rows),
            Err(error) => return Err(HostBundleError::Io { path: rows_path, error }),
        };
        if rows.bytes().len() as u64 != layout.bytes {
            let problem = format!("{} bytes long, not {}", rows.bytes().len(), layout.bytes);
            return Err(HostBundleError::Rows { path: rows_path, problem });
        }
        Ok(Self { manifest, layout, rows, rows_path })
    }

    /// All that the manifest says.
    #[must_use]
    pub const fn manifest(&self) -> &HostManifest {
        &self.manifest
    }

    /// The model's shape.
    #[must_use]
    pub const fn config(&self) -> &ModelConfig {
        &self.manifest.config
    }

    /// Digest of the rows, as the manifest has it.
    #[must_use]
    pub const fn digest(&self) -> ModelDigest {
        self.manifest.digest
    }

    /// The rows of a group, to be loaded into an accelerator; `None` beyond the last group.
    #[must_use]
    pub fn rows(&self, group: GroupId) -> Option<GroupRows> {
        self.config().shape(group)?;
        let place = self.layout.group(group);
        // `open` has compared the layout's length with the map's.
        Some(GroupRows::new(Arc::clone(&self.rows), place))
    }

    /// Reads all rows and checks their digest, their norms, and that the padding is zero.
    ///
    /// # Errors
    /// [`HostBundleError::Rows`] where they are not those that the manifest describes.
    pub fn verify(&self) -> Result<(), HostBundleError> {
        let wrong = |problem| HostBundleError::Rows { path: self.rows_path.clone(), problem };
        let bytes = self.rows.bytes();
        let mut hash = Sha256::new();
        let mut end = 0;
        for (group, entry) in self.config().groups().zip(&self.manifest.groups) {
            let place = self.layout.group(group);
            let mut bounds = GroupBounds::default();
            let start = place.offset as usize;
            let mut clean = bytes[end..start].iter().all(|&byte| byte == 0);
            end = start + place.bytes();
            for row in bytes[start..end].chunks_exact(place.stride) {
                let (weights, padding) = row.split_at(place.columns);
                hash.update(weights);
                bounds.include(bytemuck::cast_slice(weights));
                clean &= padding.iter().all(|&byte| byte == 0);
            }
            if !clean {
                return Err(wrong(format!("padding of {} is not zero", entry.name)));
            }
            if bounds != entry.bounds() {
                return Err(wrong(format!("norms of {} are not the manifest's", entry.name)));
            }
        }
        let digest = ModelDigest(hash.finalize().into());
        if digest != self.manifest.digest {
            return Err(wrong(format!("digest {digest} is not the manifest's")));
        }
        Ok(())
    }
}
