//! A whole device on bare metal: it prepares correlations with a host, or encrypts as it goes, and
//! prints text that the host has not seen.
//!
//! The device's bundle is in external flash and is read in place. What to do comes as words of the
//! form `name=value`; [`arguments`] lists them. The exit code is 0, 1 for a failure, 2 for wrong usage,
//! and 3 where the host's answers failed a check.
//!
//! The features `masked`, `direct` and `noise` say what the program can do; it has all unless told
//! otherwise.
#![no_std]
#![no_main]

mod arguments;
#[cfg(feature = "direct")]
mod direct;
mod failure;
#[cfg(feature = "masked")]
mod masked;
mod memory;
mod network;
mod run;
mod secure;

use arguments::Arguments;
use board::{println, semihosting, stack};
use embassy_executor::Spawner;
use embassy_time::Timer;
use failure::Failure;
use memory::Memory;

#[board::entry]
fn main() -> ! {
    board::start();
    board::executor::run(|spawner| match device(spawner) {
        Ok(task) => spawner.spawn(task),
        Err(_) => semihosting::exit(1),
    })
}

/// Everything that the device does.
#[embassy_executor::task]
async fn device(spawner: Spawner) {
    let outcome = whole(spawner).await;
    println!("stack {} of {} bytes", stack::high_water(), stack::size());
    let code = match outcome {
        Ok(()) => 0,
        Err(failure) => failure.exit_code(),
    };
    println!("exit {}", code);
    semihosting::exit(code)
}

async fn whole(spawner: Spawner) -> Result<(), Failure> {
    let outcome = start(spawner).await;
    if let Err(failure) = &outcome {
        println!("error: {}", failure);
    }
    outcome
}

async fn start(spawner: Spawner) -> Result<(), Failure> {
    let mut line = [0; 1024];
    let line = semihosting::command_line(&mut line).ok_or(Failure::CommandLine)?;
    let arguments = Arguments::parse(line)?;
    let bundle = board::bundle::read()?;
    println!("model {}", bundle.digest());
    let mut memory = Memory::take()?;
    let stack = network::start(spawner).await?;
    let (mut starts, mut caught) = (arguments.starts, false);
    loop {
        let outcome = run::run(&bundle, &arguments, stack, &mut memory, caught).await;
        // Whatever came of it: nothing of this run is left for the next.
        memory.erase();
        println!("erased");
        starts -= 1;
        match outcome {
            Ok(()) => return Ok(()),
            Err(failure) => {
                caught |= failure.is_cheat();
                if starts == 0 || failure.is_final() {
                    return Err(failure);
                }
                println!("error: {}", failure);
                println!("starting again");
                Timer::after(arguments.limits.pause).await;
            }
        }
    }
}
