//! The device's store of correlations as a file: locked, readable by its owner alone, and watched
//! for copies that are put back.

use crate::entropy::SystemEntropy;
use anyhow::{Context, Result, bail};
use device_client::store::sealed::{Medium, MediumError, SealedStore, Witness};
use kernel::bundle::DeviceBundle;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, ErrorKind, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

/// Name of the store in a device's folder.
const STORE: &str = "correlations";

/// Units that a new store has room for, for each group.
const UNITS_PER_GROUP: usize = 16;

/// A store in a file.
pub(crate) type FileStore = SealedStore<FileMedium, FileWitness, SystemEntropy>;

/// Where the store is: where the user says, or in the device's folder.
pub(crate) fn path(said: Option<&Path>, device: &Path) -> PathBuf {
    said.map_or_else(|| device.join(STORE), Path::to_owned)
}

/// Opens the store at `path`, or makes an empty one with room for `units` units of each group.
///
/// The file is locked until the store is dropped.
pub(crate) fn open_or_create(
    path: &Path,
    bundle: &DeviceBundle<'_>,
    units: usize,
) -> Result<FileStore> {
    if !path.exists() {
        let groups = bundle.config().group_count() as usize;
        create(path, bundle, groups * units.max(UNITS_PER_GROUP))?;
    }
    open(path, bundle)
}

/// Opens the store at `path`.
pub(crate) fn open(path: &Path, bundle: &DeviceBundle<'_>) -> Result<FileStore> {
    let file = OpenOptions::new()
        .read(true)
        .write(true)
        .open(path)
        .with_context(|| format!("opening {}", path.display()))?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            bail!("{} is in use by another process", path.display());
        }
        Err(TryLockError::Error(error)) => {
            return Err(error).with_context(|| format!("locking {}", path.display()));
        }
    }
    SealedStore::open(FileMedium(file), FileWitness::new(), SystemEntropy, bundle)
        .with_context(|| format!("{} is refused", path.display()))
}

/// Makes an empty store: complete under another name first, so that a crash leaves none or all.
fn create(path: &Path, bundle: &DeviceBundle<'_>, units: usize) -> Result<()> {
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    // A temporary file is readable by its owner alone.
    let file = tempfile::NamedTempFile::new_in(folder)
        .with_context(|| format!("creating {}", path.display()))?;
    let medium = FileMedium(file.as_file().try_clone()?);
    SealedStore::create(medium, FileWitness::new(), SystemEntropy, bundle, units)
        .with_context(|| format!("creating {}", path.display()))?;
    match file.persist_noclobber(path) {
        Ok(_) => sync_folder(folder),
        // Another process was faster: its store is as good.
        Err(error) if error.error.kind() == ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(error.error).with_context(|| format!("creating {}", path.display())),
    }
}

/// Makes a new name in a folder durable.
fn sync_folder(folder: &Path) -> Result<()> {
    if cfg!(unix) {
        File::open(folder).and_then(|folder| folder.sync_all()).context("syncing the folder")?;
    }
    Ok(())
}

/// An open file as storage.
pub(crate) struct FileMedium(File);

fn medium_error(error: &io::Error) -> MediumError {
    match error.kind() {
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded | ErrorKind::FileTooLarge => {
            MediumError::Full
        }
        ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => MediumError::Denied,
        _ => MediumError::Failed,
    }
}

impl Medium for FileMedium {
    fn read(&mut self, at: u64, out: &mut [u8]) -> Result<(), MediumError> {
        let mut read = || -> io::Result<()> {
            self.0.seek(SeekFrom::Start(at))?;
            self.0.read_exact(out)
        };
        read().map_err(|error| medium_error(&error))
    }

    fn write(&mut self, at: u64, bytes: &[u8]) -> Result<(), MediumError> {
        let mut write = || -> io::Result<()> {
            self.0.seek(SeekFrom::Start(at))?;
            self.0.write_all(bytes)
        };
        write().map_err(|error| medium_error(&error))
    }

    fn sync(&mut self) -> Result<(), MediumError> {
        self.0.sync_data().map_err(|error| medium_error(&error))
    }
}

/// The newest sequence numbers of all stores, in the user's state folder, away from the stores.
///
/// Where there is no such folder nothing is remembered, and a copy that is put back goes unseen.
#[derive(Debug)]
pub(crate) struct FileWitness {
    folder: Option<PathBuf>,
}

impl FileWitness {
    /// The witness in `XDG_STATE_HOME`, or `~/.local/state`.
    pub(crate) fn new() -> Self {
        let absolute = |name: &str| {
            std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute())
        };
        let state = absolute("XDG_STATE_HOME")
            .or_else(|| absolute("HOME").map(|home| home.join(".local/state")));
        if state.is_none() {
            tracing::warn!("no home folder: a store that is put back from a copy goes unseen");
        }
        Self { folder: state.map(|state| state.join("subrosa")) }
    }

    fn path(&self, id: [u8; 16]) -> Option<PathBuf> {
        let name: String = id.iter().map(|byte| format!("{byte:02x}")).collect();
        self.folder.as_ref().map(|folder| folder.join(name))
    }
}

impl Witness for FileWitness {
    fn newest(&mut self, id: &[u8; 16]) -> Result<Option<u64>, MediumError> {
        let Some(path) = self.path(*id) else { return Ok(None) };
        match fs::read(path) {
            Ok(bytes) => {
                let bytes = bytes.try_into().map_err(|_| MediumError::Failed)?;
                Ok(Some(u64::from_le_bytes(bytes)))
            }
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(medium_error(&error)),
        }
    }

    fn remember(&mut self, id: &[u8; 16], sequence: u64) -> Result<(), MediumError> {
        let (Some(path), Some(folder)) = (self.path(*id), &self.folder) else { return Ok(()) };
        let write = || -> io::Result<()> {
            fs::create_dir_all(folder)?;
            let mut file = tempfile::NamedTempFile::new_in(folder)?;
            file.write_all(&sequence.to_le_bytes())?;
            file.as_file().sync_data()?;
            file.persist(path).map_err(|error| error.error)?;
            File::open(folder)?.sync_all()
        };
        write().map_err(|error| medium_error(&error))
    }
}
