//! One generation from a request to a report: what `demo` and `generate` share.

use crate::cli::Request;
use crate::correlations::ProvisionedStore;
use crate::device::BundleBytes;
use crate::dump::write_npy;
use crate::entropy::sampling_seed;
use crate::offline;
use crate::online::{Run, Transcript};
use crate::prompt::prompt_ids;
use crate::report::{Cheated, DeviceMemory, Phase, Report};
use anyhow::{Context, Result, anyhow};
use device_client::choose::Choice;
use device_client::generate::{Event, Sampling};
use device_client::masked::fitting_chunk;
use device_client::store::MemoryStore;
use host_server::model::HostBundle;
use kernel::bundle::DeviceBundle;
use kernel::params::ParameterId;
use kernel::schedule::Schedule;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;
use std::time::{Duration, Instant};

/// Where a run's correlations come from.
pub(crate) enum Source<'a> {
    /// Prepared with the host, in memory.
    Host,
    /// A provisioned file.
    File(&'a Path),
}

/// Who takes part in a run.
pub(crate) struct Parties<'a> {
    /// Address of the host.
    pub(crate) host: String,
    /// The device's folder.
    pub(crate) device: &'a Path,
    /// The weights, where this machine may run the model in the clear as well.
    pub(crate) weights: Option<&'a HostBundle>,
    /// What the host multiplies with, where it is known.
    pub(crate) backend: Option<&'static str>,
    /// How the report calls the model.
    pub(crate) model: String,
}

/// Runs a request and prints what it yields.
pub(crate) async fn run(
    request: &Request,
    parties: &Parties<'_>,
    source: Source<'_>,
) -> Result<()> {
    let set = ParameterId::for_batch(request.batch as usize)
        .ok_or_else(|| anyhow!("--batch must be 256, 512, 1024, 2048 or 4096"))?;
    let choice = Choice::new(request.temperature, request.top_p)?;
    let sampling = Sampling { choice, seed: sampling_seed(request.seed)? };
    let bytes = BundleBytes::read(parties.device)?;
    let bundle = bytes.parse()?;
    let config = *bundle.config();
    let prompt = prompt_ids(request, parties.device, config.vocab)?;
    let chunk = fitting_chunk(&config, request.chunk as usize) as u32;
    let schedule = Schedule::for_request(&config, prompt.len() as u32, request.tokens, chunk)?;
    let pace = Duration::from_micros(request.pace);
    let run = Run { bundle: &bundle, schedule, prompt: &prompt, sampling: &sampling, pace };

    let (offline, transcript, online) = match source {
        Source::Host => {
            let mut store = MemoryStore::new(&config);
            let offline =
                offline::fetch(&parties.host, &bundle, &mut store, &schedule, set).await?;
            let mut display = Display::new(&bundle, request.json);
            let (transcript, online) =
                run.masked(&parties.host, &mut store, set, |event| display.show(event)).await?;
            display.end()?;
            (offline, transcript, online)
        }
        Source::File(path) => {
            let mut store = ProvisionedStore::open(path, &bundle)?;
            let mut display = Display::new(&bundle, request.json);
            let (transcript, online) =
                run.masked(&parties.host, &mut store, set, |event| display.show(event)).await?;
            display.end()?;
            (Phase::default(), transcript, online)
        }
    };
    if online.checks_failed > 0 {
        return Err(Cheated { failed: online.checks_failed }.into());
    }
    let memory = DeviceMemory {
        bundle: bytes.len(),
        decoder: run.decoder_memory(),
        online: run.session_memory(),
        offline: if offline.tokens > 0 { offline::memory(set) } else { 0 },
        correlation_per_token: 4 * config.total_rows(),
    };
    let mut report = Report {
        model: parties.model.clone(),
        text: text(&bundle, &transcript.tokens),
        prompt_ids: prompt.clone(),
        token_ids: transcript.tokens.clone(),
        identical_tokens: None,
        identical_logits: None,
        checks_passed: offline.checks_passed + online.checks_passed,
        checks_failed: offline.checks_failed + online.checks_failed,
        prompt_bucket: schedule.prompt_bucket(),
        output_bucket: schedule.output_bucket(),
        offline,
        online,
        plain_seconds: None,
        device_memory: memory,
        backend: parties.backend,
    };
    if let Some(weights) = parties.weights {
        compare(&run, weights, &transcript, &mut report).await?;
    }
    if let Some(path) = &request.dump_logits {
        dump(path, &transcript, config.vocab as usize)?;
    }
    if request.json {
        println!("{}", report.json()?);
    } else {
        eprint!("\n{report}");
    }
    if report.identical_tokens == Some(false) || report.identical_logits == Some(false) {
        return Err(anyhow!(
            "the private run differs from the run in the clear: this is a bug, please report it"
        ));
    }
    Ok(())
}

/// Runs the model in the clear and compares every token and every bit of every logit.
async fn compare(
    run: &Run<'_>,
    weights: &HostBundle,
    private: &Transcript,
    report: &mut Report,
) -> Result<()> {
    let started = Instant::now();
    let rows = u64::from(run.schedule.prompt_bucket() + run.schedule.output_bucket() - 1);
    let bar = crate::progress::count("in the clear", rows);
    let plain = run
        .plain(weights, |event| match event {
            Event::Prefill { rows, .. } => bar.set_position(u64::from(*rows)),
            Event::Token { .. } => bar.inc(1),
            Event::Logits { .. } => {}
        })
        .await?;
    bar.finish_and_clear();
    report.plain_seconds = Some(started.elapsed().as_secs_f64());
    report.identical_tokens = Some(plain.tokens == private.tokens);
    report.identical_logits = Some(plain.same_logits(private));
    Ok(())
}

fn dump(path: &Path, transcript: &Transcript, vocab: usize) -> Result<()> {
    let write = || -> std::io::Result<()> {
        write_npy(&mut BufWriter::new(File::create(path)?), &transcript.logits, vocab)
    };
    write().with_context(|| format!("writing {}", path.display()))
}

/// The tokens before the first that ends a text.
fn visible<'t>(bundle: &DeviceBundle<'_>, tokens: &'t [u32]) -> &'t [u32] {
    let end = tokens.iter().position(|token| bundle.stop_tokens().contains(token));
    &tokens[..end.unwrap_or(tokens.len())]
}

fn text(bundle: &DeviceBundle<'_>, tokens: &[u32]) -> String {
    let bytes: Vec<u8> = visible(bundle, tokens)
        .iter()
        .flat_map(|&token| bundle.token_text(token).iter().copied())
        .collect();
    String::from_utf8_lossy(&bytes).trim_start().to_owned()
}

/// Prints text as it comes, on stdout, and a bar for the prompt, on stderr.
struct Display<'a> {
    bundle: &'a DeviceBundle<'a>,
    bar: indicatif::ProgressBar,
    quiet: bool,
    ended: bool,
    begun: bool,
    /// Bytes of a character that is not complete yet.
    partial: Vec<u8>,
}

impl<'a> Display<'a> {
    fn new(bundle: &'a DeviceBundle<'a>, quiet: bool) -> Self {
        let bar = crate::progress::count("prompt", 0);
        Self { bundle, bar, quiet, ended: false, begun: false, partial: Vec::new() }
    }

    fn show(&mut self, event: &Event<'_>) {
        match event {
            Event::Prefill { rows, of } => {
                self.bar.set_length(u64::from(*of));
                self.bar.set_position(u64::from(*rows));
                if rows == of {
                    self.bar.finish_and_clear();
                }
            }
            Event::Token { token, sound, .. } => {
                self.ended |= !sound || self.bundle.stop_tokens().contains(token);
                if !self.quiet && !self.ended {
                    self.print(self.bundle.token_text(*token));
                }
            }
            Event::Logits { .. } => {}
        }
    }

    /// Prints the complete characters of the text so far.
    fn print(&mut self, bytes: &[u8]) {
        self.partial.extend_from_slice(bytes);
        let complete = match core::str::from_utf8(&self.partial) {
            Ok(all) => all.len(),
            Err(error) if error.error_len().is_none() => error.valid_up_to(),
            Err(_) => self.partial.len(),
        };
        let rest = self.partial.split_off(complete);
        let shown = String::from_utf8_lossy(&self.partial).into_owned();
        let shown = if self.begun { shown.as_str() } else { shown.trim_start() };
        self.begun |= !shown.is_empty();
        // A closed pipe ends the display, not the schedule.
        let mut out = std::io::stdout();
        self.ended |= out.write_all(shown.as_bytes()).and_then(|()| out.flush()).is_err();
        self.partial = rest;
    }

    fn end(&mut self) -> Result<()> {
        self.bar.finish_and_clear();
        if !self.quiet && self.begun {
            writeln!(std::io::stdout())?;
        }
        Ok(())
    }
}
