//! Files that others wrote: read only if they are files, and not larger than any real one.

use anyhow::{Context, Result, ensure};
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

/// Opens a regular file. Anything else is refused before it is opened: a pipe would wait for its
/// writer.
///
/// # Errors
/// As the system says, which tells a missing file from others by its kind.
pub(crate) fn open(path: &Path) -> io::Result<File> {
    if !path.metadata()?.is_file() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "not a regular file"));
    }
    File::open(path)
}

/// The contents of a file of at most `limit` bytes; `None` if there is none.
pub(crate) fn read(path: &Path, limit: u64) -> Result<Option<Vec<u8>>> {
    let file = match open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        file => file.with_context(|| format!("reading {}", path.display()))?,
    };
    let mut bytes = Vec::new();
    file.take(limit + 1)
        .read_to_end(&mut bytes)
        .with_context(|| format!("reading {}", path.display()))?;
    ensure!(
        bytes.len() as u64 <= limit,
        "{} is larger than {limit} bytes, which no real one is",
        path.display()
    );
    Ok(Some(bytes))
}
