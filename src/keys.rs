//! Keys of links as files: 64 hexadecimal digits and a line's end, readable by their owner alone.

use crate::entropy::SystemEntropy;
use crate::store_file::{state_folder, sync_folder};
use anyhow::{Context, Result, anyhow, ensure};
use link::SecretKey;
use std::fs::{self, File};
use std::io::{ErrorKind, Read, Write};
use std::path::Path;
use zeroize::Zeroizing;

/// The key in the file that the user names, or in the state folder by this name, where it is made if it
/// is not there.
pub(crate) fn read_or_make(said: Option<&Path>, name: &str) -> Result<SecretKey> {
    if let Some(path) = said {
        return read(path);
    }
    let Some(folder) = state_folder() else {
        tracing::warn!("no home folder: a new {name} is used, and kept nowhere");
        return fresh();
    };
    let path = folder.join(name);
    if !path.exists() {
        fs::create_dir_all(&folder).with_context(|| format!("creating {}", folder.display()))?;
        match create(&path) {
            // Another process was faster.
            Err(_) if path.exists() => {}
            made => return made,
        }
    }
    read(&path)
}

/// A fresh key.
pub(crate) fn fresh() -> Result<SecretKey> {
    SecretKey::random(&mut SystemEntropy).map_err(|error| anyhow!("no randomness: {error}"))
}

/// Reads a key.
pub(crate) fn read(path: &Path) -> Result<SecretKey> {
    // Room for more than a key has, so that a longer file is refused, and no copy is left behind.
    let mut text = Zeroizing::new(String::with_capacity(128));
    File::open(path)
        .and_then(|file| {
            warn_of_readers(&file, path);
            file.take(128).read_to_string(&mut text)
        })
        .with_context(|| format!("reading the key {}", path.display()))?;
    SecretKey::from_hex(text.trim_end())
        .with_context(|| format!("{} is no key of `subrosa keygen`", path.display()))
}

#[cfg(unix)]
fn warn_of_readers(file: &File, path: &Path) {
    use std::os::unix::fs::PermissionsExt;
    if file.metadata().is_ok_and(|data| data.permissions().mode() & 0o077 != 0) {
        tracing::warn!("{} can be read by others: chmod 600 it", path.display());
    }
}

#[cfg(not(unix))]
fn warn_of_readers(_: &File, _: &Path) {}

/// Makes a key, in a file that is not there yet: complete under another name first, so that a crash leaves
/// a whole key or none.
pub(crate) fn create(path: &Path) -> Result<SecretKey> {
    let key = fresh()?;
    let mut text = Zeroizing::new(String::with_capacity(2 * key.expose().len() + 1));
    for byte in key.expose() {
        let digit = |value: u8| char::from_digit(value.into(), 16).unwrap_or('0');
        text.push(digit(byte >> 4));
        text.push(digit(byte & 15));
    }
    text.push('\n');
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let creating = || format!("creating the key {}", path.display());
    // A temporary file is readable by its owner alone.
    let mut file = tempfile::NamedTempFile::new_in(folder).with_context(creating)?;
    file.write_all(text.as_bytes()).with_context(creating)?;
    file.as_file().sync_all().with_context(creating)?;
    match file.persist_noclobber(path) {
        Ok(_) => sync_folder(folder)?,
        Err(error) => {
            let there = error.error.kind() == ErrorKind::AlreadyExists;
            ensure!(!there, "{} is there already: keys are not written over", path.display());
            return Err(error.error).with_context(creating);
        }
    }
    Ok(key)
}
