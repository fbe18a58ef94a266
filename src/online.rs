//! The online phase, and the same run in the clear.

use crate::entropy::SystemEntropy;
use crate::link::Link;
use crate::pace::Pace;
use crate::plain::PlainProducts;
use crate::report::Phase;
use anyhow::{Context, Result, anyhow};
use device_client::client::Client;
use device_client::decoder::Decoder;
use device_client::generate::{Event, GenerateError, Multiply, Sampling, generate};
use device_client::masked::{MaskedSession, frame_bytes, masked_words};
use device_client::store::CorrelationStore;
use device_client::transport::Connector;
use host_server::model::HostBundle;
use kernel::bundle::DeviceBundle;
use kernel::params::ParameterId;
use kernel::schedule::Schedule;
use kernel::stream::Entropy;
use kernel::wire::SessionId;
use std::io;
use std::time::{Duration, Instant};
use zeroize::Zeroize;

/// Attempts to reach a host again when the link breaks, and the pause before each.
const ATTEMPTS: u32 = 10;
const PAUSE: Duration = Duration::from_secs(1);
/// Time for a host to answer before the link counts as broken.
const PATIENCE: Duration = Duration::from_secs(60);

/// What a run produced. Erased when dropped.
pub(crate) struct Transcript {
    pub(crate) tokens: Vec<u32>,
    pub(crate) logits: Vec<Vec<f32>>,
}

impl Drop for Transcript {
    fn drop(&mut self) {
        self.tokens.zeroize();
        self.logits.zeroize();
    }
}

impl Transcript {
    /// Room for as many tokens: a vector that grew would leave copies behind.
    fn with_room(tokens: usize) -> Self {
        Self { tokens: Vec::with_capacity(tokens), logits: Vec::with_capacity(tokens) }
    }

    /// Whether every bit of every logit is the same.
    pub(crate) fn same_logits(&self, other: &Self) -> bool {
        let bits = |run: &Self| -> Vec<Vec<u32>> {
            run.logits.iter().map(|row| row.iter().map(|v| v.to_bits()).collect()).collect()
        };
        bits(self) == bits(other)
    }

    /// Takes in an event; what must not be shown is not kept either.
    fn record(&mut self, event: &Event<'_>) {
        match event {
            Event::Logits { logits, sound: true, .. } => self.logits.push(logits.to_vec()),
            Event::Token { token, sound: true, .. } => self.tokens.push(*token),
            _ => {}
        }
    }
}

/// What is run: the same for every source of products.
pub(crate) struct Run<'a> {
    pub(crate) bundle: &'a DeviceBundle<'a>,
    pub(crate) schedule: Schedule,
    pub(crate) prompt: &'a [u32],
    pub(crate) sampling: &'a Sampling,
    /// Time from an answer to the next request; zero for none.
    pub(crate) pace: Duration,
}

impl Run<'_> {
    /// Positions that the cache of keys and values holds.
    fn context(&self) -> usize {
        (self.schedule.prompt_bucket() + self.schedule.output_bucket() - 1) as usize
    }

    /// Bytes of the decoder's workspace.
    pub(crate) fn decoder_memory(&self) -> usize {
        let chunk = self.schedule.chunk() as usize;
        let length = Decoder::workspace_len(self.bundle.config(), self.context(), chunk);
        4 * (length.floats + length.integers)
    }

    /// Bytes of an online session's buffers.
    pub(crate) fn session_memory(&self) -> usize {
        let (config, chunk) = (self.bundle.config(), self.schedule.chunk() as usize);
        4 * masked_words(config, chunk) + 2 * frame_bytes(config, chunk)
    }

    async fn drive<M: Multiply>(
        &self,
        products: &mut M,
        mut observe: impl FnMut(&Event<'_>),
    ) -> Result<Transcript, GenerateError<M::Error>> {
        let (config, chunk) = (self.bundle.config(), self.schedule.chunk() as usize);
        let length = Decoder::workspace_len(config, self.context(), chunk);
        let mut floats = vec![0.0; length.floats];
        let mut integers = vec![0; length.integers];
        let mut indices = vec![0; config.vocab as usize];
        let mut decoder =
            Decoder::new(self.bundle, self.context(), chunk, &mut floats, &mut integers)?;
        let mut transcript = Transcript::with_room(self.schedule.output_bucket() as usize);
        let outcome = generate(
            &mut decoder,
            &self.schedule,
            self.prompt,
            self.sampling,
            &mut indices,
            products,
            |event| {
                transcript.record(&event);
                observe(&event);
            },
        )
        .await;
        // Their order tells the logits.
        indices.zeroize();
        outcome?;
        Ok(transcript)
    }

    /// The run through a host that sees noise.
    pub(crate) async fn masked(
        &self,
        host: &str,
        store: &mut impl CorrelationStore,
        set: ParameterId,
        mut observe: impl FnMut(&Event<'_>),
    ) -> Result<(Transcript, Phase)> {
        let (config, chunk) = (self.bundle.config(), self.schedule.chunk() as usize);
        let mut id = SessionId([0; 16]);
        SystemEntropy.fill(&mut id.0).map_err(|error| anyhow!("no randomness: {error}"))?;
        let mut words = vec![0; masked_words(config, chunk)];
        let mut request = vec![0; frame_bytes(config, chunk).max(256)];
        let mut reply = vec![0; frame_bytes(config, chunk).max(256)];
        // A host that is not there is an error at once; later the link is tried again.
        let first =
            Link::connect(host, PATIENCE).await.with_context(|| format!("connecting to {host}"))?;
        let session = MaskedSession::open(self.bundle, store, self.schedule, set, id, &mut words)?;
        let started = Instant::now();
        let pace = Pace::new(self.pace);
        let connector = TcpConnector { host, first: Some(first), left: ATTEMPTS, pace: &pace };
        let mut client = Client::open(session, connector, &mut request, &mut reply)
            .await
            .with_context(|| format!("opening a session with {host}"))?;
        let mut prompt_seconds = None;
        let transcript = self
            .drive(&mut client, |event| {
                if let Event::Prefill { rows, of } = event
                    && rows == of
                {
                    prompt_seconds = Some(started.elapsed().as_secs_f64());
                }
                observe(event);
            })
            .await
            .context("the session with the host ended early")?;
        let (verdict, bytes_up, bytes_down) = client.close().await?;
        let phase = Phase {
            seconds: started.elapsed().as_secs_f64(),
            prompt_seconds,
            tokens: u64::from(self.schedule.output_bucket()),
            bytes_up,
            bytes_down,
            checks_passed: u64::from(verdict.checks - verdict.failed),
            checks_failed: u64::from(verdict.failed),
            late_requests: (!self.pace.is_zero()).then(|| pace.late()),
        };
        Ok((transcript, phase))
    }

    /// The run in the clear.
    pub(crate) async fn plain(
        &self,
        weights: &HostBundle,
        observe: impl FnMut(&Event<'_>),
    ) -> Result<Transcript> {
        Ok(self.drive(&mut PlainProducts::new(weights), observe).await?)
    }
}

/// TCP to a fixed address, requests at public moments, a fixed number of further attempts.
struct TcpConnector<'a> {
    host: &'a str,
    /// A link that is there already.
    first: Option<Link>,
    left: u32,
    pace: &'a Pace,
}

impl Connector for TcpConnector<'_> {
    type Io = Link;

    async fn connect(&mut self) -> Result<Self::Io, io::Error> {
        match self.first.take() {
            Some(link) => Ok(link),
            None => Link::connect(self.host, PATIENCE).await,
        }
    }

    fn answered(&mut self) {
        self.pace.answered();
    }

    async fn departure(&mut self) {
        self.pace.departure();
    }

    async fn retry(&mut self) -> bool {
        let left = self.left > 0;
        if left {
            self.left -= 1;
            tracing::warn!(host = self.host, "the link is broken; trying again");
            tokio::time::sleep(PAUSE).await;
        }
        left
    }
}
