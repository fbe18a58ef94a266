use super::Set;
use crate::cli::Mode;
use crate::report::{Bytes, Traffic};
use core::fmt;
use device_client::sizes::Traffic as Moved;
use device_client::unit::row_form;
use kernel::bundle::DeviceBundle;
use kernel::model::{GroupId, GroupKind, ModelConfig};
use kernel::params::ParameterId;
use kernel::schedule::Schedule;
use kernel::trace::PreparationRule;
use kernel::wire::RowForm;
use serde::Serialize;

impl From<Moved> for Traffic {
    fn from(Moved { up, down }: Moved) -> Self {
        Self { up, down }
    }
}

fn sum(all: impl Iterator<Item = Moved>) -> Traffic {
    all.sum::<Moved>().into()
}

/// The products of a session, in one of the two ways.
#[derive(Debug, Serialize)]
struct Products {
    /// A token that is generated: a row of every matrix.
    token: Traffic,
    /// A chunk of the prompt.
    prompt_chunk: Traffic,
    /// Evaluation keys, sent once.
    key_bytes: u64,
    /// The whole session.
    session: Traffic,
}

impl Products {
    fn new(
        config: &ModelConfig,
        schedule: &Schedule,
        keys: Moved,
        product: impl Fn(GroupId, usize) -> Moved,
    ) -> Self {
        let head = config.group(0, GroupKind::LmHead);
        let layers = || config.groups().filter(|&group| group != head);
        let chunk = schedule.chunk() as usize;
        let all = schedule.products(config).map(|it| product(it.group, it.tokens as usize));
        Self {
            token: sum(config.groups().map(|group| product(group, 1))),
            prompt_chunk: sum(layers().map(|group| product(group, chunk))),
            key_bytes: keys.up,
            session: sum(all.chain([keys])),
        }
    }
}

/// The session, whole, in each of the ways that the mode has.
#[derive(Debug, Serialize)]
pub(super) struct Online {
    masked: Option<Products>,
    direct: Option<Products>,
}

impl Online {
    pub(super) fn new(mode: Mode, config: &ModelConfig, schedule: &Schedule) -> Self {
        let of = |group, product: &dyn Fn(_) -> Moved| {
            config.shape(group).map_or(Moved::default(), product)
        };
        let masked = || {
            Products::new(config, schedule, Moved::default(), |group, tokens| {
                of(group, &|shape| Moved::masked(shape, tokens))
            })
        };
        let direct = || {
            let keys = Moved::session_keys::<Set>(config, schedule);
            Products::new(config, schedule, keys, |group, tokens| {
                of(group, &|shape| Moved::direct::<Set>(shape, tokens))
            })
        };
        Self {
            masked: (mode != Mode::Direct).then(masked),
            direct: (mode != Mode::Masked).then(direct),
        }
    }
}

/// Correlations by one method, in whole units.
#[derive(Debug, Serialize)]
struct Units {
    /// Tokens of one.
    tokens: usize,
    token: Traffic,
    /// Evaluation keys, sent once in a session.
    key_bytes: u64,
    /// What a request needs.
    request: Traffic,
}

/// The preparation, by each method.
#[derive(Debug, Serialize)]
pub(super) struct Offline {
    masked: Option<Units>,
    /// With rows in a smaller modulus, which are more work for the device.
    masked_switched: Option<Units>,
    direct: Option<Units>,
}

impl Offline {
    pub(super) fn new(
        bundle: &DeviceBundle<'_>,
        schedule: &Schedule,
        units: Option<(ParameterId, u8)>,
        rule: Option<&PreparationRule>,
    ) -> Self {
        let config = bundle.config();
        let masked = |wanted| {
            let (batch, keys) = units?;
            let (set, keys) = (batch.degree_and_rank(), usize::from(keys));
            let unit = |group| {
                let form = row_form(bundle, group, wanted).unwrap_or_default();
                Moved::unit(bundle.shape(group), set, keys, form)
            };
            Some(Units::new(config, schedule, keys * set.0, 0, unit))
        };
        let direct = rule.map(|rule| {
            let unit = |group| Moved::prepared_direct(rule, bundle.shape(group));
            Units::new(config, schedule, rule.tokens(), rule.key_bytes() as u64, unit)
        });
        let (full, switched) = (masked(RowForm::Full), masked(RowForm::Switched));
        Self { masked: full, masked_switched: switched, direct }
    }
}

impl Units {
    fn new(
        config: &ModelConfig,
        schedule: &Schedule,
        tokens: usize,
        key_bytes: u64,
        unit: impl Fn(GroupId) -> Moved,
    ) -> Self {
        let one = sum(config.groups().map(&unit));
        let needed = config.groups().map(|group| {
            let Moved { up, down } = unit(group);
            let count = u64::from(schedule.demand(config, group)).div_ceil(tokens as u64);
            Moved { up: count * up, down: count * down }
        });
        let keys = Moved { up: key_bytes, down: 0 };
        let each = |bytes: u64| bytes.div_ceil(tokens as u64);
        let token = Traffic { up: each(one.up), down: each(one.down) };
        Self { tokens, token, key_bytes, request: sum(needed.chain([keys])) }
    }
}

/// A line: what, and bytes up and down.
fn row(
    f: &mut fmt::Formatter<'_>,
    section: &str,
    moved: Traffic,
    what: fmt::Arguments<'_>,
) -> fmt::Result {
    writeln!(f, "{section:<9}{:>9} up {:>9} down  {what}", Bytes(moved.up), Bytes(moved.down))
}

impl fmt::Display for Online {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut section = "online";
        for (name, products) in [("masked", &self.masked), ("direct", &self.direct)] {
            let Some(products) = products else { continue };
            row(f, section, products.token, format_args!("{name}: a token that is generated"))?;
            row(f, "", products.prompt_chunk, format_args!("{name}: a chunk of the prompt"))?;
            if products.key_bytes > 0 {
                let keys = Traffic { up: products.key_bytes, down: 0 };
                row(f, "", keys, format_args!("{name}: evaluation keys, once"))?;
            }
            row(f, "", products.session, format_args!("{name}: a whole session"))?;
            section = "";
        }
        Ok(())
    }
}

impl fmt::Display for Offline {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut section = "offline";
        let methods = [
            ("masked method", &self.masked),
            ("masked method, shorter rows", &self.masked_switched),
            ("through direct mode", &self.direct),
        ];
        for (name, units) in methods {
            let Some(units) = units else { continue };
            let tokens = units.tokens;
            row(f, section, units.token, format_args!("{name}: a token, in units of {tokens}"))?;
            row(f, "", units.request, format_args!("{name}: a request, in whole units"))?;
            section = "";
        }
        Ok(())
    }
}
