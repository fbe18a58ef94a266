//! Every level, with and without helper threads, through the suite of direct mode.

use accel_cpu::{Cpu, Level, UnsupportedLevel};
use kernel::ring_accelerator_suite;

fn cpu(level: Level, threads: usize) -> Result<Cpu, UnsupportedLevel> {
    Cpu::builder().level(level).threads(threads).build()
}

ring_accelerator_suite!(best, Some(Cpu::new()));
ring_accelerator_suite!(portable_alone, cpu(Level::Portable, 1));
ring_accelerator_suite!(portable_two, cpu(Level::Portable, 2));
ring_accelerator_suite!(avx2_alone, cpu(Level::Avx2, 1), required_by "SUBROSA_REQUIRE_AVX2");
ring_accelerator_suite!(avx2_two, cpu(Level::Avx2, 2), required_by "SUBROSA_REQUIRE_AVX2");
ring_accelerator_suite!(avx512_alone, cpu(Level::Avx512Vnni, 1), required_by "SUBROSA_REQUIRE_AVX512");
ring_accelerator_suite!(avx512_two, cpu(Level::Avx512Vnni, 2), required_by "SUBROSA_REQUIRE_AVX512");
ring_accelerator_suite!(neon_alone, cpu(Level::Neon, 1), required_by "SUBROSA_REQUIRE_NEON");
