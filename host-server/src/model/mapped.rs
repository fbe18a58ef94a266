use memmap2::Mmap;
use std::fs::File;
use std::io;
use std::path::Path;

/// A file in memory, read-only and page-aligned.
///
/// The file must not be truncated or written to while it is mapped: the bytes would change under
/// their reader, and a read beyond the new end would kill the process. Replacing it by a rename,
/// as the conversions of this crate do, is harmless: the map keeps the old file.
#[derive(Debug)]
pub struct MappedFile(Mmap);

impl MappedFile {
    /// Maps a regular file.
    ///
    /// # Errors
    /// When it cannot be opened or mapped, or is not a regular file.
    pub fn open(path: &Path) -> io::Result<Self> {
        // Before opening: opening a pipe would wait for its writer.
        if !path.metadata()?.is_file() {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "not a regular file"));
        }
        let file = File::open(path)?;
        // SAFETY: the map is sound while nobody changes the file, which the type's documentation
        // demands of its user and no program can enforce. Through this type it is read only, and
        // as plain bytes, for which every value is valid.
        let map = unsafe { Mmap::map(&file)? };
        Ok(Self(map))
    }

    /// The contents.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }
}
