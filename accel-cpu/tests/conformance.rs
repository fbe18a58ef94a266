//! Every level, with and without helper threads, through the suite.

use accel_cpu::{Cpu, Level, UnsupportedLevel};
use kernel::accelerator_suite;

fn cpu(level: Level, threads: usize) -> Result<Cpu, UnsupportedLevel> {
    Cpu::builder().level(level).threads(threads).build()
}

accelerator_suite!(best, Some(Cpu::new()));
accelerator_suite!(portable_alone, cpu(Level::Portable, 1));
accelerator_suite!(portable_two, cpu(Level::Portable, 2));
accelerator_suite!(avx512vnni_alone, cpu(Level::Avx512Vnni, 1), required_by "SUBROSA_REQUIRE_AVX512");
accelerator_suite!(avx512vnni_two, cpu(Level::Avx512Vnni, 2), required_by "SUBROSA_REQUIRE_AVX512");
