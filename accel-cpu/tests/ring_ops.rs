//! Implementations of ring arithmetic through the suite.

use accel_cpu::Simd;
use kernel::ring_ops_suite;

ring_ops_suite!(simd, Simd);
#[cfg(feature = "concrete-ntt")]
use accel_cpu::Concrete;
#[cfg(feature = "concrete-ntt")]
ring_ops_suite!(concrete, Concrete);
