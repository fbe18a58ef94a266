//! Hosts whose answers have failed a check: direct and mixed mode are refused with them.
//!
//! In direct mode a caught cheat may have learned one bit about the prompt, so it gets no second
//! occasion. Hosts are remembered by the address that they were reached by; a host that changes its
//! address is a new one.

use crate::store_file::state_folder;
use anyhow::{Context, Result, ensure};
use std::fs::{self, OpenOptions};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

fn list() -> Option<PathBuf> {
    state_folder().map(|folder| folder.join("distrusted-hosts"))
}

/// Whether a host is on the list at `path`.
fn is_listed(path: &Path, host: &str) -> Result<bool> {
    let hosts = match fs::read_to_string(path) {
        Ok(hosts) => hosts,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(false),
        Err(error) => return Err(error).with_context(|| format!("reading {}", path.display())),
    };
    // A power cut may leave zeros in place of a line.
    let damaged = hosts.chars().any(|c| c.is_control() && !c.is_whitespace());
    ensure!(!damaged, "{} is damaged", path.display());
    Ok(hosts.lines().any(|line| line.trim().eq_ignore_ascii_case(host)))
}

/// Refuses a host that is on the list, and any host while the list cannot be read.
pub(crate) fn check(host: &str) -> Result<()> {
    let Some(path) = list() else { return Ok(()) };
    let listed = is_listed(&path, host).context(
        "the list of hosts whose answers have failed a check is needed for direct and mixed mode; \
         mend it, or use masked mode",
    )?;
    ensure!(
        !listed,
        "answers of {host} have failed a check before: only masked mode may be used with it. If you \
         know why and trust it, take its line out of {}",
        path.display()
    );
    Ok(())
}

/// Puts a host on the list.
pub(crate) fn remember(host: &str) -> Result<()> {
    let Some(path) = list() else {
        tracing::warn!("no home folder: that {host} failed a check is not remembered");
        return Ok(());
    };
    // A list that cannot be read is added to all the same.
    if is_listed(&path, host).unwrap_or(false) {
        return Ok(());
    }
    let write = || -> std::io::Result<()> {
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)?;
        }
        let before = fs::read(&path).unwrap_or_default();
        let ended = before.last().is_none_or(|&last| last == b'\n');
        let line = format!("{}{host}\n", if ended { "" } else { "\n" });
        let mut file = OpenOptions::new().append(true).create(true).open(&path)?;
        file.write_all(line.as_bytes())?;
        file.sync_all()
    };
    write().with_context(|| format!("remembering in {} that {host} failed a check", path.display()))
}
