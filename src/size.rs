//! What a device needs for a model and a mode, before one is built: memory and bytes over the link.

mod traffic;

use crate::cli::{DemoLink, Method, Mode, Size};
use crate::offline::NO_DIRECT;
use crate::online::check_direct;
use crate::run::schedule;
use anyhow::{Result, bail};
use core::fmt;
use device_client::prepare_direct::preparation_rule;
use device_client::sizes::Sizes;
use device_client::store::WindowStore;
use kernel::bundle::DeviceBundle;
use kernel::model::ModelConfig;
use kernel::params::{Direct4096, Masked256x16, ParameterId};
use kernel::schedule::Schedule;
use kernel::with_masked_set;
use link::record::Incoming;
use serde::Serialize;
use traffic::{Offline, Online};

/// The parameter set of direct mode.
pub(crate) type Set = Direct4096;

/// The memory of a device; `batch` is a set of the masked method.
pub(crate) fn sizes(
    mode: Mode,
    config: &ModelConfig,
    schedule: &Schedule,
    (batch, keys): (ParameterId, u8),
    part: usize,
) -> Sizes {
    let keys = keys.into();
    match mode {
        Mode::Direct => Sizes::direct::<Set>(config, schedule, part),
        Mode::Masked => with_masked_set!(
            batch,
            S => Sizes::masked::<S>(config, schedule, keys, part),
            Sizes::masked::<Masked256x16>(config, schedule, keys, part)
        ),
        Mode::Mixed => with_masked_set!(
            batch,
            S => Sizes::mixed::<S, Set>(config, schedule, keys, part),
            Sizes::mixed::<Masked256x16, Set>(config, schedule, keys, part)
        ),
    }
}

/// RAM by purpose, in bytes.
#[derive(Debug, Serialize)]
struct Ram {
    cache: usize,
    activations: usize,
    choice: usize,
    masked: usize,
    direct: usize,
    session: usize,
    part: usize,
    preparation: usize,
    preparation_part: usize,
    /// Both of a preparation through direct mode instead.
    preparation_direct: usize,
    link: usize,
    /// Sums: the decoder's three.
    decoder: usize,
    /// Protocol and cryptography: the larger of session and preparations, and the link.
    protocol: usize,
    /// Both.
    total: usize,
}

/// Correlations, in RAM or where the device keeps them.
#[derive(Debug, Serialize)]
struct Store {
    tokens: u32,
    bytes: usize,
    per_token: usize,
}

/// Everything that the program says. Names of fields are for scripts, and stay.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    model: String,
    mode: Mode,
    prompt_bucket: u32,
    output_bucket: u32,
    chunk: u32,
    positions: u32,
    #[serde(rename = "batch")]
    unit_tokens: usize,
    /// Bytes of the bundle, which is read in place.
    flash_bundle: usize,
    ram: Ram,
    store: Option<Store>,
    online: Online,
    offline: Option<Offline>,
}

impl Report {
    /// For a bundle of `length` bytes.
    pub(crate) fn new(options: &Size, bundle: &DeviceBundle<'_>, length: usize) -> Result<Self> {
        let (mode, config) = (options.mode, bundle.config());
        let shape = (options.prompt as usize, options.tokens, options.chunk);
        let schedule = schedule(mode, shape, config)?;
        if mode != Mode::Masked {
            check_direct(bundle, schedule)?;
        }
        let units = (options.batch, options.keys);
        let sizes = sizes(mode, config, &schedule, units, options.part as usize);
        let prepares = mode != Mode::Direct;
        let by_mask = prepares && options.method != Method::Direct;
        let by_direct = prepares && options.method != Method::Masked;
        let rule = preparation_rule::<Set>(bundle).filter(|_| by_direct);
        if prepares && !by_mask && rule.is_none() {
            bail!(NO_DIRECT);
        }
        let link = match options.link {
            DemoLink::Plain => 0,
            // One record each way.
            DemoLink::Noise => 2 * Incoming::<[u8; 0]>::LEAST_BYTES,
        };
        let of_method = |by: bool, bytes: usize| if by { bytes } else { 0 };
        let preparation = of_method(by_mask, sizes.preparation);
        let preparation_part = of_method(by_mask, sizes.preparation_part);
        let preparation_direct =
            rule.map_or(0, |rule| sizes.prepared_direct::<Set>(&rule).offline());
        let offline = preparation_direct.max(preparation + preparation_part);
        let protocol = sizes.online().max(offline) + link;
        let ram = Ram {
            cache: sizes.cache,
            activations: sizes.activations,
            choice: sizes.choice,
            masked: sizes.masked,
            direct: sizes.direct,
            session: sizes.session,
            part: sizes.part,
            preparation,
            preparation_part,
            preparation_direct,
            link,
            decoder: sizes.decoder(),
            protocol,
            total: sizes.decoder() + protocol,
        };
        let store = prepares.then(|| Store {
            tokens: schedule.positions(),
            bytes: sizes.store,
            per_token: 4 * WindowStore::words(config, 1),
        });
        Ok(Self {
            model: options.model.display().to_string(),
            mode,
            prompt_bucket: schedule.prompt_bucket(),
            output_bucket: schedule.output_bucket(),
            chunk: schedule.chunk(),
            positions: schedule.positions(),
            unit_tokens: usize::from(options.keys) * options.batch.degree_and_rank().0,
            flash_bundle: length,
            ram,
            store,
            online: Online::new(mode, config, &schedule),
            offline: prepares
                .then(|| Offline::new(bundle, &schedule, by_mask.then_some(units), rule.as_ref())),
        })
    }
}

/// Bytes to the last one, in groups of three digits.
struct Exact(usize);

impl fmt::Display for Exact {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = self.0.to_string();
        let mut text = String::new();
        for (index, digit) in digits.chars().enumerate() {
            if index > 0 && (digits.len() - index).is_multiple_of(3) {
                text.push(',');
            }
            text.push(digit);
        }
        f.pad(&text)
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { model, prompt_bucket, output_bucket, chunk, positions, ram, .. } = self;
        let mode = format!("{:?}", self.mode).to_lowercase();
        writeln!(
            f,
            "{model}: {mode} mode, prompts of up to {prompt_bucket} tokens in chunks of {chunk}, \
             {output_bucket} tokens out: {positions} positions; bytes\n"
        )?;
        let mut row = |section: &str, bytes: usize, what: &str| match bytes {
            0 => Ok(()),
            _ => writeln!(f, "{section:<9}{:>15}  {what}", Exact(bytes)),
        };
        row("flash", self.flash_bundle, "the bundle, read in place")?;
        row("RAM", ram.total, "without stack and correlations, of which")?;
        row("", ram.decoder, "decoder:")?;
        row("", ram.cache, "  cache of keys and values")?;
        row("", ram.activations, "  activations, products, logits")?;
        row("", ram.choice, "  choice of tokens")?;
        row("", ram.protocol, "protocol and cryptography, one phase after the other:")?;
        row("", ram.masked, "  session: masks and images of a step")?;
        row("", ram.direct, "  session: direct mode's key, and what it encrypts in")?;
        row("", ram.session, "  session: its state, as this machine lays it out")?;
        row("", ram.part, "  session: a part of a frame")?;
        row("", ram.preparation, "  preparation: a unit of the masked method")?;
        row("", ram.preparation_part, "  preparation: a part of its frames")?;
        row("", ram.preparation_direct, "  preparation: through direct mode, a part included")?;
        row("", ram.link, "  link: a record each way (Noise)")?;
        if let Some(store) = &self.store {
            row("store", store.bytes, "correlations of a request, with their windows")?;
            row("", store.per_token, "  of a token")?;
        }
        writeln!(f)?;
        self.online.fmt(f)?;
        if let Some(offline) = &self.offline {
            offline.fmt(f)?;
        }
        writeln!(
            f,
            "\nThe program's flash, its tables and its stack are the build's: `cargo xtask firmware` \
             measures\nthem, and docs/embedded.md has what it measured."
        )
    }
}

#[cfg(test)]
mod tests {
    use super::Exact;

    #[test]
    fn exact_bytes_are_grouped() {
        for (bytes, text) in [
            (0, "0"),
            (999, "999"),
            (1000, "1,000"),
            (335_296, "335,296"),
            (1 << 30, "1,073,741,824"),
        ] {
            assert_eq!(Exact(bytes).to_string(), text);
        }
        assert_eq!(format!("[{:>7}]", Exact(1000)), "[  1,000]");
    }
}
