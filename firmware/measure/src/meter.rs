//! Counting, and the memory that everything works in.

use board::{counter, println};
use kernel::stream::{PublicSeed, Seed};

/// Sets of secrets that an operation is counted under.
pub(crate) const RUNS: usize = 3;

/// The largest N.
pub(crate) const N: usize = 4096;

/// Words for every operation, in turn.
#[derive(Debug)]
pub(crate) struct Memory {
    pub(crate) key: [u32; 3 * N],
    pub(crate) row: [u32; 6 * N],
    pub(crate) message: [u32; N],
    pub(crate) scratch: [u32; 3 * N],
}

impl Memory {
    pub(crate) const fn new() -> Self {
        Self { key: [0; 3 * N], row: [0; 6 * N], message: [0; N], scratch: [0; 3 * N] }
    }
}

/// The secret seed of a run.
pub(crate) fn secret(run: usize) -> Seed {
    Seed::from_bytes([0x5a + run as u8; 32])
}

/// The public seed of every run.
pub(crate) fn public() -> PublicSeed {
    PublicSeed([7; 32])
}

/// Counts instructions by the board's counter, exactly.
///
/// An instruction takes 64 ns of QEMU's time, and a tick 40 ns: instruction i is at tick `floor(8 i / 5)`
/// of QEMU's clock, which is 0, 1, 3, 4 or 6 modulo 8, and i is the tick times 5/8, rounded up. The
/// counter has begun at some tick, and which residues modulo 8 it shows tells at which modulo 8.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Meter {
    /// What makes the counter the clock's tick, modulo 8.
    offset: u32,
    /// Instructions of counting nothing.
    overhead: u32,
}

impl Meter {
    pub(crate) fn new() -> Self {
        const RESIDUES: u8 = 0b0101_1011;
        let mut seen = 0_u8;
        for delay in 0..64_u32 {
            // Delays of all lengths modulo 5: a division by what is no power of 2 and a choice.
            for i in 0..delay {
                if core::hint::black_box(i) % 7 == 3 {
                    core::hint::black_box(delay);
                }
            }
            seen |= 1 << (counter::now() % 8);
        }
        let offset = (0..8).find(|&offset| seen.rotate_left(offset) == RESIDUES);
        let Some(offset) = offset else { panic!("not QEMU with -icount shift=6") };
        let nothing = Self { offset, overhead: 0 };
        Self { overhead: nothing.count(|| ()), ..nothing }
    }

    /// The instructions of a call.
    #[inline(never)]
    pub(crate) fn count(self, operation: impl FnOnce()) -> u32 {
        let began = counter::now();
        operation();
        let ended = counter::now();
        self.instruction(ended) - self.instruction(began) - self.overhead
    }

    fn instruction(self, now: u32) -> u32 {
        (5 * u64::from(now + self.offset)).div_ceil(8) as u32
    }
}

/// Prints the counts of an operation.
pub(crate) fn report(operation: &str, shape: (usize, usize), varies: Varies, counts: [u32; RUNS]) {
    let (n, k) = shape;
    let varies = match varies {
        Varies::Nothing => "nothing",
        Varies::Draws => "draws",
        Varies::Values => "values",
    };
    let [a, b, c] = counts;
    println!("{} {} {} {} {} {} {}", operation, n, k, varies, a, b, c);
}

/// What may change the count of an operation, besides its shape.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Varies {
    /// Nothing.
    Nothing,
    /// How many draws are rejected.
    Draws,
    /// The values that it computes with, as the float half may.
    Values,
}
