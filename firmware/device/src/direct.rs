//! Direct mode: activations are encrypted as they come.

use crate::failure::Failure;
use crate::memory::Arena;
use crate::run::Run;
use board::entropy::MachineEntropy;
use device_client::direct::{DirectMemory, DirectSession, direct_frame_bytes};
use kernel::params::{Direct4096, ParameterSet};
use kernel::ring::Scalar;
use kernel::stream::Seed;

type Set = Direct4096;

/// Generates. The key and what is decrypted are in external RAM: direct mode takes more than the chip has
/// beside everything else.
pub(crate) async fn run(
    run: &Run<'_>,
    mut internal: Arena<'_>,
    external: &mut Arena<'_>,
) -> Result<(), Failure> {
    let (config, chunk) = (run.bundle.config(), run.schedule.chunk() as usize);
    let seed = Seed::random(&mut MachineEntropy)?;
    let memory = DirectMemory {
        words: external.take("key and residues", DirectMemory::words::<Set>())?,
        results: external.take("results", DirectMemory::results::<Set>())?,
        noise: internal.take("noise", Set::N)?,
    };
    let bytes = direct_frame_bytes::<Set>(config, chunk);
    let frames = [external.take("request", bytes)?, external.take("reply", bytes)?];
    let session: DirectSession<'_, Set, Scalar> =
        DirectSession::open(run.bundle, run.schedule, run.id, seed, memory)?;
    run.generate(session, frames, external).await
}
