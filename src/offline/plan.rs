//! What a preparation will move and take, worked out before it starts, by both methods.

use super::trial::{Rates, Trial};
use super::{Demand, Means, NO_DIRECT, Set};
use crate::cli::Method;
use crate::report::Bytes;
use anyhow::{Context, Result};
use core::fmt;
use core::ops::Add;
use device_client::prepare_direct::preparation_rule;
use device_client::sizes::Traffic;
use device_client::store::CorrelationStore;
use device_client::unit::row_form;
use kernel::bundle::DeviceBundle;
use kernel::model::{GroupId, GroupShape, ModelConfig};
use kernel::params::{DirectSet, ParameterSet};
use kernel::trace::{Plan as TracePlan, PreparationRule};
use kernel::wire::{MAX_PAYLOAD, RowForm};

/// Bytes a second of a link of 100 Mbit/s, which is what methods are compared at.
const LINK: f64 = 12.5e6;
/// Multiply-adds of int8 weights a second of a host, nominally: a core or two with AVX2.
const INT8_RATE: f64 = 100e9;
/// Modular multiply-adds a second of a host, nominally: those of direct mode, encodings included.
const MODULAR_RATE: f64 = 1e9;

/// Bytes and seconds.
#[derive(Clone, Copy, Debug, Default)]
struct Cost {
    up: f64,
    down: f64,
    device: f64,
    host: f64,
}

impl Add for Cost {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            up: self.up + other.up,
            down: self.down + other.down,
            device: self.device + other.device,
            host: self.host + other.host,
        }
    }
}

impl Cost {
    fn times(self, count: u64) -> Self {
        let count = count as f64;
        Self {
            up: self.up * count,
            down: self.down * count,
            device: self.device * count,
            host: self.host * count,
        }
    }

    /// As if nothing ran beside anything else.
    fn seconds(&self) -> f64 {
        (self.up + self.down) / LINK + self.device + self.host
    }

    /// A result row of a masked unit.
    fn row(form: RowForm, means: Means, trial: &Trial) -> Self {
        let (degree, rank) = means.batch.degree_and_rank();
        let device = match form {
            RowForm::Full => trial.masked.decrypt,
            RowForm::Switched => trial.switched,
        };
        let down = form.row_bytes(degree, rank, means.keys.into());
        Self { down: down as f64, device, ..Self::default() }
    }

    /// A masked unit of a group.
    fn masked(shape: GroupShape, form: RowForm, means: Means, trial: &Trial) -> Self {
        let (degree, rank) = means.batch.degree_and_rank();
        let (m, n) = (shape.rows as f64, shape.columns as f64);
        let bodies = n * f64::from(means.keys);
        let row = Self::row(form, means, trial);
        let bytes = Traffic::unit(shape, (degree, rank), means.keys.into(), form);
        Self {
            up: bytes.up as f64,
            down: bytes.down as f64,
            device: bodies * trial.masked.encrypt + m * row.device,
            // Words of two limbs are four byte planes each. A host that keeps W times the model's masks
            // multiplies the bodies' columns alone; a device cannot know, and counts on no favour.
            host: m * n * ((rank * degree + means.unit_tokens()) * 8) as f64 / INT8_RATE,
        }
    }

    /// A unit of a group through direct mode.
    fn direct(shape: GroupShape, rule: &PreparationRule, rates: &Rates) -> Self {
        let layout = rule.layout(shape);
        let (up, down) = rule.payloads(shape, MAX_PAYLOAD);
        let inputs = layout.input_blocks(shape.columns) as f64;
        let outputs = layout.output_blocks(shape.rows) as f64;
        let plan = TracePlan::new(&layout);
        let giants = plan.giants() as f64 * if plan.two_sided() { 2.0 } else { 1.0 };
        // Masks and bodies of all limbs.
        let words = (2 * Set::BODY_WORDS) as f64;
        let switches =
            inputs * plan.babies() as f64 + outputs * (giants + f64::from(layout.fold().ilog2()));
        let sums = inputs * outputs * layout.sum() as f64;
        Self {
            up: up as f64,
            down: down.bytes() as f64,
            device: inputs * rates.encrypt + outputs * rates.decrypt,
            host: words * (sums + switches * Set::GADGET as f64) / MODULAR_RATE,
        }
    }

    /// The evaluation keys of a session.
    fn keys(rule: &PreparationRule, rates: &Rates) -> Self {
        let elements = (rule.automorphisms().count() * Set::GADGET) as f64;
        let host = elements * (2 * Set::BODY_WORDS) as f64 / MODULAR_RATE;
        Self { up: rule.key_bytes() as f64, down: 0.0, device: elements * rates.key, host }
    }
}

impl fmt::Display for Cost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (up, down) = (Bytes(self.up as u64), Bytes(self.down as u64));
        write!(f, "{up} up, {down} down, {:.1} s", self.seconds())
    }
}

/// Units of one group.
#[derive(Clone, Copy, Debug)]
struct Units {
    group: GroupId,
    shape: GroupShape,
    count: u64,
}

/// The units of one method.
#[derive(Debug)]
pub(super) struct Part {
    units: Vec<Units>,
    /// Tokens of each.
    tokens: u64,
    cost: Cost,
}

impl Part {
    fn empty(tokens: usize) -> Self {
        Self { units: Vec::new(), tokens: tokens as u64, cost: Cost::default() }
    }

    fn push(&mut self, units: Units, of_one: Cost) {
        self.units.push(units);
        self.cost = self.cost + of_one.times(units.count);
    }

    fn count(&self) -> u64 {
        self.units.iter().map(|units| units.count).sum()
    }

    /// The groups of all units.
    pub(super) fn groups(&self) -> Vec<GroupId> {
        let each = self.units.iter();
        each.flat_map(|units| core::iter::repeat_n(units.group, units.count as usize)).collect()
    }

    /// Bytes up and down.
    pub(super) const fn bytes(&self) -> u64 {
        (self.cost.up + self.cost.down) as u64
    }
}

/// What a store lacks, by method, and what it will cost.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) masked: Part,
    pub(super) direct: Part,
    /// The method of all units; `Auto` where there are both.
    pub(super) method: Method,
    /// Tokens that a group gets, at most.
    pub(super) tokens: u64,
    /// What rows of masked units come as, where their group allows it.
    pub(super) rows: RowForm,
    /// Tokens of the largest unit.
    pub(super) batch: usize,
    /// The cost of each method if it made everything, where it could.
    alone: (Cost, Option<Cost>),
    /// The units of the cheaper plan, where the store has no room for it, and the room.
    cramped: Option<(u64, u64)>,
}

/// Tokens of `group` that a demand needs beyond what a store holds.
fn lacking(
    config: &ModelConfig,
    demand: &Demand<'_>,
    store: &impl CorrelationStore,
    group: GroupId,
) -> u32 {
    demand.of(config, group).saturating_sub(store.available(group))
}

/// Whether a demand needs anything beyond what a store holds.
pub(super) fn lacks(
    config: &ModelConfig,
    demand: &Demand<'_>,
    store: &impl CorrelationStore,
) -> bool {
    config.groups().any(|group| lacking(config, demand, store, group) > 0)
}

impl Plan {
    pub(super) fn new(
        bundle: &DeviceBundle<'_>,
        demand: &Demand<'_>,
        store: &impl CorrelationStore,
        means: Means,
        trial: &Trial,
        room: u64,
    ) -> Result<Self> {
        let config = bundle.config();
        let batch = means.unit_tokens();
        let row_seconds = |form| Cost::row(form, means, trial).seconds();
        let fewer = row_seconds(RowForm::Switched) < row_seconds(RowForm::Full);
        let rows = if fewer { RowForm::Switched } else { RowForm::Full };
        let direct = preparation_rule::<Set>(bundle).zip(trial.direct);
        let keys = direct.map(|(rule, rates)| Cost::keys(&rule, &rates));
        let unit_tokens = direct.map_or(0, |(rule, _)| rule.tokens());
        // Everything masked, everything direct, and each group by what is cheaper for it.
        let (mut masked, mut all) = (Part::empty(batch), Part::empty(unit_tokens));
        let mut mixed = (Part::empty(batch), Part::empty(unit_tokens));
        for group in config.groups() {
            let tokens = lacking(config, demand, store, group) as usize;
            let Some(shape) = config.shape(group).filter(|_| tokens > 0) else { continue };
            let units = |of: usize| Units { group, shape, count: tokens.div_ceil(of) as u64 };
            let form = row_form(bundle, group, rows).unwrap_or_default();
            let of_one = Cost::masked(shape, form, means, trial);
            let by_mask = (units(batch), of_one);
            masked.push(by_mask.0, by_mask.1);
            let cheaper = direct.map(|(rule, rates)| {
                let by_direct = (units(unit_tokens), Cost::direct(shape, &rule, &rates));
                all.push(by_direct.0, by_direct.1);
                let seconds = |(units, cost): &(Units, Cost)| cost.times(units.count).seconds();
                (seconds(&by_direct) < seconds(&by_mask)).then_some(by_direct)
            });
            match cheaper.flatten() {
                Some((units, cost)) => mixed.1.push(units, cost),
                None => mixed.0.push(by_mask.0, by_mask.1),
            }
        }
        if let Some(keys) = keys {
            all.cost = all.cost + keys;
            mixed.1.cost = mixed.1.cost + keys;
        }
        let alone = (masked.cost, direct.map(|_| all.cost));
        let mut cramped = None;
        let (masked, direct) = match means.method {
            Method::Masked => (masked, Part::empty(0)),
            Method::Direct => {
                direct.context(NO_DIRECT)?;
                (Part::empty(batch), all)
            }
            Method::Auto => {
                let seconds = mixed.0.cost.seconds() + mixed.1.cost.seconds();
                let units = mixed.0.count() + mixed.1.count();
                let pays = mixed.1.count() > 0 && seconds < alone.0.seconds();
                cramped = (pays && units > room).then_some((units, room));
                if pays && units <= room { mixed } else { (masked, Part::empty(0)) }
            }
        };
        let parts = || [&masked, &direct].into_iter().filter(|part| part.count() > 0);
        let method = match (masked.count(), direct.count()) {
            (_, 0) => Method::Masked,
            (0, _) => Method::Direct,
            _ => Method::Auto,
        };
        let most = |part: &Part| part.units.iter().map(|u| u.count * part.tokens).max();
        let tokens = parts().filter_map(most).max().unwrap_or(0);
        let batch = parts().map(|part| part.tokens as usize).max().unwrap_or(0);
        Ok(Self { masked, direct, method, tokens, rows, batch, alone, cramped })
    }

    /// Units in all.
    pub(super) fn units(&self) -> u64 {
        self.masked.count() + self.direct.count()
    }
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let cost = self.masked.cost + self.direct.cost;
        let stored = |part: &Part| -> u64 {
            let rows = part.units.iter().map(|units| units.count * units.shape.rows as u64);
            4 * part.tokens * rows.sum::<u64>()
        };
        write!(
            f,
            "preparing {} tokens in {} units: {} up, {} down, {} stored; about {:.1} s of \
             this device's work, and the link's and the host's\nmethod   ",
            self.tokens,
            self.units(),
            Bytes(cost.up as u64),
            Bytes(cost.down as u64),
            Bytes(stored(&self.masked) + stored(&self.direct)),
            cost.device,
        )?;
        match self.method {
            Method::Masked => f.write_str("masked")?,
            Method::Direct => f.write_str("direct")?,
            Method::Auto => write!(
                f,
                "direct for {} of {} matrices, masked for the others",
                self.direct.units.len(),
                self.direct.units.len() + self.masked.units.len()
            )?,
        }
        write!(f, ": about {:.1} s in all if the link has 100 Mbit/s", cost.seconds())?;
        match (self.method, self.alone) {
            (Method::Masked, (_, Some(direct))) => write!(f, "; direct {direct}")?,
            (Method::Direct | Method::Auto, (masked, _)) => write!(f, "; masked {masked}")?,
            _ => {}
        }
        match self.cramped {
            Some((units, room)) => write!(
                f,
                "\nroom     the cheaper way makes {units} units, and the store has room for {room} more, \
                 which is fixed when it is made: another file (--correlations) is made with room enough"
            ),
            None => Ok(()),
        }
    }
}
