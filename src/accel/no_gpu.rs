use super::BUILD_WITH_GPUS;
use anyhow::{Result, bail};
use kernel::accel::ring::RingAccelerator;
use std::sync::Arc;

/// A GPU, of which this build has none.
pub(crate) enum Gpu {}

impl Gpu {
    pub(crate) fn accelerator(&self) -> Arc<dyn RingAccelerator> {
        match *self {}
    }

    pub(crate) fn adapter(&self) -> &str {
        match *self {}
    }

    pub(crate) fn limits(&self) -> Result<(f64, f64)> {
        match *self {}
    }
}

pub(super) const fn real(_: Option<u64>) -> Option<Gpu> {
    None
}

pub(super) fn wanted(_: &str, _: Option<u64>) -> Result<Gpu> {
    bail!("{BUILD_WITH_GPUS}")
}
