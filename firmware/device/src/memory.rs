//! The memory that a run works in: a part of the chip's own, and the external RAM.

use crate::failure::Failure;
use board::println;
use bytemuck::Pod;
use static_cell::ConstStaticCell;
use zeroize::Zeroize;

/// Bytes of the chip's RAM for runs.
const INTERNAL: usize = 96 * 1024;

/// Both memories, for one run after another.
pub(crate) struct Memory {
    internal: &'static mut [u64],
    external: &'static mut [u64],
}

impl Memory {
    /// Takes the memory, once, and erases what a reset has left there.
    pub(crate) fn take() -> Result<Self, Failure> {
        static WORDS: ConstStaticCell<[u64; INTERNAL / 8]> =
            ConstStaticCell::new([0; INTERNAL / 8]);
        let internal = WORDS.try_take().ok_or(Failure::Memory("internal"))?;
        let external = board::memory::external_ram().ok_or(Failure::Memory("external"))?;
        let external = bytemuck::try_cast_slice_mut(external);
        let mut memory =
            Self { internal, external: external.map_err(|_| Failure::Memory("external"))? };
        memory.erase();
        Ok(memory)
    }

    /// Erases everything.
    pub(crate) fn erase(&mut self) {
        self.internal.zeroize();
        self.external.zeroize();
    }

    /// Both, to be given out in parts.
    pub(crate) fn arenas(&mut self) -> (Arena<'_>, Arena<'_>) {
        let internal = Arena { name: "internal", rest: self.internal };
        (internal, Arena { name: "external", rest: self.external })
    }
}

/// Memory that is given out in parts.
pub(crate) struct Arena<'m> {
    name: &'static str,
    rest: &'m mut [u64],
}

impl<'m> Arena<'m> {
    /// Zeros, for a purpose that is named in the report.
    pub(crate) fn take<T: Pod>(
        &mut self,
        what: &str,
        count: usize,
    ) -> Result<&'m mut [T], Failure> {
        let full = Failure::Memory(self.name);
        let bytes = count.checked_mul(size_of::<T>()).ok_or(full)?;
        let (part, rest) =
            core::mem::take(&mut self.rest).split_at_mut_checked(bytes.div_ceil(8)).ok_or(full)?;
        self.rest = rest;
        println!("memory {} {} {}", self.name, bytes, what);
        bytemuck::cast_slice_mut(part).get_mut(..count).ok_or(full)
    }

    /// The same memory for something else later: parts of the copy must be given back before.
    #[cfg(feature = "masked")]
    pub(crate) fn lend(&mut self) -> Arena<'_> {
        Arena { name: self.name, rest: self.rest }
    }
}
