//! The offline phase: correlations from a host, by the cheaper method, with a progress bar.

mod plan;
mod sessions;
mod trial;

use crate::cli::Method;
use crate::distrust::Host;
use crate::report::{Cheated, Phase};
use crate::store_file;
use anyhow::{Context, Result};
use device_client::prepare_direct::preparation_rule;
use device_client::sizes::Sizes;
use device_client::store::CorrelationStore;
use kernel::bundle::DeviceBundle;
use kernel::model::{GroupId, ModelConfig};
use kernel::params::{Direct4096, ParameterId};
use kernel::schedule::Schedule;
use plan::Plan;
use std::time::{Duration, Instant};
use trial::Trial;

/// The parameter set of preparations through direct mode.
type Set = Direct4096;

/// What is said of a model that has no preparation through direct mode.
pub(crate) const NO_DIRECT: &str = "this model cannot be prepared through direct mode: its matrices do \
                                    not fit its frames, or its weights are too large; use --method masked";

/// Preparation sessions with one host before it is given up.
const ATTEMPTS: u32 = 3;
/// Pause between them.
const PAUSE: Duration = Duration::from_secs(2);

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

/// How correlations may be made.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Means {
    pub(crate) method: Method,
    /// The parameter set of the masked method.
    pub(crate) batch: ParameterId,
    /// Keys of a unit of the masked method.
    pub(crate) keys: u8,
}

impl Means {
    /// Tokens of a unit of the masked method.
    pub(crate) fn unit_tokens(self) -> usize {
        usize::from(self.keys) * self.batch.degree_and_rank().0
    }

    /// Units of a group that `tokens` tokens take at most.
    pub(crate) fn units(self, bundle: &DeviceBundle<'_>, tokens: usize) -> usize {
        let masked = self.unit_tokens();
        let direct = (self.method != Method::Masked).then(|| preparation_rule::<Set>(bundle));
        let smallest = direct.flatten().map_or(masked, |rule| rule.tokens().min(masked));
        tokens.div_ceil(smallest)
    }
}

/// Bytes that the offline phase works in: a unit's workspace, a part of a frame, and the images of the
/// largest unit, which the store holds until they are whole.
pub(crate) fn memory(
    bundle: &DeviceBundle<'_>,
    means: Means,
    phase: &Phase,
    sizes: &Sizes,
) -> usize {
    let rows = bundle.config().largest().rows;
    let masked = || sizes.offline() + 4 * rows * means.unit_tokens();
    let direct = || {
        preparation_rule::<Set>(bundle).map_or(0, |rule| {
            sizes.prepared_direct::<Set>(&rule).offline() + 4 * rows * rule.tokens()
        })
    };
    match phase.method {
        None => 0,
        Some(Method::Masked) => masked(),
        Some(Method::Direct) => direct(),
        Some(Method::Auto) => masked().max(direct()),
    }
}

/// Fetches what `demand` needs into `store`, which has room for `room` units. Refused units are asked
/// for again, under fresh keys, in later sessions, not through direct mode then; after a few the host is
/// given up.
pub(crate) async fn fetch(
    host: &Host,
    bundle: &DeviceBundle<'_>,
    store: &mut impl CorrelationStore,
    demand: &Demand<'_>,
    means: Means,
    room: u64,
) -> Result<Phase> {
    let mut phase = Phase::default();
    let mut means = means;
    if means.method == Method::Direct {
        host.check()?;
    }
    let mut trial = None;
    for attempt in 0..ATTEMPTS {
        if !plan::lacks(bundle.config(), demand, store) {
            return Ok(phase);
        }
        if means.method == Method::Auto
            && let Err(error) = host.check()
        {
            eprintln!("--method auto is masked with this host: {error:#}");
            means.method = Method::Masked;
        }
        if trial.is_none() {
            trial = Some(Trial::run(bundle, means)?);
        }
        let Some(trial) = &trial else { return Ok(phase) };
        let room = room.saturating_sub(phase.checks_passed);
        let plan = Plan::new(bundle, demand, store, means, trial, room)?;
        let count = plan.units();
        store_file::check_room(room, count)?;
        if attempt > 0 {
            eprintln!(
                "{count} units failed their check and were dropped: they are made anew, and only \
                 masked mode may be used with this host from now on"
            );
            tokio::time::sleep(PAUSE).await;
        }
        eprintln!("{plan}");
        let started = Instant::now();
        let sessions = sessions::run(host, bundle, store, &plan, means, &mut phase);
        let outcome = host.session(sessions).await;
        phase.add_time(started.elapsed());
        phase.tokens = phase.tokens.max(plan.tokens);
        phase.batch = phase.batch.max(plan.batch);
        phase.method = Some(match phase.method {
            Some(method) if method != plan.method => Method::Auto,
            _ => plan.method,
        });
        outcome.context("preparing correlations failed")?;
        if means.method == Method::Direct && host.is_caught() {
            break;
        }
    }
    if plan::lacks(bundle.config(), demand, store) {
        Err(Cheated::Offline { failed: phase.checks_failed }.into())
    } else {
        Ok(phase)
    }
}
