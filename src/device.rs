//! A device's folder: its bundle, in memory as a device would have it in flash.

use anyhow::{Context, Result, bail};
use kernel::bundle::DeviceBundle;
use std::fs::File;
use std::io::Read;
use std::path::Path;

/// Name of the bundle in a device's folder.
pub(crate) const BUNDLE: &str = "device.bundle";

/// The bytes of a device bundle, aligned for reading in place.
pub(crate) struct BundleBytes {
    words: Vec<u64>,
    length: usize,
}

impl BundleBytes {
    /// Reads the bundle of a device's folder.
    pub(crate) fn read(folder: &Path) -> Result<Self> {
        let path = folder.join(BUNDLE);
        let mut file = File::open(&path).with_context(|| {
            format!(
                "no device bundle at {}: make one with `subrosa convert device`",
                path.display()
            )
        })?;
        let length = usize::try_from(file.metadata()?.len())?;
        let mut words = vec![0_u64; length.div_ceil(8)];
        let bytes = &mut bytemuck::cast_slice_mut(&mut words)[..length];
        file.read_exact(bytes).with_context(|| format!("reading {}", path.display()))?;
        if file.read(&mut [0])? != 0 {
            bail!("{} grew while it was read", path.display());
        }
        Ok(Self { words, length })
    }

    /// Checks the bundle.
    pub(crate) fn parse(&self) -> Result<DeviceBundle<'_>> {
        let bytes = &bytemuck::cast_slice(&self.words)[..self.length];
        DeviceBundle::parse(bytes).context("the device bundle is refused")
    }

    /// Length in bytes.
    pub(crate) const fn len(&self) -> usize {
        self.length
    }
}
