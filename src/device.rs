//! A device's folder: its bundle, in memory as a device would have it in flash.

use crate::capped;
use anyhow::{Context, Result, bail};

use kernel::bundle::DeviceBundle;
use std::io::Read;
use std::path::{Path, PathBuf};

/// Name of the bundle in a device's folder.
pub(crate) const BUNDLE: &str = "device.bundle";

/// The bytes of a device bundle, aligned for reading in place.
pub(crate) struct BundleBytes {
    path: PathBuf,
    words: Vec<u64>,
    length: usize,
}

impl BundleBytes {
    /// Reads the bundle of a device's folder.
    pub(crate) fn read(folder: &Path) -> Result<Self> {
        let path = folder.join(BUNDLE);
        let mut file = capped::open(&path).with_context(|| {
            format!(
                "no device bundle at {}: make one with `subrosa convert device`",
                path.display()
            )
        })?;
        let length = usize::try_from(file.metadata()?.len())?;
        let mut words = Vec::new();
        words.try_reserve_exact(length.div_ceil(8)).with_context(|| {
            format!("{} has {length} bytes, for which there is no memory", path.display())
        })?;
        words.resize(length.div_ceil(8), 0_u64);
        let bytes = &mut bytemuck::cast_slice_mut(&mut words)[..length];
        file.read_exact(bytes).with_context(|| format!("reading {}", path.display()))?;
        if file.read(&mut [0])? != 0 {
            bail!("{} grew while it was read", path.display());
        }
        Ok(Self { path, words, length })
    }

    /// Checks the bundle.
    pub(crate) fn parse(&self) -> Result<DeviceBundle<'_>> {
        let bytes = &bytemuck::cast_slice(&self.words)[..self.length];
        DeviceBundle::parse(bytes).with_context(|| {
            format!(
                "{} is refused: restore it from a copy, or make a new one with `subrosa convert \
                 device`",
                self.path.display()
            )
        })
    }

    /// Length in bytes.
    pub(crate) const fn len(&self) -> usize {
        self.length
    }
}
