//! The offline phase: correlations from a host, with a progress bar.

use crate::entropy::SystemEntropy;
use crate::online::connect;
use crate::progress;
use crate::report::{Bytes, Cheated, Phase};
use anyhow::{Context, Result, bail};
use device_client::prepare::{PrepareEvent, PrepareMemory, prepare};
use device_client::store::{CorrelationStore, MemoryStore};
use device_client::unit::{UnitWorkspace, body_bytes, row_bytes, unit_words};
use embedded_io_adapters::tokio_1::FromTokio;
use kernel::bundle::DeviceBundle;
use kernel::model::{GroupId, ModelConfig};
use kernel::params::{ParameterId, ParameterSet};
use kernel::ring::Scalar;
use kernel::schedule::Schedule;
use kernel::wire::{HEADER_BYTES, MAX_PAYLOAD};
use kernel::with_masked_set;
use std::time::{Duration, Instant};

/// Preparation sessions with one host before it is given up.
const ATTEMPTS: u32 = 3;
/// Pause between them.
const PAUSE: Duration = Duration::from_secs(2);

/// What a preparation will move, worked out before it starts.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Estimate {
    pub(crate) tokens: u64,
    pub(crate) bytes_up: u64,
    pub(crate) bytes_down: u64,
    pub(crate) stored: u64,
}

/// The units that a schedule needs beyond what a store holds, and their cost.
pub(crate) fn plan(
    config: &ModelConfig,
    schedule: &Schedule,
    store: &MemoryStore,
    set: ParameterId,
) -> (Vec<GroupId>, Estimate) {
    let (degree, rank) = set.degree_and_rank();
    let mut units = Vec::new();
    let mut estimate = Estimate { tokens: 0, bytes_up: 0, bytes_down: 0, stored: 0 };
    for group in config.groups() {
        let Some(shape) = config.shape(group) else { continue };
        let lacking = schedule.demand(config, group).saturating_sub(store.available(group));
        let count = lacking.div_ceil(degree as u32);
        units.extend(core::iter::repeat_n(group, count as usize));
        let count = u64::from(count);
        estimate.tokens = estimate.tokens.max(count * degree as u64);
        estimate.bytes_up += count * (shape.columns * body_bytes(degree)) as u64;
        estimate.bytes_down += count * (shape.rows * row_bytes(degree, rank)) as u64;
        estimate.stored += count * (4 * shape.rows * degree) as u64;
    }
    (units, estimate)
}

/// Bytes that the offline phase works in.
pub(crate) fn memory(set: ParameterId) -> usize {
    let unit = with_masked_set!(set, S => 4 * unit_words::<S>() + S::N, 0);
    unit + HEADER_BYTES + MAX_PAYLOAD
}

/// Fetches what `schedule` needs into `store`. Refused units are asked for again, under fresh
/// keys, in later sessions; after a few the host is given up.
pub(crate) async fn fetch(
    host: &str,
    bundle: &DeviceBundle<'_>,
    store: &mut MemoryStore,
    schedule: &Schedule,
    set: ParameterId,
) -> Result<Phase> {
    let mut phase = Phase::default();
    for attempt in 0..ATTEMPTS {
        let (units, estimate) = plan(bundle.config(), schedule, store, set);
        if units.is_empty() {
            return Ok(phase);
        }
        if attempt > 0 {
            eprintln!(
                "{} checks failed: those units are dropped and made anew",
                phase.checks_failed
            );
            tokio::time::sleep(PAUSE).await;
        }
        eprintln!(
            "preparing {} tokens in {} units: {} up, {} down, {} stored",
            estimate.tokens,
            units.len(),
            Bytes(estimate.bytes_up),
            Bytes(estimate.bytes_down),
            Bytes(estimate.stored)
        );
        let started = Instant::now();
        let outcome = with_masked_set!(
            set,
            S => session::<S>(host, bundle, store, &units, estimate, &mut phase).await,
            bail!("this parameter set is not offered")
        );
        phase.add_time(started.elapsed());
        phase.tokens = phase.tokens.max(estimate.tokens);
        outcome.context("preparing correlations failed")?;
    }
    let (units, _) = plan(bundle.config(), schedule, store, set);
    if units.is_empty() { Ok(phase) } else { Err(Cheated { failed: phase.checks_failed }.into()) }
}

async fn session<S: ParameterSet>(
    host: &str,
    bundle: &DeviceBundle<'_>,
    store: &mut MemoryStore,
    units: &[GroupId],
    estimate: Estimate,
    phase: &mut Phase,
) -> Result<()> {
    let stream = connect(host).await.with_context(|| format!("connecting to {host}"))?;
    let mut words = vec![0; unit_words::<S>()];
    let mut noise = vec![0; S::N];
    let mut frame = vec![0; HEADER_BYTES + MAX_PAYLOAD];
    let memory = PrepareMemory {
        unit: UnitWorkspace { words: &mut words, noise: &mut noise },
        frame: &mut frame,
    };
    let bar = progress::bytes("preparing", estimate.bytes_up + estimate.bytes_down);
    let result = prepare::<S, Scalar, _, _, _>(
        FromTokio::new(stream),
        bundle,
        store,
        units,
        &mut SystemEntropy,
        memory,
        |event| match event {
            PrepareEvent::Bytes { up, down } => {
                phase.bytes_up += up;
                phase.bytes_down += down;
                bar.inc(up + down);
            }
            PrepareEvent::Unit { kept: true, .. } => phase.checks_passed += 1,
            PrepareEvent::Unit { kept: false, .. } => phase.checks_failed += 1,
        },
    )
    .await;
    bar.finish_and_clear();
    Ok(result?)
}
