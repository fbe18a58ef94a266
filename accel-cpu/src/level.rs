use crate::arch::{self, Kernels};

/// An instruction set that the inner loops are written for.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Hash)]
#[non_exhaustive]
pub enum Level {
    /// Plain Rust: every target.
    Portable,
    /// AVX-512 with VNNI: 64 multiply-adds of bytes in one instruction.
    Avx512Vnni,
}

impl Level {
    /// All levels, the best last.
    pub const ALL: &[Self] = &[Self::Portable, Self::Avx512Vnni];

    /// The levels that this processor has, the best last; [`Level::Portable`] always.
    pub fn available() -> impl DoubleEndedIterator<Item = Self> {
        Self::ALL.iter().copied().filter(|level| level.is_available())
    }

    /// Whether this processor has it.
    #[must_use]
    pub fn is_available(self) -> bool {
        self.kernels().is_some()
    }

    /// What [`Capabilities::name`](kernel::accel::Capabilities) says: `cpu portable`,
    /// `cpu avx512vnni`, ...
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Portable => "cpu portable",
            Self::Avx512Vnni => "cpu avx512vnni",
        }
    }

    /// Columns for which one thread takes about ten milliseconds with a 4096 x 4096 matrix.
    pub(crate) const fn preferred_columns(self) -> usize {
        match self {
            Self::Portable => 2,
            Self::Avx512Vnni => 64,
        }
    }

    /// The loops, where the processor can run them.
    pub(crate) fn kernels(self) -> Option<Box<dyn Kernels>> {
        match self {
            Self::Portable => Some(Box::new(arch::portable::Portable)),
            #[cfg(target_arch = "x86_64")]
            Self::Avx512Vnni => {
                arch::x86_64::Avx512Vnni::detect().map(|kernels| Box::new(kernels) as _)
            }
            #[cfg(not(target_arch = "x86_64"))]
            Self::Avx512Vnni => None,
        }
    }
}

impl core::fmt::Display for Level {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(self.name())
    }
}
