//! The sessions of a plan: one for each method that it has units for.

use super::plan::{Part, Plan};
use super::{Means, Set};
use crate::distrust::Host;
use crate::entropy::SystemEntropy;
use crate::link::{self, Link};
use crate::online::PART_BYTES;
use crate::progress;
use crate::report::Phase;
use accel_cpu::Simd;
use anyhow::{Context, Result, bail};
use device_client::direct::DirectMemory;
use device_client::prepare::{PrepareEvent, PrepareMemory, prepare, prepare_frame_bytes};
use device_client::prepare_direct::{
    PrepareDirectMemory, preparation_rule, prepare_direct, prepare_direct_words,
};
use device_client::store::CorrelationStore;
use device_client::unit::{MaskSource, UnitForm, UnitWorkspace, unit_words};
use indicatif::ProgressBar;
use kernel::bundle::DeviceBundle;
use kernel::params::{MaskedSet, ParameterSet};
use kernel::wire::MAX_PAYLOAD;
use kernel::with_masked_set;
use std::time::Duration;

/// Time for a host to answer: it works out a unit's first rows before it sends any.
const PATIENCE: Duration = Duration::from_secs(900);

pub(super) async fn run(
    host: &Host,
    bundle: &DeviceBundle<'_>,
    store: &mut impl CorrelationStore,
    plan: &Plan,
    means: Means,
    phase: &mut Phase,
) -> Result<()> {
    if plan.direct.bytes() > 0 {
        direct(host, bundle, store, &plan.direct, phase).await?;
    }
    if plan.masked.bytes() > 0 {
        with_masked_set!(
            means.batch,
            S => masked::<S>(host, bundle, store, plan, means.keys, phase).await?,
            bail!("this parameter set is not offered")
        );
    }
    Ok(())
}

/// Counts what happens.
fn observe<'p>(
    host: &'p Host,
    phase: &'p mut Phase,
    bar: &'p ProgressBar,
) -> impl FnMut(PrepareEvent) + 'p {
    move |event| match event {
        PrepareEvent::Bytes { up, down } => {
            phase.bytes_up += up;
            phase.bytes_down += down;
            bar.inc(up + down);
        }
        PrepareEvent::Unit { kept, .. } => {
            host.note(!kept);
            let count = if kept { &mut phase.checks_passed } else { &mut phase.checks_failed };
            *count += 1;
        }
    }
}

async fn connect(host: &Host) -> Result<Link> {
    let link = link::connect(host, PATIENCE).await;
    link.with_context(|| format!("connecting to {}", host.address()))
}

async fn masked<S: MaskedSet>(
    host: &Host,
    bundle: &DeviceBundle<'_>,
    store: &mut impl CorrelationStore,
    plan: &Plan,
    keys: u8,
    phase: &mut Phase,
) -> Result<()> {
    let link = connect(host).await?;
    let mut words = vec![0; unit_words::<S>(keys.into())];
    let mut noise = vec![0; S::N];
    let mut frame = vec![0; prepare_frame_bytes::<S>()];
    let memory = PrepareMemory {
        unit: UnitWorkspace { words: &mut words, noise: &mut noise },
        frame: &mut frame,
        max_payload: MAX_PAYLOAD,
    };
    let form = UnitForm { masks: MaskSource::Model, rows: plan.rows, keys };
    let (units, bar) = (plan.masked.groups(), progress::bytes("preparing", plan.masked.bytes()));
    let result = prepare::<S, Simd, _, _, _>(
        link,
        bundle,
        store,
        &units,
        form,
        &mut SystemEntropy,
        memory,
        observe(host, phase, &bar),
    )
    .await;
    bar.finish_and_clear();
    result.with_context(|| format!("the session with {} ended early", host.address()))
}

async fn direct(
    host: &Host,
    bundle: &DeviceBundle<'_>,
    store: &mut impl CorrelationStore,
    part: &Part,
    phase: &mut Phase,
) -> Result<()> {
    let rule = preparation_rule::<Set>(bundle).context("a model without this method")?;
    let link = connect(host).await?;
    let (mut residues, mut key) = (vec![0; DirectMemory::words::<Set>()], vec![0; Set::N]);
    let mut words = vec![0; prepare_direct_words(&rule)];
    let mut buffer = vec![0; PART_BYTES];
    let memory = PrepareDirectMemory {
        cipher: DirectMemory { words: &mut residues, key: &mut key },
        words: &mut words,
        part: &mut buffer,
    };
    let (units, bar) = (part.groups(), progress::bytes("preparing", part.bytes()));
    let result = prepare_direct::<Set, Simd, _, _, _>(
        link,
        bundle,
        store,
        &units,
        &mut SystemEntropy,
        memory,
        MAX_PAYLOAD,
        observe(host, phase, &bar),
    )
    .await;
    bar.finish_and_clear();
    result.with_context(|| {
        format!(
            "the session with {} ended early, and none of its correlations is kept",
            host.address()
        )
    })
}
