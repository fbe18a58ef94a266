use crate::arch::{self, Kernels};
use crate::matrix::Rows;
use crate::planes::Words;
use crate::ring::Ring;
use crate::team::Team;
use crate::{clear, few, many};
use kernel::accel::AccelError;
use kernel::prime::PrimeId;

/// An instruction set that the inner loops are written for.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Hash)]
#[non_exhaustive]
pub enum Level {
    /// Plain Rust: every target.
    Portable,
    /// AVX2: 16 multiply-adds of 16-bit numbers in two instructions.
    Avx2,
    /// AVX2 with VNNI: the same in one instruction.
    AvxVnni,
    /// AVX-512 with VNNI: 64 multiply-adds of bytes in one instruction.
    Avx512Vnni,
    /// NEON, which every 64-bit ARM processor has: 4 multiply-adds of 16-bit numbers in one
    /// instruction.
    Neon,
    /// NEON with dot products: 16 multiply-adds of bytes in one instruction.
    NeonDot,
}

impl Level {
    /// All levels, of each architecture the best last.
    pub const ALL: &[Self] =
        &[Self::Portable, Self::Avx2, Self::AvxVnni, Self::Avx512Vnni, Self::Neon, Self::NeonDot];

    /// The levels that this processor has, the best last; [`Level::Portable`] always.
    pub fn available() -> impl DoubleEndedIterator<Item = Self> {
        Self::ALL.iter().copied().filter(|level| level.is_available())
    }

    /// Whether this processor has it.
    #[must_use]
    pub fn is_available(self) -> bool {
        self.products().is_some()
    }

    /// What [`Capabilities::name`](kernel::accel::Capabilities) says: `cpu portable`,
    /// `cpu avx512vnni`, ...
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Portable => "cpu portable",
            Self::Avx2 => "cpu avx2",
            Self::AvxVnni => "cpu avxvnni",
            Self::Avx512Vnni => "cpu avx512vnni",
            Self::Neon => "cpu neon",
            Self::NeonDot => "cpu neondot",
        }
    }

    /// Columns for which one thread takes about ten milliseconds with a 4096 x 4096 matrix.
    pub(crate) const fn preferred_columns(self) -> usize {
        match self {
            Self::Portable => 2,
            Self::Avx2 | Self::AvxVnni => 16,
            Self::Avx512Vnni => 64,
            Self::Neon => 4,
            Self::NeonDot => 16,
        }
    }

    /// Direct mode, with the best vectors that this level's instructions make.
    pub(crate) fn ring(self) -> Box<dyn Ring> {
        let ring: Option<Box<dyn Ring>> = match self {
            #[cfg(target_arch = "x86_64")]
            Self::Avx2 | Self::AvxVnni => {
                arch::x86_64::Avx2Lanes::detect().map(|lanes| Box::new(lanes) as _)
            }
            #[cfg(target_arch = "x86_64")]
            Self::Avx512Vnni => {
                arch::x86_64::Avx512Lanes::detect().map(|lanes| Box::new(lanes) as _)
            }
            _ => None,
        };
        ring.unwrap_or_else(|| Box::new(arch::portable_lanes::PortableLanes::<8>))
    }

    /// The loops, where the processor can run them.
    pub(crate) fn products(self) -> Option<Box<dyn Products>> {
        match self {
            Self::Portable => boxed(Some(arch::portable::Portable)),
            #[cfg(target_arch = "x86_64")]
            Self::Avx2 => boxed(arch::x86_64::Avx2::detect()),
            #[cfg(target_arch = "x86_64")]
            Self::AvxVnni => boxed(arch::x86_64::AvxVnni::detect()),
            #[cfg(target_arch = "x86_64")]
            Self::Avx512Vnni => boxed(arch::x86_64::Avx512Vnni::detect()),
            #[cfg(target_arch = "aarch64")]
            Self::Neon => boxed(arch::aarch64::Neon::detect()),
            #[cfg(target_arch = "aarch64")]
            Self::NeonDot => boxed(arch::aarch64::NeonDot::detect()),
            #[cfg(not(target_arch = "x86_64"))]
            Self::Avx2 | Self::AvxVnni | Self::Avx512Vnni => None,
            #[cfg(not(target_arch = "aarch64"))]
            Self::Neon | Self::NeonDot => None,
        }
    }
}

fn boxed<K: Kernels + 'static>(kernels: Option<K>) -> Option<Box<dyn Products>> {
    kernels.map(|kernels| Box::new(kernels) as _)
}

impl core::fmt::Display for Level {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(self.name())
    }
}

/// The two products with the inner loops of a level.
pub(crate) trait Products: Send + Sync {
    /// [`few::product`].
    fn few(
        &self,
        team: &Team,
        from: (Rows<'_>, usize),
        p: PrimeId,
        x: &[u32],
        columns: usize,
        out: &mut [u32],
    ) -> Result<(), AccelError>;

    /// [`clear::product`].
    fn clear(
        &self,
        team: &Team,
        rows: Rows<'_>,
        x: &[i8],
        columns: usize,
        sums: &[i32],
        out: &mut [i32],
    ) -> Result<(), AccelError>;

    /// [`many::product`].
    fn many(
        &self,
        team: &Team,
        from: (Rows<'_>, usize),
        n: usize,
        p: PrimeId,
        words: Words<'_>,
        columns: usize,
        out: &mut [u32],
    ) -> Result<(), AccelError>;
}

impl<K: Kernels> Products for K {
    fn few(
        &self,
        team: &Team,
        from: (Rows<'_>, usize),
        p: PrimeId,
        x: &[u32],
        columns: usize,
        out: &mut [u32],
    ) -> Result<(), AccelError> {
        few::product(self, team, from, p, x, columns, out)
    }

    fn clear(
        &self,
        team: &Team,
        rows: Rows<'_>,
        x: &[i8],
        columns: usize,
        sums: &[i32],
        out: &mut [i32],
    ) -> Result<(), AccelError> {
        clear::product(self, team, rows, x, columns, sums, out)
    }

    fn many(
        &self,
        team: &Team,
        from: (Rows<'_>, usize),
        n: usize,
        p: PrimeId,
        words: Words<'_>,
        columns: usize,
        out: &mut [u32],
    ) -> Result<(), AccelError> {
        many::product(self, team, from, n, p, words, columns, out)
    }
}
