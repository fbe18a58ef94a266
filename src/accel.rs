//! What a host multiplies with on this machine: the processor, or a GPU that it backs.

#[cfg_attr(not(feature = "wgpu"), path = "accel/no_gpu.rs")]
mod gpu;

pub(crate) use gpu::Gpu;
#[cfg(feature = "wgpu")]
pub(crate) use gpu::NO_ADAPTER;

use crate::cli::AccelOptions;
use crate::report::Bytes;
use accel_cpu::{Cpu, Simd};
use anyhow::{Context, Result};
use host_server::engine::Engine;
use host_server::fallback::{Fallback, Placement};
use host_server::model::HostBundle;
use kernel::accel::Accelerator;
use kernel::accel::ring::RingAccelerator;
use std::sync::Arc;

/// How a program without GPUs is told to get them.
#[cfg_attr(feature = "wgpu", allow(dead_code, reason = "this build has them"))]
pub(crate) const BUILD_WITH_GPUS: &str = "this program was built without GPUs: `cargo build --release --features wgpu` makes one with them";

/// What a person asks for.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Wanted {
    /// A GPU if there is one that works, else the processor.
    Auto,
    /// The processor.
    Cpu,
    /// A GPU, by its number or a part of its name; any where nothing is said.
    Wgpu(String),
}

impl Wanted {
    /// The GPU that is to be used, if any, whose matrices may take so many bytes.
    ///
    /// # Errors
    /// A GPU is demanded, and there is none that works.
    pub(crate) fn gpu(&self, memory: Option<u64>) -> Result<Option<Gpu>> {
        match self {
            Self::Auto => Ok(gpu::real(memory)),
            Self::Cpu => Ok(None),
            Self::Wgpu(adapter) => gpu::wanted(adapter, memory).map(Some),
        }
    }
}

/// A host's model on what it multiplies with.
pub(crate) struct Loaded {
    pub(crate) engine: Engine,
    /// What multiplies, in words.
    pub(crate) backend: String,
}

/// Loads a bundle onto the processor.
///
/// # Errors
/// As the accelerator fails.
pub(crate) fn on_cpu(bundle: &HostBundle, threads: u16) -> Result<Engine> {
    engine(bundle, Arc::new(Cpu::builder().threads(threads.into()).build()?))
}

/// Loads a bundle onto what is asked for.
///
/// # Errors
/// What is asked for is not there, or fails.
pub(crate) fn load(bundle: &HostBundle, options: &AccelOptions, threads: u16) -> Result<Loaded> {
    let cpu = Arc::new(Cpu::builder().threads(threads.into()).build()?);
    let name = cpu.capabilities().name;
    let Some(gpu) = options.accel.gpu(options.gpu_memory)? else {
        return Ok(Loaded { engine: engine(bundle, cpu)?, backend: name.to_owned() });
    };
    let both = Arc::new(Fallback::new(gpu.accelerator(), cpu));
    let engine = engine(bundle, Arc::clone(&both) as _)?;
    let Placement { on_first, on_second } = both.placement();
    let all = on_first.matrices + on_second.matrices;
    let backend = format!(
        "wgpu on {}: {} of {all} matrices, {}; {name} for the rest",
        gpu.adapter(),
        on_first.matrices,
        Bytes(on_first.bytes)
    );
    Ok(Loaded { engine, backend })
}

fn engine(bundle: &HostBundle, accelerator: Arc<dyn RingAccelerator>) -> Result<Engine> {
    let (config, digest) = (*bundle.config(), bundle.digest());
    let engine = Engine::load_direct(accelerator, config, digest, |group| bundle.rows(group));
    Ok(engine.context("loading the matrices")?.with_ring_ops::<Simd>())
}
