//! Logits as a NumPy array file.

use anyhow::{Context, Result};
use std::fs::{File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

/// A file for logits, opened before the run whose logits it will hold.
///
/// What an existing file holds stays until then; a new one that is never written is removed.
#[derive(Debug)]
pub(crate) struct LogitsFile {
    path: PathBuf,
    file: File,
    unwritten: bool,
}

impl LogitsFile {
    /// Makes sure that the file can be written.
    pub(crate) fn open(path: &Path) -> Result<Self> {
        let mut options = OpenOptions::new();
        options.write(true);
        let (file, unwritten) = match options.clone().create_new(true).open(path) {
            Ok(file) => (file, true),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                let file = options.open(path);
                (file.with_context(|| format!("writing {}", path.display()))?, false)
            }
            Err(error) => return Err(error).with_context(|| format!("writing {}", path.display())),
        };
        Ok(Self { path: path.to_owned(), file, unwritten })
    }

    /// Writes `rows` of `columns` each.
    pub(crate) fn write(mut self, rows: &[Vec<f32>], columns: usize) -> Result<()> {
        self.unwritten = false;
        let write = || {
            if self.file.metadata()?.is_file() {
                self.file.set_len(0)?;
            }
            write_npy(&mut BufWriter::new(&self.file), rows, columns)
        };
        write().with_context(|| format!("writing {}", self.path.display()))
    }
}

impl Drop for LogitsFile {
    fn drop(&mut self) {
        if self.unwritten {
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

/// Writes `rows` of `columns` little-endian f32 each, in NumPy's format 1.0.
fn write_npy(out: &mut impl Write, rows: &[Vec<f32>], columns: usize) -> io::Result<()> {
    let mut header = format!(
        "{{'descr': '<f4', 'fortran_order': False, 'shape': ({}, {columns}), }}",
        rows.len()
    );
    // Magic, version and length take ten bytes; the data starts at a multiple of 64.
    let padding = (11 + header.len()).next_multiple_of(64) - (11 + header.len());
    header.extend(std::iter::repeat_n(' ', padding));
    header.push('\n');
    out.write_all(b"\x93NUMPY\x01\x00")?;
    out.write_all(&(header.len() as u16).to_le_bytes())?;
    out.write_all(header.as_bytes())?;
    for row in rows {
        for value in row {
            out.write_all(&value.to_le_bytes())?;
        }
    }
    out.flush()
}

#[cfg(test)]
mod tests {
    #[test]
    fn header_is_padded_and_data_follow() {
        let mut file = Vec::new();
        super::write_npy(&mut file, &[vec![1.5, -2.0], vec![0.0, 3.0]], 2).unwrap();
        let length = usize::from(u16::from_le_bytes([file[8], file[9]]));
        assert_eq!((10 + length) % 64, 0);
        assert!(file[..10 + length].ends_with(b"\n"));
        let text = core::str::from_utf8(&file[10..10 + length]).unwrap();
        assert!(text.contains("'shape': (2, 2), "), "{text}");
        assert_eq!(&file[10 + length..14 + length], &1.5_f32.to_le_bytes());
        assert_eq!(file.len(), 10 + length + 16);
    }
}
