//! Hosts whose answers have failed a check: direct and mixed mode are refused with them.
//!
//! In direct mode a caught cheat may have learned one bit about the prompt, so it gets no second
//! occasion. Hosts are remembered by the address that they were reached by; a host that changes its
//! address is a new one.

use crate::store_file::state_folder;
use anyhow::{Context, Result, ensure};
use std::fs::{self, OpenOptions};
use std::io::{ErrorKind, Write};
use std::path::PathBuf;

fn list() -> Option<PathBuf> {
    state_folder().map(|folder| folder.join("distrusted-hosts"))
}

/// Refuses a host that is on the list.
pub(crate) fn check(host: &str) -> Result<()> {
    let Some(path) = list() else { return Ok(()) };
    let hosts = match fs::read_to_string(&path) {
        Ok(hosts) => hosts,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error).with_context(|| format!("reading {}", path.display())),
    };
    ensure!(
        !hosts.lines().any(|line| line == host),
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
    if check(host).is_err() {
        return Ok(());
    }
    let write = || -> std::io::Result<()> {
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)?;
        }
        let mut file = OpenOptions::new().append(true).create(true).open(&path)?;
        file.write_all(format!("{host}\n").as_bytes())?;
        file.sync_all()
    };
    write().with_context(|| format!("remembering in {} that {host} failed a check", path.display()))
}
