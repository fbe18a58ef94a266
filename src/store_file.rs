//! The device's store of correlations as a file: locked, readable by its owner alone, and watched
//! for copies that are put back.

use crate::entropy::SystemEntropy;
use anyhow::{Context, Result, anyhow, bail, ensure};
use device_client::store::sealed::{Medium, MediumError, SealedError, SealedStore, Witness};
use kernel::bundle::DeviceBundle;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, ErrorKind, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

/// Name of the store in a device's folder.
const STORE: &str = "correlations";

/// Units that a new store has room for, for each group, beyond twice what it is made for.
const SPARE_UNITS: usize = 64;

/// Units that a store has room for at most: every change of it writes 56 bytes for each.
const MOST_UNITS: usize = 1 << 19;

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
        // Twice: what is left of older units stays beside the new ones.
        let units = units.saturating_mul(2).saturating_add(SPARE_UNITS).saturating_mul(groups);
        create(path, bundle, units.min(MOST_UNITS))?;
    }
    open(path, bundle)
}

/// Opens the store at `path`.
fn open(path: &Path, bundle: &DeviceBundle<'_>) -> Result<FileStore> {
    let witness = FileWitness::new()?;
    let file = OpenOptions::new()
        .read(true)
        .write(true)
        .open(path)
        .with_context(|| format!("opening {}", path.display()))?;
    ensure!(file.metadata()?.is_file(), "{} is not a file", path.display());
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            bail!("{} is in use by another process", path.display());
        }
        Err(TryLockError::Error(error)) => {
            return Err(error).with_context(|| format!("locking {}", path.display()));
        }
    }
    let length = file.metadata()?.len();
    let store = SealedStore::open(FileMedium(file), witness, SystemEntropy, bundle)
        .map_err(|error| anyhow!("{} is refused: {error}{}", path.display(), remedy(error)))?;
    let expected = store.end();
    ensure!(
        length >= expected,
        "{} is damaged: it has {length} bytes of {expected}",
        path.display()
    );
    Ok(store)
}

/// What may have happened to a store that is refused, and what to do.
const fn remedy(error: SealedError) -> &'static str {
    match error {
        SealedError::Sealed => {
            ". Every `subrosa convert device` makes a new key, which opens no older store: use the \
             bundle that it was made with, or another file (--correlations)"
        }
        SealedError::OtherModel | SealedError::RolledBack => {
            "; use another file (--correlations), or remove this one and prepare anew"
        }
        _ => "",
    }
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
    SealedStore::create(medium, FileWitness::new()?, SystemEntropy, bundle, units)
        .with_context(|| format!("creating {}", path.display()))?;
    match file.persist_noclobber(path) {
        Ok(_) => sync_folder(folder),
        // Another process was faster: its store is as good.
        Err(error) if error.error.kind() == ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(error.error).with_context(|| format!("creating {}", path.display())),
    }
}

/// Makes a new name in a folder durable.
pub(crate) fn sync_folder(folder: &Path) -> Result<()> {
    if cfg!(unix) {
        File::open(folder).and_then(|folder| folder.sync_all()).context("syncing the folder")?;
    }
    Ok(())
}

/// Checks that a store with room for `room` more units has room for as many.
pub(crate) fn check_room(room: u64, units: u64) -> Result<()> {
    ensure!(
        units <= room,
        "this takes {units} units, and the store has room for {room} more, which is fixed when it is \
         made: use larger batches, or another file (--correlations), which is made with room enough"
    );
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
        write().map_err(|error| {
            tracing::error!("writing the store: {error}");
            medium_error(&error)
        })
    }

    fn sync(&mut self) -> Result<(), MediumError> {
        self.0.sync_data().map_err(|error| {
            tracing::error!("syncing the store: {error}");
            medium_error(&error)
        })
    }
}

/// The newest sequence numbers of all stores, in the user's state folder, away from the stores.
///
/// Where there is no such folder nothing is remembered, and a copy that is put back goes unseen.
#[derive(Debug)]
pub(crate) struct FileWitness {
    folder: Option<PathBuf>,
}

/// The folder of what this user's devices remember, if there is a home: in `XDG_STATE_HOME`, or
/// `~/.local/state`.
pub(crate) fn state_folder() -> Option<PathBuf> {
    let absolute =
        |name: &str| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let state = absolute("XDG_STATE_HOME")
        .or_else(|| absolute("HOME").map(|home| home.join(".local/state")));
    state.map(|state| state.join("subrosa"))
}

impl FileWitness {
    /// The witness in the [state folder](state_folder).
    pub(crate) fn new() -> Result<Self> {
        let folder = state_folder();
        if folder.is_none() {
            tracing::warn!("no home folder: a store that is put back from a copy goes unseen");
        }
        if let Some(folder) = &folder {
            fs::create_dir_all(folder).with_context(|| {
                format!("creating {}, for the newest states of stores", folder.display())
            })?;
        }
        Ok(Self { folder })
    }

    fn path(&self, id: [u8; 16]) -> Option<PathBuf> {
        let name: String = id.iter().map(|byte| format!("{byte:02x}")).collect();
        self.folder.as_ref().map(|folder| folder.join(name))
    }
}

impl Witness for FileWitness {
    fn newest(&mut self, id: &[u8; 16]) -> Result<Option<u64>, MediumError> {
        let Some(path) = self.path(*id) else { return Ok(None) };
        let read = || -> io::Result<u64> {
            let bytes = fs::read(&path)?;
            let bytes = bytes.try_into().map_err(|_| ErrorKind::InvalidData)?;
            Ok(u64::from_le_bytes(bytes))
        };
        match read() {
            Ok(sequence) => Ok(Some(sequence)),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => {
                tracing::error!("reading {}: {error}", path.display());
                Err(medium_error(&error))
            }
        }
    }

    fn remember(&mut self, id: &[u8; 16], sequence: u64) -> Result<(), MediumError> {
        let (Some(path), Some(folder)) = (self.path(*id), &self.folder) else { return Ok(()) };
        let write = || -> io::Result<()> {
            let mut file = tempfile::NamedTempFile::new_in(folder)?;
            file.write_all(&sequence.to_le_bytes())?;
            file.as_file().sync_data()?;
            file.persist(&path).map_err(|error| error.error)?;
            if cfg!(unix) { File::open(folder)?.sync_all() } else { Ok(()) }
        };
        write().map_err(|error| {
            tracing::error!("writing {}: {error}", path.display());
            medium_error(&error)
        })
    }
}
