//! Every level, with and without helper threads, through the suite.

use accel_cpu::{Cpu, Level, UnsupportedLevel};
use kernel::accelerator_suite;

fn cpu(level: Level, threads: usize) -> Result<Cpu, UnsupportedLevel> {
    Cpu::builder().level(level).threads(threads).build()
}

accelerator_suite!(best, Some(Cpu::new()));
accelerator_suite!(portable_alone, cpu(Level::Portable, 1));
accelerator_suite!(portable_two, cpu(Level::Portable, 2));
accelerator_suite!(avx2_alone, cpu(Level::Avx2, 1), required_by "SUBROSA_REQUIRE_AVX2");
accelerator_suite!(avx2_two, cpu(Level::Avx2, 2), required_by "SUBROSA_REQUIRE_AVX2");
accelerator_suite!(avxvnni_alone, cpu(Level::AvxVnni, 1), required_by "SUBROSA_REQUIRE_AVXVNNI");
accelerator_suite!(avxvnni_two, cpu(Level::AvxVnni, 2), required_by "SUBROSA_REQUIRE_AVXVNNI");
accelerator_suite!(avx512vnni_alone, cpu(Level::Avx512Vnni, 1), required_by "SUBROSA_REQUIRE_AVX512");
accelerator_suite!(avx512vnni_two, cpu(Level::Avx512Vnni, 2), required_by "SUBROSA_REQUIRE_AVX512");
accelerator_suite!(neon_alone, cpu(Level::Neon, 1), required_by "SUBROSA_REQUIRE_NEON");
accelerator_suite!(neon_two, cpu(Level::Neon, 2), required_by "SUBROSA_REQUIRE_NEON");
accelerator_suite!(neondot_alone, cpu(Level::NeonDot, 1), required_by "SUBROSA_REQUIRE_NEONDOT");
accelerator_suite!(neondot_two, cpu(Level::NeonDot, 2), required_by "SUBROSA_REQUIRE_NEONDOT");
