//! Counts the instructions of what a device computes, for `cargo xtask measure`, which runs it in QEMU
//! with `-icount shift=6`.
//!
//! A line of output is an operation, N, K (0 where there is none), what may change the count, and the
//! counts under three sets of secrets:
//!
//! ```text
//! encrypt 256 16 nothing 831002 831002 831002
//! ```
//!
//! Public values are the same in all three. Where words are drawn again until they are residues, the
//! count depends on the draws, which say nothing of the words that are kept: `draws`. The float half may
//! take longer for some values than for others, and what leaves the device does not show it: `values`.
#![no_std]
#![no_main]

mod arithmetic;
mod direct;
mod masked;
mod meter;
mod noise;
mod token;

use board::{println, semihosting, stack};
use meter::{Memory, Meter};
use static_cell::ConstStaticCell;

static MEMORY: ConstStaticCell<Memory> = ConstStaticCell::new(Memory::new());

#[board::entry]
fn main() -> ! {
    board::start();
    let (meter, memory) = (Meter::new(), MEMORY.take());
    arithmetic::measure(meter, memory);
    masked::measure(meter, memory);
    direct::measure(meter, memory);
    noise::measure(meter, memory);
    let Ok(bundle) = board::bundle::read() else { panic!("there is no bundle in the flash") };
    let external = board::memory::external_ram().map(bytemuck::try_cast_slice_mut);
    let Some(Ok(external)) = external else { panic!("there is no external RAM") };
    token::measure(meter, &bundle, external);
    println!("# stack {} bytes", stack::high_water());
    semihosting::exit(0)
}
