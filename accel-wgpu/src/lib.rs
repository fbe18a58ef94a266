//! GPUs: the accelerators of the kernel as WGSL compute shaders, on Vulkan, Metal and DirectX 12.
//!
//! ```no_run
//! use accel_wgpu::{Gpu, adapters};
//! use kernel::accel::Accelerator;
//!
//! for adapter in adapters() {
//!     println!("{}: {} ({})", adapter.index, adapter.name, adapter.backend);
//! }
//! let gpu = Gpu::builder().memory(4 << 30).build()?;
//! println!("{}", gpu.capabilities().name);
//! # Ok::<(), accel_wgpu::OpenError>(())
//! ```
//!
//! Everything is 32-bit integers: the portable shaders ask nothing of an adapter beyond what WebGPU
//! promises. Faster forms of the inner operations ([`Permutation`]) are chosen from what it offers; the
//! results are those of the kernel's reference in every one, to the bit.
//!
//! A device that fails is lost: the call under way and all later ones return
//! [`AccelError::DeviceLost`](kernel::accel::AccelError::DeviceLost), and the caller goes on elsewhere.

mod adapters;
mod commands;
mod context;
mod gpu;
mod masks;
mod matrix;
mod modulus;
mod params;
mod permutation;
mod pool;
mod product;
mod rates;
mod ring;
mod self_test;
mod shader;
#[cfg(test)]
mod testing;
mod waiting;

pub use adapters::{AdapterKind, AdapterReport, Availability, Selection, adapters};
pub use gpu::{Builder, Gpu, OpenError};
pub use permutation::{Permutation, UnknownPermutation};
pub use self_test::SelfTestError;
