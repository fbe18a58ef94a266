//! Files that appear whole or not at all.

use super::ConvertError;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use tempfile::{Builder, NamedTempFile};

/// Names of files in the making; what a killed conversion leaves behind.
const PREFIX: &str = ".subrosa-";

/// Who may read a file.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Access {
    /// Everybody whom the user's mask admits.
    Public,
    /// The owner alone.
    Private,
}

/// A file under a temporary name in its final folder; gone when dropped before it is published.
#[derive(Debug)]
pub(super) struct Staged {
    file: NamedTempFile,
    target: PathBuf,
}

impl Staged {
    pub(super) fn new(folder: &Path, name: &str, access: Access) -> Result<Self, ConvertError> {
        let target = folder.join(name);
        let mut builder = Builder::new();
        builder.prefix(PREFIX);
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let mode = if access == Access::Private { 0o600 } else { 0o666 };
            builder.permissions(fs::Permissions::from_mode(mode));
        }
        #[cfg(not(unix))]
        let _ = access;
        let file = builder.tempfile_in(folder).map_err(ConvertError::io(&target))?;
        Ok(Self { file, target })
    }

    /// Where the file is now.
    pub(super) fn path(&self) -> &Path {
        self.file.path()
    }

    /// Where the file will be.
    pub(super) fn target(&self) -> &Path {
        &self.target
    }

    pub(super) fn file(&mut self) -> &mut fs::File {
        self.file.as_file_mut()
    }

    pub(super) fn write_all(&mut self, bytes: &[u8]) -> Result<(), ConvertError> {
        let written = self.file.write_all(bytes);
        written.map_err(ConvertError::io(&self.target))
    }

    /// Waits until the contents are on the disk.
    pub(super) fn sync(&self) -> Result<(), ConvertError> {
        self.file.as_file().sync_all().map_err(ConvertError::io(&self.target))
    }

    fn publish(self) -> Result<(), ConvertError> {
        let Self { file, target } = self;
        file.persist(&target).map_err(|e| e.error).map_err(ConvertError::io(&target))?;
        Ok(())
    }
}

/// A kind of folder that a conversion writes.
#[derive(Clone, Copy, Debug)]
pub(super) struct FolderKind {
    /// What it is called in messages.
    pub(super) name: &'static str,
    /// The file that makes the folder what it is; published last.
    pub(super) marker: &'static str,
    /// Whether such a file is one of ours.
    pub(super) recognises: fn(&Path) -> bool,
    /// Other files that an interrupted conversion may have left without the marker.
    pub(super) leftovers: &'static [&'static str],
}

impl FolderKind {
    /// Makes sure that `folder` exists and holds nothing that is not ours to replace.
    pub(super) fn prepare(&self, folder: &Path) -> Result<(), ConvertError> {
        fs::create_dir_all(folder).map_err(ConvertError::io(folder))?;
        let marker = folder.join(self.marker);
        let occupied = |found: String| {
            Err(ConvertError::Occupied { path: folder.to_owned(), found, wanted: self.name })
        };
        if marker.symlink_metadata().is_ok() {
            return if (self.recognises)(&marker) { Ok(()) } else { occupied(self.marker.into()) };
        }
        for entry in fs::read_dir(folder).map_err(ConvertError::io(folder))? {
            let name = entry.map_err(ConvertError::io(folder))?.file_name();
            let name = name.to_string_lossy();
            if !name.starts_with(PREFIX) && !self.leftovers.contains(&&*name) {
                return occupied(name.into_owned());
            }
        }
        Ok(())
    }

    /// Puts the files in place, all synced before, the marker last: a folder with a marker is
    /// whole, whenever the power fails. An earlier marker is taken away first.
    pub(super) fn publish(
        &self,
        folder: &Path,
        files: Vec<Staged>,
        stale: &[&str],
        marker: Staged,
    ) -> Result<(), ConvertError> {
        for staged in files.iter().chain([&marker]) {
            staged.sync()?;
        }
        remove(&folder.join(self.marker))?;
        sync_folder(folder)?;
        for name in stale {
            remove(&folder.join(name))?;
        }
        for staged in files {
            staged.publish()?;
        }
        sync_folder(folder)?;
        marker.publish()?;
        sync_folder(folder)
    }
}

fn remove(path: &Path) -> Result<(), ConvertError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(ConvertError::io(path)(error)),
        _ => Ok(()),
    }
}

/// Makes renames durable, where the system can.
fn sync_folder(folder: &Path) -> Result<(), ConvertError> {
    if cfg!(unix) {
        let synced = fs::File::open(folder).and_then(|folder| folder.sync_all());
        synced.map_err(ConvertError::io(folder))?;
    }
    Ok(())
}
