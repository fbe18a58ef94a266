//! The offline phase: correlations from a host, with a progress bar.

use crate::entropy::SystemEntropy;
use crate::link::Link;
use crate::progress;
use crate::report::{Bytes, Cheated, Phase};
use anyhow::{Context, Result, bail};
use device_client::prepare::{PrepareEvent, PrepareMemory, prepare};
use device_client::store::CorrelationStore;
use device_client::unit::{UnitWorkspace, unit_words};
use kernel::bundle::DeviceBundle;
use kernel::glwe::{EncryptScratch, SecretKey, decrypt_into, encrypt_seeded_into};
use kernel::model::{GroupId, ModelConfig};
use kernel::params::{Limbs, MaskedSet, ParameterId, ParameterSet};
use kernel::ring::Scalar;
use kernel::schedule::Schedule;
use kernel::stream::Seed;
use kernel::wire::{HEADER_BYTES, MAX_PAYLOAD, body_bytes, row_bytes};
use kernel::with_masked_set;
use std::time::{Duration, Instant};

/// Preparation sessions with one host before it is given up.
const ATTEMPTS: u32 = 3;
/// Pause between them.
const PAUSE: Duration = Duration::from_secs(2);
/// Time for a host to answer: it works out a unit's first rows before it sends any.
const PATIENCE: Duration = Duration::from_secs(900);

/// What a preparation will move, worked out before it starts.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Estimate {
    pub(crate) tokens: u64,
    pub(crate) bytes_up: u64,
    pub(crate) bytes_down: u64,
    pub(crate) stored: u64,
}

/// What a store shall hold.
pub(crate) enum Demand<'s> {
    /// The correlations of one session.
    Schedule(&'s Schedule),
    /// As many tokens of every group.
    Tokens(u32),
}

impl Demand<'_> {
    fn of(&self, config: &ModelConfig, group: GroupId) -> u32 {
        match self {
            Self::Schedule(schedule) => schedule.demand(config, group),
            Self::Tokens(tokens) => *tokens,
        }
    }
}

/// Units of `group` that a demand needs beyond what a store holds.
fn lacking(
    config: &ModelConfig,
    demand: &Demand<'_>,
    store: &impl CorrelationStore,
    set: ParameterId,
    group: GroupId,
) -> u32 {
    let (degree, _) = set.degree_and_rank();
    demand.of(config, group).saturating_sub(store.available(group)).div_ceil(degree as u32)
}

/// Units that a demand needs beyond what a store holds.
pub(crate) fn units(
    config: &ModelConfig,
    demand: &Demand<'_>,
    store: &impl CorrelationStore,
    set: ParameterId,
) -> u64 {
    config.groups().map(|group| u64::from(lacking(config, demand, store, set, group))).sum()
}

/// The units that a demand needs beyond what a store holds, and their cost.
fn plan(
    config: &ModelConfig,
    demand: &Demand<'_>,
    store: &impl CorrelationStore,
    set: ParameterId,
) -> (Vec<GroupId>, Estimate) {
    let (degree, rank) = set.degree_and_rank();
    let mut units = Vec::new();
    let mut estimate = Estimate { tokens: 0, bytes_up: 0, bytes_down: 0, stored: 0 };
    for group in config.groups() {
        let Some(shape) = config.shape(group) else { continue };
        let count = lacking(config, demand, store, set, group);
        units.extend(core::iter::repeat_n(group, count as usize));
        let count = u64::from(count);
        estimate.tokens = estimate.tokens.max(count * degree as u64);
        estimate.bytes_up += count * (shape.columns * body_bytes(degree)) as u64;
        estimate.bytes_down += count * (shape.rows * row_bytes(degree, rank)) as u64;
        estimate.stored += count * (4 * shape.rows * degree) as u64;
    }
    (units, estimate)
}

/// Seconds of the device's own work for units of these groups: what one body and one row take here
/// and now, times their number. The link and the host come on top.
fn device_seconds<S: MaskedSet>(config: &ModelConfig, units: &[GroupId]) -> Result<f64> {
    const TRIALS: u32 = 3;
    let seed = Seed::random(&mut SystemEntropy)?;
    let public = seed.derive_public();
    let mut key = vec![0; SecretKey::<S>::WORDS];
    let key = SecretKey::<S>::generate::<Scalar>(&seed, &mut key)?;
    let message = vec![0; S::N];
    let mut ciphertext = vec![0; S::Chain::COUNT * S::LIMB_WORDS];
    let (mut mask, mut noise) = (vec![0; S::N], vec![0; S::N]);
    let started = Instant::now();
    for coordinate in 0..TRIALS as usize {
        let body = &mut ciphertext[..S::Chain::COUNT * S::N];
        let mut scratch = EncryptScratch { mask: &mut mask, noise: &mut noise };
        encrypt_seeded_into::<S, Scalar>(
            &key,
            &seed,
            &public,
            coordinate,
            &message,
            body,
            &mut scratch,
        )?;
    }
    let encrypt = started.elapsed() / TRIALS;
    let started = Instant::now();
    let mut row = vec![0; S::N];
    for _ in 0..TRIALS {
        decrypt_into::<S, Scalar>(&key, &ciphertext, &mut row, &mut mask)?;
    }
    let decrypt = started.elapsed() / TRIALS;
    let shapes = units.iter().filter_map(|&group| config.shape(group));
    Ok(shapes
        .map(|shape| {
            shape.columns as f64 * encrypt.as_secs_f64() + shape.rows as f64 * decrypt.as_secs_f64()
        })
        .sum())
}

/// Bytes that the offline phase works in: a unit's workspace, a frame, and the images of the
/// largest unit, which the store holds until the unit has been checked.
pub(crate) fn memory(config: &ModelConfig, set: ParameterId) -> usize {
    let unit = with_masked_set!(set, S => 4 * unit_words::<S>() + S::N, 0);
    let images = 4 * config.largest().rows * set.degree_and_rank().0;
    unit + HEADER_BYTES + MAX_PAYLOAD + images
}

/// Fetches what `demand` needs into `store`. Refused units are asked for again, under fresh
/// keys, in later sessions; after a few the host is given up.
pub(crate) async fn fetch(
    host: &str,
    bundle: &DeviceBundle<'_>,
    store: &mut impl CorrelationStore,
    demand: &Demand<'_>,
    set: ParameterId,
) -> Result<Phase> {
    let mut phase = Phase::default();
    for attempt in 0..ATTEMPTS {
        let (units, estimate) = plan(bundle.config(), demand, store, set);
        if units.is_empty() {
            return Ok(phase);
        }
        if attempt > 0 {
            eprintln!(
                "{} units failed their check and were dropped: they are made anew",
                units.len()
            );
            tokio::time::sleep(PAUSE).await;
        }
        let seconds = with_masked_set!(
            set,
            S => device_seconds::<S>(bundle.config(), &units)?,
            bail!("this parameter set is not offered")
        );
        eprintln!(
            "preparing {} tokens in {} units: {} up, {} down, {} stored; about {seconds:.1} s of \
             this device's work, and the link's and the host's",
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
    let (units, _) = plan(bundle.config(), demand, store, set);
    if units.is_empty() {
        Ok(phase)
    } else {
        Err(Cheated::Offline { failed: phase.checks_failed }.into())
    }
}

async fn session<S: MaskedSet>(
    host: &str,
    bundle: &DeviceBundle<'_>,
    store: &mut impl CorrelationStore,
    units: &[GroupId],
    estimate: Estimate,
    phase: &mut Phase,
) -> Result<()> {
    let link =
        Link::connect(host, PATIENCE).await.with_context(|| format!("connecting to {host}"))?;
    let mut words = vec![0; unit_words::<S>()];
    let mut noise = vec![0; S::N];
    let mut frame = vec![0; HEADER_BYTES + MAX_PAYLOAD];
    let memory = PrepareMemory {
        unit: UnitWorkspace { words: &mut words, noise: &mut noise },
        frame: &mut frame,
    };
    let bar = progress::bytes("preparing", estimate.bytes_up + estimate.bytes_down);
    let result = prepare::<S, Scalar, _, _, _>(
        link,
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
    result.with_context(|| format!("the session with {host} ended early"))
}
