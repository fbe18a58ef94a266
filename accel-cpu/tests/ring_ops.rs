//! Other crates' ring arithmetic through the suite.
#![cfg(feature = "concrete-ntt")]

use accel_cpu::Concrete;
use kernel::ring_ops_suite;

ring_ops_suite!(concrete, Concrete);
