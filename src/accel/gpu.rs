use accel_wgpu::{AdapterKind, AdapterReport, Builder, OpenError, Selection, adapters};
use anyhow::{Error, Result, anyhow};
use kernel::accel::ring::RingAccelerator;
use std::sync::Arc;

/// What to do where there is no adapter.
pub(crate) const NO_ADAPTER: &str = "a GPU needs its Vulkan driver; the Debian package \
    mesa-vulkan-drivers has those of many, and one in software";

/// A GPU that works.
pub(crate) struct Gpu(Arc<accel_wgpu::Gpu>);

impl Gpu {
    fn open(builder: Builder, memory: Option<u64>) -> Result<Self, OpenError> {
        let builder = memory.map_or(builder.clone(), |bytes| builder.memory(bytes));
        let gpu = builder.build()?;
        let AdapterReport { name, backend, driver, kind, .. } = gpu.report();
        tracing::info!(name, backend, driver, %kind, "a GPU is open, and passed its self-test");
        Ok(Self(Arc::new(gpu)))
    }

    /// What multiplies.
    pub(crate) fn accelerator(&self) -> Arc<dyn RingAccelerator> {
        Arc::clone(&self.0) as _
    }

    /// What it calls itself.
    pub(crate) fn adapter(&self) -> &str {
        &self.0.report().name
    }

    /// Bytes a second that a plain copy moves, and int8 multiply-adds a second of a plain loop.
    ///
    /// # Errors
    /// As the GPU fails.
    pub(crate) fn limits(&self) -> Result<(f64, f64)> {
        Ok((self.0.copy_bytes_per_s()?, self.0.dot_rate()?))
    }
}

/// The best GPU of this machine that is one, if it works.
pub(super) fn real(memory: Option<u64>) -> Option<Gpu> {
    let mut all = adapters();
    all.retain(|adapter| adapter.kind != AdapterKind::Software);
    let best = all.into_iter().min_by_key(|adapter| adapter.kind)?;
    let builder = accel_wgpu::Gpu::builder().adapter(Selection::Index(best.index));
    let refused = |error: &OpenError| tracing::warn!(%error, "on with the processor");
    Gpu::open(builder, memory).inspect_err(refused).ok()
}

/// The GPU of this number, or with this in its name; the best where nothing is said.
pub(super) fn wanted(adapter: &str, memory: Option<u64>) -> Result<Gpu> {
    let Ok(selection) = adapter.parse::<Selection>();
    let builder = accel_wgpu::Gpu::builder().adapter(selection);
    Gpu::open(builder, memory).map_err(|error| match error {
        OpenError::NoAdapter(Selection::Best) => anyhow!("no GPU was found: {NO_ADAPTER}"),
        OpenError::NoAdapter(_) => anyhow!("{error}: `subrosa devices` shows those that are there"),
        OpenError::Wrong { .. } => {
            anyhow!("{error}: it must not be used; `--accel cpu` does without")
        }
        error => Error::new(error),
    })
}
