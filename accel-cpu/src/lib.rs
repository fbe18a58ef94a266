//! subrosa's accelerator on ordinary processors.
//!
//! [`Cpu`] multiplies int8 matrices with residues modulo a prime, exactly. A residue is cut into
//! digits, as the instructions at hand like them. Where they multiply bytes, these are four bytes:
//! each plane of them times the int8 weights is summed in 32 bits, which holds up to
//! [`MAX_COLUMNS`](kernel::model::MAX_COLUMNS) products without overflow; at the end the four sums
//! are put together, `s0 + 2^8 s1 + 2^16 s2 + 2^24 s3`, and reduced. Where they multiply 16-bit
//! numbers, these are two signed halves, whose sums are split before they overflow.
//!
//! Two shapes of work, two loops:
//!
//! | columns | loop | bound by |
//! |---|---|---|
//! | up to 8 | each row against each column, several rows at a time, one pass over the matrix | memory |
//! | more | columns packed in tiles of 16, up to six rows against a tile | multiply-adds |
//!
//! With the feature `concrete-ntt`, `Concrete` is a second implementation of
//! [`RingOps`](kernel::ring::RingOps), by the crate of that name.
//!
//! What runs inside the loops is a [`Level`]: an instruction set with a file of its own under
//! `arch/`, which is also the only place with `unsafe` code. The best one that the processor has
//! is found once, when a [`Cpu`] is made; any other can be asked for, and all give equal results.
//!
//! ```
//! use accel_cpu::Cpu;
//! use kernel::accel::{AccelError, Accelerator, RowSource};
//! use kernel::prime::{Prime, PrimeId, T};
//!
//! struct Ones;
//! impl RowSource for Ones {
//!     fn next_row(&mut self, row: &mut [i8]) -> Result<(), AccelError> {
//!         row.fill(-1);
//!         Ok(())
//!     }
//! }
//!
//! let cpu = Cpu::new();
//! let matrix = cpu.load(2, 3, &mut Ones)?;
//! let mut y = [0; 2];
//! cpu.product(matrix, 0..2, PrimeId::T, &[1, 2, 3], 1, &mut y)?;
//! assert_eq!(y, [T::VALUE - 6; 2]);
//! # Ok::<(), AccelError>(())
//! ```
#![deny(unsafe_code)]

#[cfg_attr(
    any(target_arch = "x86_64", target_arch = "aarch64"),
    expect(
        unsafe_code,
        reason = "SIMD loads and stores, and entry into code for detected instruction sets"
    )
)]
mod arch;
mod clear;
#[cfg(feature = "concrete-ntt")]
mod concrete;
mod cpu;
mod digits;
mod few;
mod level;
mod many;
mod matrix;
mod planes;
mod ring;
mod simd;
mod team;

pub use clear::Clear;
#[cfg(feature = "concrete-ntt")]
pub use concrete::Concrete;
pub use cpu::{Builder, Cpu, UnsupportedLevel};
pub use level::Level;
pub use simd::Simd;
