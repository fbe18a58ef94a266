//! Whether the board starts: prints its arguments, measures itself, and ends well. With the argument
//! `overflow` it shows that a stack which overflows is caught.
#![no_std]
#![no_main]

use board::{counter, println, semihosting, stack};
use core::hint::black_box;

#[board::entry]
fn main() -> ! {
    board::start();
    let began = counter::now();
    let mut memory = [0; 256];
    let line = semihosting::command_line(&mut memory).unwrap_or_default();
    println!("hello: {}", line);
    if line.split_whitespace().any(|word| word == "overflow") {
        println!("{}", overflow(0));
        semihosting::exit(1);
    }
    println!("ticks {}", counter::now().wrapping_sub(began));
    println!("stack {} of {} bytes", stack::high_water(), stack::size());
    semihosting::exit(0)
}

/// Takes more stack than there is.
#[inline(never)]
fn overflow(depth: u32) -> u32 {
    let frame = black_box([depth; 64]);
    if black_box(depth) == u32::MAX { 0 } else { overflow(depth + 1) + black_box(frame)[7] }
}
