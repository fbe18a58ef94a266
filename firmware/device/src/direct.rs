//! Direct mode: activations are encrypted as they come.

use crate::failure::Failure;
use crate::memory::Arena;
use crate::run::{PART, Run};
use board::entropy::MachineEntropy;
use device_client::direct::{DirectMemory, DirectSession};
use kernel::params::{Direct4096, ParameterSet};
use kernel::ring::Scalar;
use kernel::stream::Seed;

pub(crate) type Set = Direct4096;

/// Generates.
pub(crate) async fn run(
    run: &Run<'_>,
    mut internal: Arena<'_>,
    external: &mut Arena<'_>,
) -> Result<(), Failure> {
    let seed = Seed::random(&mut MachineEntropy)?;
    let memory = DirectMemory {
        words: internal.take("residues", DirectMemory::words::<Set>())?,
        key: internal.take("key", Set::N)?,
    };
    let part = internal.take("a part of a frame", PART)?;
    let session: DirectSession<'_, Set, Scalar> =
        DirectSession::open(run.bundle, run.schedule, run.id, seed, memory)?;
    let mut mode = None;
    run.generate(session.dynamic(&mut mode), part, external).await
}
