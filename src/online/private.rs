use super::link::TcpConnector;
use super::{PART_BYTES, Run, Transcript};
use crate::cli::Mode;
use crate::distrust::Host;
use crate::entropy::SystemEntropy;
use crate::pace::Pace;
use crate::report::{Cheated, Phase};
use accel_cpu::Simd;
use anyhow::{Context, Result, anyhow};
use device_client::client::Client;
use device_client::direct::{DirectMemory, DirectSession, direct_fitting_chunk};
use device_client::generate::Event;
use device_client::masked::{MaskedSession, fitting_chunk, masked_words};
use device_client::mixed::{MixedSession, masked_products};
use device_client::session::{self, Session};
use device_client::store::CorrelationStore;
use kernel::bundle::DeviceBundle;
use kernel::model::ModelConfig;
use kernel::params::{Direct4096, ParameterId, ParameterSet};
use kernel::schedule::Schedule;
use kernel::stream::{Entropy, Seed};
use kernel::wire::SessionId;
use std::time::Instant;

/// The parameter set of direct mode.
type Set = Direct4096;

impl Mode {
    const fn is_masked(self) -> bool {
        matches!(self, Self::Masked | Self::Mixed)
    }

    const fn is_direct(self) -> bool {
        matches!(self, Self::Direct | Self::Mixed)
    }

    /// The largest chunk up to `wanted` whose products fit a frame.
    pub(crate) fn fitting_chunk(self, config: &ModelConfig, wanted: usize) -> usize {
        let masked = if self.is_masked() { fitting_chunk(config, wanted) } else { wanted };
        if self.is_direct() { direct_fitting_chunk::<Set>(config, masked) } else { masked }
    }
}

/// Checks that a session in direct mode can be opened: that the model's products are exact in it.
pub(crate) fn check_direct(bundle: &DeviceBundle<'_>, schedule: Schedule) -> Result<()> {
    let seed = Seed::random(&mut SystemEntropy)?;
    let (mut residues, mut key) = (vec![0; DirectMemory::words::<Set>()], vec![0; Set::N]);
    let memory = DirectMemory { words: &mut residues, key: &mut key };
    let id = SessionId([0; 16]);
    let session: DirectSession<'_, Set, Simd> =
        DirectSession::open(bundle, schedule, id, seed, memory)?;
    drop(session);
    Ok(())
}

impl Run<'_> {
    /// The run through a host that sees noise. In mixed mode `store` says how much is masked, at most
    /// `most` products.
    pub(crate) async fn private(
        &self,
        host: &Host,
        mode: Mode,
        store: &mut impl CorrelationStore,
        most: Option<u32>,
        set: ParameterId,
        observe: impl FnMut(&Event<'_>),
    ) -> Result<(Transcript, Phase)> {
        let (config, chunk) = (self.bundle.config(), self.schedule.chunk() as usize);
        let mut id = SessionId([0; 16]);
        SystemEntropy.fill(&mut id.0).map_err(|error| anyhow!("no randomness: {error}"))?;
        let mut words = vec![0; masked_words(config, chunk)];
        let (bundle, schedule) = (self.bundle, self.schedule);
        if mode == Mode::Masked {
            let session = MaskedSession::open(bundle, store, schedule, set, id, &mut words)?;
            return self.over(host, mode, session, observe).await;
        }
        let seed = Seed::random(&mut SystemEntropy)?;
        let (mut residues, mut key) = (vec![0; DirectMemory::words::<Set>()], vec![0; Set::N]);
        let memory = DirectMemory { words: &mut residues, key: &mut key };
        if mode == Mode::Direct {
            let session: DirectSession<'_, Set, Simd> =
                DirectSession::open(bundle, schedule, id, seed, memory)?;
            return self.over(host, mode, session, observe).await;
        }
        let masked = masked_products(config, &schedule, store).min(most.unwrap_or(u32::MAX));
        let all = schedule.product_count(config);
        eprintln!("{masked} of {all} products are masked, the others encrypted as they come");
        let session: MixedSession<'_, _, Set, Simd> =
            MixedSession::open(bundle, store, schedule, id, seed, masked, &mut words, memory)?;
        self.over(host, mode, session, observe).await
    }

    async fn over<M: session::Mode>(
        &self,
        host: &Host,
        mode: Mode,
        session: Session<'_, M>,
        mut observe: impl FnMut(&Event<'_>),
    ) -> Result<(Transcript, Phase)> {
        let mut part = vec![0; PART_BYTES];
        let pace = Pace::new(self.pace);
        let connector = TcpConnector::new(host, &pace).await?;
        let started = Instant::now();
        let mut client = Client::open(session, connector, &mut part)
            .await
            .with_context(|| format!("opening a session with {}", host.address()))?;
        let (opening_up, _) = client.bytes();
        let mut prompt_seconds = None;
        let transcript = self
            .drive(&mut client, |event| {
                if let Event::Logits { sound, .. } | Event::Token { sound, .. } = event {
                    host.note(!sound);
                }
                if let Event::Prefill { rows, of } = event
                    && rows == of
                {
                    prompt_seconds = Some(started.elapsed().as_secs_f64());
                }
                observe(event);
            })
            .await;
        host.note(client.failures() > 0);
        let transcript = match transcript {
            Ok(transcript) => transcript,
            Err(_) if client.failures() > 0 => {
                return Err(Cheated::Online { failed: client.failures().into() }.into());
            }
            Err(error) => {
                return Err(error).context("the session with the host ended early");
            }
        };
        let (verdict, bytes_up, bytes_down) = client.close().await?;
        let phase = Phase {
            seconds: started.elapsed().as_secs_f64(),
            prompt_seconds,
            tokens: u64::from(self.schedule.output_bucket()),
            method: None,
            batch: 0,
            bytes_up,
            bytes_down,
            key_bytes: mode.is_direct().then_some(opening_up),
            checks_passed: u64::from(verdict.checks - verdict.failed),
            checks_failed: u64::from(verdict.failed),
            late_requests: (!self.pace.is_zero()).then(|| pace.late()),
        };
        Ok((transcript, phase))
    }
}
