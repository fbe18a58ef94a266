//! What is measured: the processor, or a GPU beside it.

use crate::accel::Gpu;
use crate::cli::Bench;
use accel_cpu::Cpu;
use anyhow::Result;
use kernel::accel::ring::RingAccelerator;
use serde::Serialize;
use std::sync::Arc;

/// The processor, and what makes the private products.
pub(super) struct Machine {
    pub(super) cpu: Arc<Cpu>,
    pub(super) accelerator: Arc<dyn RingAccelerator>,
    gpu: Option<Gpu>,
}

/// What a GPU reaches at most, and what private products reach, in the same run.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Reached {
    pub(super) adapter: String,
    /// Bytes that a plain copy in the GPU's memory moves.
    pub(super) copy_bytes_per_s: f64,
    /// Weights that the online products of one token read.
    pub(super) achieved_bytes_per_s: f64,
    /// Int8 multiply-adds of a plain loop in a shader.
    pub(super) plain_integer_ops_per_s: f64,
    /// Int8 multiply-adds of the offline products.
    pub(super) integer_ops_per_s: f64,
}

impl Machine {
    /// What the options ask for.
    ///
    /// # Errors
    /// It is not there.
    pub(super) fn new(options: &Bench) -> Result<Self> {
        let mut builder = Cpu::builder().threads(options.threads.into());
        if let Some(level) = options.level {
            builder = builder.level(level);
        }
        let cpu = Arc::new(builder.build()?);
        let gpu = options.accel.gpu(None)?;
        let accelerator: Arc<dyn RingAccelerator> = match &gpu {
            Some(gpu) => gpu.accelerator(),
            None => Arc::clone(&cpu) as _,
        };
        Ok(Self { cpu, accelerator, gpu })
    }

    pub(super) fn backend(&self) -> &'static str {
        self.accelerator.capabilities().name
    }

    /// What the GPU reaches, if it is one that is measured, whose products of one token read so many bytes
    /// a second, and whose offline products make so many multiply-adds.
    ///
    /// # Errors
    /// As the GPU fails.
    pub(super) fn reached(&self, bytes: f64, macs: f64) -> Result<Option<Reached>> {
        let Some(gpu) = &self.gpu else { return Ok(None) };
        let (copy, plain) = gpu.limits()?;
        Ok(Some(Reached {
            adapter: gpu.adapter().to_owned(),
            copy_bytes_per_s: copy,
            achieved_bytes_per_s: bytes,
            plain_integer_ops_per_s: plain,
            integer_ops_per_s: macs,
        }))
    }
}
