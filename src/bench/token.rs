//! Whole tokens, really run: all layers through the protocol over loopback, the device's half included.

use super::Shape;
use super::device::Unit;
use super::machine::Machine;
use super::report::{Seconds, peak_rss};
use super::timed::Clock;
use crate::cli::{Bench, Mode};
use crate::commands::provision::make_unit;
use crate::device::BundleBytes;
use crate::distrust::Host;
use crate::entropy::{SystemEntropy, sampling_seed};
use crate::interrupt::Interrupts;
use crate::link::{self, Security};
use crate::local_host::HostThread;
use crate::online::Run;
use crate::progress;
use crate::report::{Bytes, Traffic};
use accel_cpu::Simd;
use anyhow::{Context, Result, bail, ensure};
use core::fmt;
use device_client::choose::Choice;
use device_client::decoder::Request;
use device_client::generate::{Event, Multiply, Sampling};
use device_client::prepare::{PrepareEvent, PrepareMemory, prepare, prepare_frame_bytes};
use device_client::store::{CorrelationStore, MemoryStore};
use device_client::unit::{MaskSource, UnitForm, UnitWorkspace, unit_words};
use host_server::engine::Engine;
use host_server::model::{HostBundle, synthetic_device, synthetic_host};
use host_server::server::Links;
use kernel::accel::AccelError;
use kernel::bundle::DeviceBundle;
use kernel::model::{GROUPS_PER_LAYER, GroupId, GroupShape, ModelConfig};
use kernel::params::ParameterSet;
use kernel::prime::{Prime, T};
use kernel::schedule::Schedule;
use kernel::wire::{MAX_PAYLOAD, RowForm};
use serde::Serialize;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Time for a host to answer an offline request.
const PATIENCE: Duration = Duration::from_secs(900);

/// What was measured. Names of fields are for scripts, and stay.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Tokens {
    shape: Shape,
    backend: &'static str,
    threads: usize,
    layers: u32,
    weight_bytes: u64,
    prompt_tokens: u32,
    prompt_bucket: u32,
    tokens: u32,
    /// Seconds from one token to the next, median.
    online_seconds: f64,
    /// Of these, those that the host's products do not take: the device's half, the protocol, loopback.
    device_share: f64,
    /// Seconds until the first token.
    prompt_seconds: f64,
    /// Of the whole session.
    online_bytes: Traffic,
    /// Over its tokens and the bucket of the prompt.
    online_bytes_per_token: Traffic,
    /// Seconds of the offline phase for one token, of a part, scaled.
    offline_seconds: f64,
    /// The host's products alone.
    offline_host_seconds: f64,
    offline_bytes_per_token: Traffic,
    /// Layers and rows that the offline phase was measured on.
    offline_layers_run: u32,
    /// The correlations of the run, made in the clear by this machine.
    provisioned_tokens: u32,
    stored_bytes_per_token: u64,
    identical_tokens: bool,
    identical_logits: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    peak_rss_bytes: Option<u64>,
}

/// Makes the bundles unless they are there, runs, and tells.
pub(super) fn run(options: &Bench, interrupts: &Interrupts) -> Result<Tokens> {
    let config = options.shape.config();
    let temporary;
    let folder = match &options.dir {
        Some(folder) => folder.as_path(),
        None => {
            temporary = tempfile::tempdir().context("a temporary folder")?;
            interrupts.leaves_nothing_of(temporary.path().to_owned());
            temporary.path()
        }
    };
    let (host, device) = (folder.join("host"), folder.join("device"));
    let weights = bundles(&config, &host, &device)?;
    let bytes = BundleBytes::read(&device)?;
    let bundle = bytes.parse()?;
    ensure!(
        bundle.digest() == weights.digest() && *weights.config() == config,
        "{} holds bundles of another shape: name another --dir, or remove them",
        folder.display()
    );

    let clock = Clock::default();
    let machine = Machine::new(options)?;
    let threads = machine.cpu.threads();
    let (model, digest) = (*weights.config(), weights.digest());
    let engine = Engine::load(Arc::new(clock.on(machine.accelerator)), model, digest, |group| {
        weights.rows(group)
    })?;
    let engine = Arc::new(engine.with_ring_ops::<Simd>());
    let server = HostThread::start(Arc::clone(&engine), Links::default())?;
    let address = Host::new(server.address.to_string(), Security::Plain);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let (bundle, engine) = (&bundle, &*engine);
    let job = Job { options, bundle, engine, host: &address, clock: &clock, threads };
    let result = runtime.block_on(job.run());
    server.stop();
    result
}

/// Opens the host's bundle, once both are there.
fn bundles(config: &ModelConfig, host: &Path, device: &Path) -> Result<HostBundle> {
    if !host.exists() {
        progress::counted("host bundle", |hear| synthetic_host(config, host, hear))?;
    }
    if !device.exists() {
        progress::counted("device bundle", |hear| {
            synthetic_device(config, device, &mut SystemEntropy, hear)
        })?;
    }
    Ok(HostBundle::open(host)?)
}

struct Job<'a> {
    options: &'a Bench,
    bundle: &'a DeviceBundle<'a>,
    engine: &'a Engine,
    host: &'a Host,
    clock: &'a Clock,
    threads: usize,
}

impl Job<'_> {
    async fn run(&self) -> Result<Tokens> {
        let config = self.bundle.config();
        let (prompt, tokens) = (self.options.prompt, self.options.tokens);
        let chunk = Mode::Masked.fitting_chunk(config, 16) as u32;
        let schedule = Schedule::for_request(config, prompt, tokens, chunk)?;
        let ids: Vec<u32> = (0..prompt).map(|i| i * 31 % config.vocab).collect();
        let sampling = Sampling { choice: Choice::new(0.0, 1.0)?, seed: sampling_seed(Some(1))? };
        let (bundle, pace) = (self.bundle, Duration::ZERO);
        let run = Run { bundle, schedule, prompt: &ids, sampling: &sampling, pace };

        let mut store = MemoryStore::new(config);
        let provisioned = schedule.prompt_bucket() + schedule.output_bucket();
        let bar = progress::count("provisioning", config.group_count().into());
        for group in config.groups() {
            self.provision(group, provisioned as usize, &mut store)?;
            bar.inc(1);
        }
        bar.finish_and_clear();

        let bar = progress::count("online", tokens.into());
        let (mut times, started) = (Vec::new(), Instant::now());
        let (transcript, online) = run
            .private(self.host, Mode::Masked, &mut store, None, Unit::ID, |event| {
                if let Event::Token { .. } = event {
                    times.push((started.elapsed().as_secs_f64(), self.clock.read().as_secs_f64()));
                    bar.inc(1);
                }
            })
            .await?;
        bar.finish_and_clear();
        if online.checks_failed > 0 {
            bail!("{} checks failed: this is a bug, please report it", online.checks_failed);
        }
        let mut steps: Vec<_> =
            times.windows(2).map(|pair| (pair[1].0 - pair[0].0, pair[1].1 - pair[0].1)).collect();
        steps.sort_by(|a, b| a.0.total_cmp(&b.0));
        let (seconds, host) = steps.get(steps.len() / 2).copied().unwrap_or_default();

        let mut clear = ClearProducts(self.engine);
        let plain = run.over_products(&mut clear).await?;
        let offline = self.offline().await?;
        let rows = u64::from(schedule.prompt_bucket() + schedule.output_bucket());
        let weights = config.groups().filter_map(|group| config.shape(group));
        Ok(Tokens {
            shape: self.options.shape,
            backend: self.engine.backend(),
            threads: self.threads,
            layers: config.layers,
            weight_bytes: weights.map(|shape| (shape.rows * shape.columns) as u64).sum(),
            prompt_tokens: prompt,
            prompt_bucket: schedule.prompt_bucket(),
            tokens: schedule.output_bucket(),
            online_seconds: seconds,
            device_share: if seconds > 0.0 { 1.0 - host / seconds } else { 0.0 },
            prompt_seconds: times.first().map_or(0.0, |first| first.0),
            online_bytes: Traffic { up: online.bytes_up, down: online.bytes_down },
            online_bytes_per_token: Traffic {
                up: online.bytes_up / rows,
                down: online.bytes_down / rows,
            },
            offline_seconds: offline.seconds,
            offline_host_seconds: offline.host_seconds,
            offline_bytes_per_token: offline.bytes,
            offline_layers_run: 1,
            provisioned_tokens: provisioned,
            stored_bytes_per_token: 4 * config.total_rows() as u64,
            identical_tokens: plain.tokens == transcript.tokens,
            identical_logits: plain.same_logits(&transcript),
            peak_rss_bytes: peak_rss(),
        })
    }

    /// Correlations of a group, made in the clear.
    fn provision(&self, group: GroupId, tokens: usize, store: &mut MemoryStore) -> Result<()> {
        let (masks, images) = make_unit(self.engine, self.bundle, group, tokens)?;
        let rows = images.len() / tokens;
        store.begin_unit(group, tokens, masks)?;
        for row in 0..rows {
            let of_row: Vec<u32> = images.iter().skip(row).step_by(rows).copied().collect();
            store.put_row(&of_row)?;
        }
        Ok(store.finish_unit(true)?)
    }

    /// One unit of each group of the first layer, and what follows for a token of the whole model.
    async fn offline(&self) -> Result<Offline> {
        let config = self.bundle.config();
        let units: Vec<GroupId> = (0..GROUPS_PER_LAYER).map(GroupId).collect();
        let mut words = vec![0; unit_words::<Unit>(1)];
        let (mut noise, mut frame) = (vec![0; Unit::N], vec![0; prepare_frame_bytes::<Unit>()]);
        let memory = PrepareMemory {
            unit: UnitWorkspace { words: &mut words, noise: &mut noise },
            frame: &mut frame,
            max_payload: MAX_PAYLOAD,
        };
        let form = UnitForm { masks: MaskSource::Unit, rows: RowForm::Switched, keys: 1 };
        let mut store = MemoryStore::new(config);
        let link = link::connect(self.host, PATIENCE).await?;
        let bar = progress::count("offline", u64::from(GROUPS_PER_LAYER));
        let (mut bytes, mut failed) = (Traffic::default(), 0);
        let (started, before) = (Instant::now(), self.clock.read());
        prepare::<Unit, Simd, _, _, _>(
            link,
            self.bundle,
            &mut store,
            &units,
            form,
            &mut SystemEntropy,
            memory,
            |event| match event {
                PrepareEvent::Bytes { up, down } => {
                    bytes.up += up;
                    bytes.down += down;
                }
                PrepareEvent::Unit { kept, .. } => {
                    failed += u32::from(!kept);
                    bar.inc(1);
                }
            },
        )
        .await
        .context("the offline phase ended early")?;
        bar.finish_and_clear();
        ensure!(failed == 0, "{failed} units failed their check: this is a bug, please report it");
        let seconds = started.elapsed().as_secs_f64();
        let host_seconds = (self.clock.read() - before).as_secs_f64();
        // Time goes with the weights, bytes nearly with the rows.
        let shapes = |groups: &mut dyn Iterator<Item = GroupId>| -> (f64, f64) {
            let shapes = groups.filter_map(|group| config.shape(group));
            shapes.fold((0.0, 0.0), |(weights, rows), shape: GroupShape| {
                (weights + (shape.rows * shape.columns) as f64, rows + shape.rows as f64)
            })
        };
        let (of_all, rows_of_all) = shapes(&mut config.groups());
        let (of_part, rows_of_part) = shapes(&mut units.into_iter());
        let n = Unit::N as f64;
        let scale = |bytes: u64| (bytes as f64 * rows_of_all / rows_of_part / n) as u64;
        Ok(Offline {
            seconds: seconds * of_all / of_part / n,
            host_seconds: host_seconds * of_all / of_part / n,
            bytes: Traffic { up: scale(bytes.up), down: scale(bytes.down) },
        })
    }
}

/// The offline phase for one token.
struct Offline {
    seconds: f64,
    host_seconds: f64,
    bytes: Traffic,
}

/// Products in the clear by the host's engine: exact, since results are smaller than t / 2.
struct ClearProducts<'a>(&'a Engine);

impl Multiply for ClearProducts<'_> {
    type Error = AccelError;

    async fn multiply(&mut self, request: Request<'_>, y: &mut [i32]) -> Result<(), AccelError> {
        let x: Vec<u32> = request.x.iter().map(|&x| T::from_i32(x)).collect();
        let product = self.0.product(request.group, request.tokens, &x)?;
        y.iter_mut().zip(product).for_each(|(y, product)| *y = T::centre(product));
        Ok(())
    }
}

impl fmt::Display for Tokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{} weights in {} layers, all run through the protocol over loopback; {}, {} threads",
            Bytes(self.weight_bytes),
            self.layers,
            self.backend,
            self.threads
        )?;
        let per_token =
            |bytes: Traffic| format!("{} up, {} down", Bytes(bytes.up), Bytes(bytes.down));
        writeln!(
            f,
            "online    {} a token, of which {:.0} % are not the host's products; {} a token",
            Seconds(self.online_seconds),
            100.0 * self.device_share,
            per_token(self.online_bytes_per_token)
        )?;
        writeln!(
            f,
            "          {} tokens, the first after {} for a prompt of {} (bucket {}); {} in all",
            self.tokens,
            Seconds(self.prompt_seconds),
            self.prompt_tokens,
            self.prompt_bucket,
            per_token(self.online_bytes)
        )?;
        writeln!(
            f,
            "offline   {} a token, of which {} are the host's products; {} a token; scaled from {} of {} \
             layers",
            Seconds(self.offline_seconds),
            Seconds(self.offline_host_seconds),
            per_token(self.offline_bytes_per_token),
            self.offline_layers_run,
            self.layers
        )?;
        writeln!(
            f,
            "          the run's own correlations, {} tokens of {}, were made in the clear on this machine",
            self.provisioned_tokens,
            Bytes(self.stored_bytes_per_token)
        )?;
        if let Some(bytes) = self.peak_rss_bytes {
            writeln!(f, "memory    {} resident at most, both sides together", Bytes(bytes))?;
        }
        if self.shape == Shape::Llama2_7b {
            writeln!(
                f,
                "beside    the best published hybrid (2024, 12 cores): 2,886 s and 23.6 GB a token, 34,631 s \
                 and 283 GB for 7 tokens in and 5 out"
            )?;
        }
        let same = |same: bool| if same { "identical" } else { "DIFFERENT" };
        writeln!(
            f,
            "result    tokens {}, logits {} to the same quantised model in the clear",
            same(self.identical_tokens),
            same(self.identical_logits)
        )
    }
}

impl Tokens {
    /// Whether the private run was the run in the clear.
    pub(super) const fn is_identical(&self) -> bool {
        self.identical_tokens && self.identical_logits
    }
}
