//! Hosts whose answers have failed a check, in any phase and mode: from then on masked mode alone is
//! used with them, and correlations are not made through direct mode.
//!
//! In direct mode a caught cheat may have learned one bit about the prompt, so it gets no second
//! occasion; where a host is caught makes no difference to what it is. Hosts are remembered by the
//! address that they were reached by, which nothing else stands behind: a host that changes its address
//! is a new one, and so is each of its names.

use crate::cli;
use crate::link::Security;
use crate::store_file::{state_folder, sync_folder};
use anyhow::{Context, Result, ensure};
use std::fs::{self, OpenOptions};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// A host, and whether a check of its answers has failed while this program ran.
#[derive(Clone, Debug)]
pub(crate) struct Host(Arc<State>);

#[derive(Debug)]
struct State {
    address: String,
    security: Security,
    caught: AtomicBool,
}

impl Host {
    /// The host at an address that has been [read](cli::host).
    pub(crate) fn new(address: impl Into<String>, security: Security) -> Self {
        let (address, caught) = (address.into(), AtomicBool::new(false));
        Self(Arc::new(State { address, security, caught }))
    }

    pub(crate) fn address(&self) -> &str {
        &self.0.address
    }

    /// How it is spoken to.
    pub(crate) fn security(&self) -> &Security {
        &self.0.security
    }

    /// Takes in whether a check failed. Nothing is written, for that takes time which the host could
    /// see: the end of the session, or of the program, [remembers](Self::remember) it.
    pub(crate) fn note(&self, failed: bool) {
        self.0.caught.fetch_or(failed, Ordering::Relaxed);
    }

    /// Whether a check has failed since the program started.
    pub(crate) fn is_caught(&self) -> bool {
        self.0.caught.load(Ordering::Relaxed)
    }

    /// Waits for what is done in a session with the host, and remembers it then if a check failed,
    /// however the session ended.
    pub(crate) async fn session<T>(&self, work: impl Future<Output = T>) -> T {
        let end = work.await;
        self.remember();
        end
    }

    /// Puts the host on the list if it has been caught.
    pub(crate) fn remember(&self) {
        if !self.is_caught() {
            return;
        }
        // What the user is told first is that the host lies.
        if let Err(error) = remember(self.address()) {
            tracing::warn!("{error:#}: use neither direct nor mixed mode with it");
        }
    }

    /// Refuses a host that has been caught, now or before, and any host while the list cannot be read.
    pub(crate) fn check(&self) -> Result<()> {
        let Some(path) = list() else {
            ensure!(!self.is_caught(), "{}", refusal(self.address()));
            return Ok(());
        };
        let listed = is_listed(&path, self.address()).context(
            "the list of hosts whose answers have failed a check is needed for direct and mixed mode; \
             mend it, or use masked mode",
        )?;
        ensure!(
            !(listed || self.is_caught()),
            "{}. If you know why and trust it, take its line out of {}",
            refusal(self.address()),
            path.display()
        );
        Ok(())
    }
}

fn refusal(address: &str) -> String {
    format!("answers of {address} have failed a check before: only masked mode may be used with it")
}

fn list() -> Option<PathBuf> {
    state_folder().map(|folder| folder.join("distrusted-hosts"))
}

/// An address as it is compared: a person may have written the list's. Nothing is resolved.
fn canonical(address: &str) -> String {
    let address = address.trim();
    let read = cli::host(address).unwrap_or_else(|_| address.to_ascii_lowercase());
    match read.rsplit_once(':') {
        Some((name, port)) => format!("{}:{port}", name.trim_end_matches('.')),
        None => read,
    }
}

/// Whether a host is on the list at `path`.
fn is_listed(path: &Path, address: &str) -> Result<bool> {
    let hosts = match fs::read_to_string(path) {
        Ok(hosts) => hosts,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(false),
        Err(error) => return Err(error).with_context(|| format!("reading {}", path.display())),
    };
    // A power cut may leave zeros in place of a line.
    let damaged = hosts.chars().any(|c| c.is_control() && !c.is_whitespace());
    ensure!(!damaged, "{} is damaged", path.display());
    let address = canonical(address);
    Ok(hosts.lines().any(|line| canonical(line) == address))
}

fn remember(address: &str) -> Result<()> {
    let Some(path) = list() else {
        tracing::warn!("no home folder: that {address} failed a check is not remembered");
        return Ok(());
    };
    // A list that cannot be read is added to all the same.
    if is_listed(&path, address).unwrap_or(false) {
        return Ok(());
    }
    let write = || -> Result<()> {
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)?;
        }
        let before = fs::read(&path).unwrap_or_default();
        let ended = before.last().is_none_or(|&last| last == b'\n');
        let line = format!("{}{}\n", if ended { "" } else { "\n" }, canonical(address));
        let mut file = OpenOptions::new().append(true).create(true).open(&path)?;
        file.write_all(line.as_bytes())?;
        file.sync_all()?;
        match path.parent() {
            Some(folder) => sync_folder(folder),
            None => Ok(()),
        }
    };
    write()
        .with_context(|| format!("remembering in {} that {address} failed a check", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_host_has_one_form_however_it_is_written() {
        let same = [
            ("example.org", "example.org:7766"),
            (" EXAMPLE.org.:07766\t", "example.org:7766"),
            ("Example.Org.", "example.org:7766"),
            ("127.0.0.1", "127.0.0.1:7766"),
            ("[::FFFF:127.0.0.1]:80", "127.0.0.1:80"),
            ("0:0::1", "[::1]:7766"),
            ("[0::1]:80", "[::1]:80"),
        ];
        for (written, form) in same {
            assert_eq!(canonical(written), form);
            assert_eq!(canonical(form), form);
        }
        // What is no address matches itself alone.
        assert_eq!(canonical("http://A"), "http://a");
    }

    #[test]
    fn lines_match_in_any_form() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("list");
        assert!(!is_listed(&path, "a:1").unwrap());
        fs::write(&path, "  A:1 \n\nB\n").unwrap();
        let listed = ["a:1", "A:01", "b", "b:7766", "a", "a:2", "b:1"]
            .map(|address| is_listed(&path, address).unwrap());
        assert_eq!(listed, [true, true, true, true, false, false, false]);
    }
}
