//! Masked mode: correlations are prepared with the host, kept in external RAM, and used once.

use crate::failure::Failure;
use crate::memory::Arena;
use crate::run::{PART, Run};
use crate::secure;
use board::entropy::MachineEntropy;
use board::println;
use device_client::masked::{MaskedSession, masked_words};
use device_client::prepare::{
    PrepareError, PrepareEvent, PrepareMemory, prepare, prepare_frame_bytes,
};
use device_client::store::{CorrelationStore, Window, WindowStore};
use device_client::transport::TransportError;
use device_client::unit::{UnitForm, UnitWorkspace, unit_words};
use embassy_time::{Instant, Timer};
use kernel::model::GroupId;
use kernel::params::{Masked256x16, ParameterSet};
use kernel::ring::Scalar;
use kernel::wire::MAX_PAYLOAD;

/// The smallest units.
type Set = Masked256x16;

/// Keys of a unit.
const KEYS: usize = 1;
/// Groups of a model, at most.
const GROUPS: usize = 129;
/// Preparation sessions with one host before it is given up.
const ATTEMPTS: u32 = 3;

/// Prepares and generates.
pub(crate) async fn run(
    run: &Run<'_>,
    mut internal: Arena<'_>,
    external: &mut Arena<'_>,
) -> Result<(), Failure> {
    let config = run.bundle.config();
    let demand = |group| run.schedule.demand(config, group);
    let needed = config.groups().map(demand).max().unwrap_or(0) as usize;
    let room = run.arguments.store.unwrap_or(needed);
    let words = external.take("correlations", WindowStore::words(config, room))?;
    let mut windows = [const { Window::EMPTY }; GROUPS];
    let mut store = WindowStore::new(config, &mut windows, words)?;
    if store.tokens() < needed {
        return Err(Failure::Room { room: store.tokens(), needed });
    }

    fetch(run, &mut store, needed as u32, &mut internal.lend()).await?;

    let chunk = run.schedule.chunk() as usize;
    let words = internal.take("masks and images", masked_words(config, chunk))?;
    let part = internal.take("a part of a frame", PART)?;
    let session =
        MaskedSession::open(run.bundle, &mut store, run.schedule, Set::ID, run.id, words)?;
    let mut mode = None;
    run.generate(session.dynamic(&mut mode), part, external).await
}

/// Prepares what the store lacks. What a broken link or a refused unit leaves lacking is asked for
/// again, at a fixed pace, a few times.
async fn fetch(
    run: &Run<'_>,
    store: &mut WindowStore<'_>,
    needed: u32,
    internal: &mut Arena<'_>,
) -> Result<(), Failure> {
    let words = internal.take("unit", unit_words::<Set>(KEYS))?;
    let noise = internal.take("noise", Set::N)?;
    let frame = internal.take("a part of a frame", prepare_frame_bytes::<Set>())?;
    let began = Instant::now();
    let (mut up, mut down, mut kept, mut refused) = (0, 0, 0, 0);
    let mut outcome = Ok(());
    for attempt in 0..ATTEMPTS {
        let groups = run.bundle.config().groups();
        let lacking: heapless::Vec<GroupId, GROUPS> =
            groups.filter(|&group| store.available(group) < needed).collect();
        if lacking.is_empty() {
            break;
        }
        if attempt > 0 {
            println!("preparing again: {} units are missing", lacking.len());
            Timer::after(run.arguments.limits.pause).await;
        }
        let link = match secure::connect(&run.endpoint, &run.security).await {
            Ok(link) => link,
            Err(error) => {
                outcome = Err(PrepareError::Transport(TransportError::Link(error)));
                continue;
            }
        };
        let memory = PrepareMemory {
            unit: UnitWorkspace { words: &mut *words, noise: &mut *noise },
            frame: &mut *frame,
            max_payload: MAX_PAYLOAD,
        };
        outcome = prepare::<Set, Scalar, _, _, _>(
            link,
            run.bundle,
            store,
            &lacking,
            UnitForm { rows: run.arguments.rows, ..UnitForm::default() },
            &mut MachineEntropy,
            memory,
            |event| match event {
                PrepareEvent::Bytes { up: sent, down: received } => {
                    (up, down) = (up + sent, down + received);
                }
                PrepareEvent::Unit { kept: true, .. } => kept += 1,
                PrepareEvent::Unit { kept: false, .. } => refused += 1,
            },
        )
        .await;
        match &outcome {
            Err(PrepareError::Transport(error)) if error.is_passing() => {
                println!("error: {}", error);
            }
            Err(error) => return Err((*error).into()),
            Ok(()) => {}
        }
    }
    println!("prepared {} units, {} refused, up {} down {}", kept, refused, up, down);
    println!("offline {} ms", began.elapsed().as_millis());
    let groups = run.bundle.config().groups();
    if groups.into_iter().all(|group| store.available(group) >= needed) {
        return Ok(());
    }
    outcome?;
    Err(Failure::Cheated { failed: refused })
}
