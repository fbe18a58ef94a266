use core::fmt;
use core::str::FromStr;

/// Which forms of the inner operations the shaders are made of. All give the same results, to the bit.
///
/// ```
/// use accel_wgpu::Permutation;
///
/// let fast: Permutation = "int64+dot".parse()?;
/// assert!(fast.int64 && fast.dot && !fast.subgroups);
/// assert_eq!(Permutation::default().to_string(), "portable");
/// # Ok::<(), accel_wgpu::UnknownPermutation>(())
/// ```
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, Hash)]
pub struct Permutation {
    /// Products of words in 64-bit integers, instead of by 16-bit halves.
    pub int64: bool,
    /// Sums of four products of bytes by `dot4I8Packed`, instead of one by one.
    pub dot: bool,
    /// Sums within subgroups before those in workgroup memory.
    pub subgroups: bool,
}

/// A name that no permutation has.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct UnknownPermutation(pub String);

impl fmt::Display for UnknownPermutation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "`{}` is neither portable nor made of int64, dot and subgroups, joined by +",
            self.0
        )
    }
}

impl core::error::Error for UnknownPermutation {}

impl Permutation {
    /// What every adapter can do.
    pub const PORTABLE: Self = Self { int64: false, dot: false, subgroups: false };

    /// Each of them, the portable one first.
    pub fn all() -> impl Iterator<Item = Self> {
        (0..8).map(|bits| Self {
            int64: bits & 1 != 0,
            dot: bits & 2 != 0,
            subgroups: bits & 4 != 0,
        })
    }

    /// Whether an adapter that can do `other` can do this.
    ///
    /// ```
    /// use accel_wgpu::Permutation;
    ///
    /// let adapter: Permutation = "int64+dot".parse()?;
    /// assert!(Permutation::PORTABLE.is_within(adapter) && adapter.is_within(adapter));
    /// let more: Permutation = "dot+subgroups".parse()?;
    /// assert!(!more.is_within(adapter));
    /// # Ok::<(), accel_wgpu::UnknownPermutation>(())
    /// ```
    #[must_use]
    pub const fn is_within(self, other: Self) -> bool {
        (other.int64 || !self.int64)
            && (other.dot || !self.dot)
            && (other.subgroups || !self.subgroups)
    }
}

impl fmt::Display for Permutation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parts = [(self.int64, "int64"), (self.dot, "dot"), (self.subgroups, "subgroups")];
        let mut parts = parts.into_iter().filter_map(|(there, name)| there.then_some(name));
        f.write_str(parts.next().unwrap_or("portable"))?;
        parts.try_for_each(|part| write!(f, "+{part}"))
    }
}

impl FromStr for Permutation {
    type Err = UnknownPermutation;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        let mut permutation = Self::PORTABLE;
        if name == "portable" {
            return Ok(permutation);
        }
        for part in name.split('+') {
            match part {
                "int64" => permutation.int64 = true,
                "dot" => permutation.dot = true,
                "subgroups" => permutation.subgroups = true,
                _ => return Err(UnknownPermutation(name.into())),
            }
        }
        Ok(permutation)
    }
}
