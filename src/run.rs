//! One generation from a request to a report: what `demo` and `generate` share.

use crate::cli::{Mode, Request};
use crate::device::BundleBytes;
use crate::display::Display;
use crate::distrust::Host;
use crate::dump::LogitsFile;
use crate::entropy::sampling_seed;
use crate::interrupt::Interrupts;
use crate::offline::{self, Demand, Means};
use crate::online::{PART_BYTES, Run, Transcript};
use crate::prompt::prompt_ids;
use crate::report::{Cheated, DeviceMemory, Masked, Phase, Report};
use crate::size::sizes;
use crate::store_file;
use anyhow::{Result, anyhow, bail};
use device_client::choose::Choice;
use device_client::generate::{Event, Sampling};
use device_client::store::{CorrelationStore, MemoryStore, WindowStore};
use host_server::model::HostBundle;
use kernel::bundle::DeviceBundle;
use kernel::model::ModelConfig;
use kernel::schedule::{Schedule, ScheduleError};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Instant;
use zeroize::Zeroizing;

/// A request that has been checked against the model's shape, before anything expensive happens.
pub(crate) struct Job<'r> {
    request: &'r Request,
    prompt: Zeroizing<Vec<u32>>,
    schedule: Schedule,
    sampling: Sampling,
    logits_file: Option<LogitsFile>,
}

impl Request {
    /// How what the store lacks may be made.
    const fn means(&self) -> Means {
        Means { method: self.method, batch: self.batch, keys: self.keys }
    }
}

impl<'r> Job<'r> {
    /// Checks a request to a model of this shape, whose tokenizer files are in `folder`.
    pub(crate) fn new(request: &'r Request, config: &ModelConfig, folder: &Path) -> Result<Self> {
        let choice = Choice::new(request.temperature, request.top_p)?;
        let sampling = Sampling { choice, seed: sampling_seed(request.seed)? };
        let prompt = Zeroizing::new(prompt_ids(request, folder, config.vocab)?);
        let shape = (prompt.len(), request.tokens, request.chunk);
        let schedule = schedule(request.mode, shape, config)?;
        let logits_file = request.dump_logits.as_deref().map(LogitsFile::open).transpose()?;
        Ok(Self { request, prompt, schedule, sampling, logits_file })
    }
}

/// The schedule for a prompt of so many tokens, with so many tokens out, in chunks of so many, or as many as
/// the mode's frames hold.
pub(crate) fn schedule(
    mode: Mode,
    (prompt, tokens, chunk): (usize, u32, u32),
    config: &ModelConfig,
) -> Result<Schedule> {
    let chunk = mode.fitting_chunk(config, chunk as usize) as u32;
    let length = u32::try_from(prompt).unwrap_or(u32::MAX);
    let context = config.context;
    Schedule::for_request(config, length, tokens, chunk).map_err(|error| match error {
        ScheduleError::Context { .. } if length > context => {
            anyhow!("the prompt has {prompt} tokens, more than the model's context of {context}")
        }
        ScheduleError::Context { .. } => anyhow!(
            "a prompt of {prompt} tokens and --tokens {tokens} exceed the model's context of {context}: \
             --tokens can be {} at most",
            context - length + 1
        ),
        _ => error.into(),
    })
}

/// Who takes part in a run.
pub(crate) struct Parties<'a> {
    /// The host.
    pub(crate) host: Host,
    /// The device's bundle.
    pub(crate) device: &'a BundleBytes,
    /// The device's store of correlations; without one they are kept in memory.
    pub(crate) store: Option<PathBuf>,
    /// The weights, where this machine may run the model in the clear as well.
    pub(crate) weights: Option<&'a HostBundle>,
    /// What the host multiplies with, where it is known.
    pub(crate) backend: Option<String>,
    /// How the report calls the model.
    pub(crate) model: String,
}

/// Runs a job and prints what it yields.
pub(crate) async fn run(
    job: Job<'_>,
    parties: &Parties<'_>,
    interrupts: &Interrupts,
) -> Result<()> {
    let Job { request, prompt, schedule, sampling, logits_file } = job;
    let bundle = parties.device.parse()?;
    let config = *bundle.config();
    let pace = request.pace(request.mode);
    let run = Run { bundle: &bundle, schedule, prompt: &prompt, sampling: &sampling, pace };

    let (offline, transcript, online) = phases(&run, request, parties, interrupts).await?;
    let units = (request.batch, request.keys);
    let sizes = sizes(request.mode, &config, &schedule, units, PART_BYTES);

    let mut report = Report {
        model: parties.model.clone(),
        mode: request.mode,
        text: text(&bundle, &transcript.tokens),
        prompt_ids: prompt.to_vec(),
        token_ids: transcript.tokens.clone(),
        identical_tokens: None,
        identical_logits: None,
        checks_passed: offline.checks_passed + online.checks_passed,
        checks_failed: offline.checks_failed + online.checks_failed,
        prompt_bucket: schedule.prompt_bucket(),
        output_bucket: schedule.output_bucket(),
        batch: if offline.batch > 0 { offline.batch } else { request.means().unit_tokens() },
        offline,
        online,
        masked: None,
        plain_seconds: None,
        device_memory: DeviceMemory {
            bundle: parties.device.len(),
            decoder: sizes.decoder(),
            online: sizes.online(),
            offline: offline::memory(&bundle, request.means(), &offline, &sizes),
            correlation_per_token: 4 * WindowStore::words(&config, 1),
        },
        backend: parties.backend.clone(),
    };
    let cheated = report.online.checks_failed;
    if cheated == 0 {
        if let Some(weights) = parties.weights {
            if request.mode != Mode::Masked {
                report.masked = Some(beside_masked(&run, request, parties, &transcript).await?);
            }
            compare(&run, weights, &transcript, &mut report).await?;
        }
        if let Some(file) = logits_file {
            file.write(&transcript.logits, config.vocab as usize)?;
        }
    }
    if request.json {
        writeln!(std::io::stdout(), "{}", report.json()?)?;
    } else {
        eprint!("\n{report}");
    }
    if cheated > 0 {
        return Err(Cheated::Online { failed: cheated }.into());
    }
    let differs = report.identical_tokens == Some(false) || report.identical_logits == Some(false);
    if report.masked.is_some_and(|run| !(run.identical_tokens && run.identical_logits)) {
        bail!("the two modes differ: this is a bug, please report it");
    }
    if differs {
        bail!("the private run differs from the run in the clear: this is a bug, please report it");
    }
    Ok(())
}

/// The phases that the request's mode has, with the store that it uses.
async fn phases(
    run: &Run<'_>,
    request: &Request,
    parties: &Parties<'_>,
    interrupts: &Interrupts,
) -> Result<(Phase, Transcript, Phase)> {
    let schedule = &run.schedule;
    let Some(path) = parties.store.as_ref().filter(|_| request.mode != Mode::Direct) else {
        let mut store = MemoryStore::new(run.bundle.config());
        return both_phases(run, request, parties, interrupts, &mut store, u64::MAX).await;
    };
    let tokens = (schedule.prompt_bucket() + schedule.output_bucket()) as usize;
    let units = request.means().units(run.bundle, tokens);
    let mut store = store_file::open_or_create(path, run.bundle, units)?;
    let room = store.room() as u64;
    both_phases(run, request, parties, interrupts, &mut store, room).await
}

/// Prepares what the store lacks, which has room for `room` units, if the mode prepares, then runs the
/// session.
async fn both_phases(
    run: &Run<'_>,
    request: &Request,
    parties: &Parties<'_>,
    interrupts: &Interrupts,
    store: &mut impl CorrelationStore,
    room: u64,
) -> Result<(Phase, Transcript, Phase)> {
    // A store with correlations for a part is what mixed mode is for; a demonstration makes one.
    let demonstrates = request.mode == Mode::Mixed && parties.store.is_none();
    let mut offline = Phase::default();
    if request.mode == Mode::Masked || demonstrates {
        let demand = Demand::Schedule(&run.schedule);
        let (host, means) = (&parties.host, request.means());
        offline = offline::fetch(host, run.bundle, store, &demand, means, room).await?;
    }
    if request.mode != Mode::Masked {
        parties.host.check()?;
    }
    let products = run.schedule.product_count(run.bundle.config());
    let most = demonstrates.then(|| u32::try_from(products / 2).unwrap_or(u32::MAX));
    let (transcript, online) = session(run, request, parties, interrupts, store, most).await?;
    Ok((offline, transcript, online))
}

/// The online session, as a person sees it.
async fn session(
    run: &Run<'_>,
    request: &Request,
    parties: &Parties<'_>,
    interrupts: &Interrupts,
    store: &mut impl CorrelationStore,
    most: Option<u32>,
) -> Result<(Transcript, Phase)> {
    let mut display = Display::new(run.bundle, interrupts, &run.schedule, request.json);
    interrupts.session_begins();
    let (host, mode, batch) = (&parties.host, request.mode, request.batch);
    let session = run.private(host, mode, store, most, batch, |event| display.show(event));
    let result = host.session(session).await;
    drop(display);
    let (transcript, online) = result?;
    interrupts.session_ends()?;
    Ok((transcript, online))
}

/// The same run in masked mode, for comparison.
async fn beside_masked(
    run: &Run<'_>,
    request: &Request,
    parties: &Parties<'_>,
    other: &Transcript,
) -> Result<Masked> {
    let run = Run { pace: request.pace(Mode::Masked), ..*run };
    let mut store = MemoryStore::new(run.bundle.config());
    let demand = Demand::Schedule(&run.schedule);
    let (host, batch) = (&parties.host, request.batch);
    let (means, room) = (request.means(), u64::MAX);
    let offline = offline::fetch(host, run.bundle, &mut store, &demand, means, room).await?;
    let rows = u64::from(run.schedule.prompt_bucket() + run.schedule.output_bucket());
    let bar = crate::progress::count("masked", rows);
    let masked = run.private(host, Mode::Masked, &mut store, None, batch, |event| match event {
        Event::Prefill { rows, .. } => bar.set_position(u64::from(*rows)),
        Event::Token { .. } => bar.inc(1),
        Event::Logits { .. } => {}
    });
    let outcome = host.session(masked).await;
    bar.finish_and_clear();
    let (transcript, online) = outcome?;
    if online.checks_failed > 0 {
        return Err(Cheated::Online { failed: online.checks_failed }.into());
    }
    Ok(Masked {
        offline,
        online,
        identical_tokens: transcript.tokens == other.tokens,
        identical_logits: transcript.same_logits(other),
    })
}

/// Runs the model in the clear and compares every token and every bit of every logit.
async fn compare(
    run: &Run<'_>,
    weights: &HostBundle,
    private: &Transcript,
    report: &mut Report,
) -> Result<()> {
    let started = Instant::now();
    let rows = u64::from(run.schedule.prompt_bucket() + run.schedule.output_bucket());
    let bar = crate::progress::count("in the clear", rows);
    let plain = run
        .plain(weights, |event| match event {
            Event::Prefill { rows, .. } => bar.set_position(u64::from(*rows)),
            Event::Token { .. } => bar.inc(1),
            Event::Logits { .. } => {}
        })
        .await;
    bar.finish_and_clear();
    let plain = plain?;
    report.plain_seconds = Some(started.elapsed().as_secs_f64());
    report.identical_tokens = Some(plain.tokens == private.tokens);
    report.identical_logits = Some(plain.same_logits(private));
    Ok(())
}

/// The text up to the first token that ends it.
fn text(bundle: &DeviceBundle<'_>, tokens: &[u32]) -> String {
    let visible = tokens.iter().take_while(|token| !bundle.stop_tokens().contains(token));
    let bytes = visible.flat_map(|&token| bundle.token_text(token)).copied().collect::<Vec<u8>>();
    let bytes = Zeroizing::new(bytes);
    String::from_utf8_lossy(&bytes).trim_start().to_owned()
}
