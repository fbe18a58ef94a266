//! The firmware, built and run on an emulated board: as it should go, and as it should end.

pub(crate) mod build;
mod capture;
pub(crate) mod machine;
mod memory;
mod party;
mod proxy;
pub(crate) mod qemu;
mod trials;

use std::path::Path;
use std::thread;

use anyhow::{Result, ensure};
use party::Party;
use trials::Trials;

use crate::{packages, shell};

/// What the board exits with when its stack has met the guard.
const STACK_OVERFLOW: i32 = 103;

/// Builds the firmware, runs it against a host on this machine, and writes down what it takes.
pub(crate) fn check() -> Result<()> {
    // Also where this step is run alone.
    packages::install()?;
    build::lint()?;
    let programs = build::build()?;
    memory::check_code(&programs.join("device"))?;
    hello(&programs.join("hello"))?;

    let folder = shell::target_dir("firmware")?.join("run");
    if folder.exists() {
        std::fs::remove_dir_all(&folder)?;
    }
    std::fs::create_dir_all(&folder)?;
    let party = Party::start(&folder)?;
    let activations = party.activations()?;
    let trials = Trials { party: &party, program: programs.join("device"), folder: &folder };
    trials.full_store()?;
    // Three at a time: they wait for their networks as much as they compute, and one for hosts that are silent.
    let (runs, faults, silence) = thread::scope(|scope| {
        let runs = scope.spawn(|| -> Result<_> {
            let masked = trials.secured("masked")?;
            let direct = trials.secured("direct")?;
            trials.ordinary("masked", &activations)?;
            trials.ordinary("direct", &activations)?;
            Ok([("masked", masked), ("direct", direct)])
        });
        let faults = scope.spawn(|| {
            trials.stranger()?;
            trials.reset()?;
            trials.liar_direct()?;
            trials.liar()
        });
        let silence = scope.spawn(|| {
            trials.silent()?;
            trials.cable()
        });
        (runs.join(), faults.join(), silence.join())
    });
    let lost = |_| anyhow::anyhow!("a trial panicked");
    faults.map_err(lost)??;
    silence.map_err(lost)??;
    let runs = runs.map_err(lost)??;

    let table = memory::page(&trials.program, &runs)?;
    let file = folder.with_file_name("memory.md");
    std::fs::write(&file, &table)?;
    println!("{table}\nwritten to {}; docs/embedded/memory.md is a copy of it", file.display());
    // The bundles hold secrets.
    std::fs::remove_dir_all(&folder)?;
    Ok(())
}

/// That the board starts, and that a stack which overflows ends the program.
fn hello(program: &Path) -> Result<()> {
    shell::run(&mut qemu::emulator(program, &["world"]))?;
    let code = qemu::emulator(program, &["overflow"]).status()?.code();
    ensure!(code == Some(STACK_OVERFLOW), "a stack that overflows ended with {code:?}");
    Ok(())
}
