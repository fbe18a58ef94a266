use super::link::{LinkError, Loopback};
use super::model::{Model, Plain};
use super::now;
use core::convert::Infallible;
use device_client::choose::Choice;
use device_client::client::{Client, ClientError};
use device_client::decoder::{Decoder, Request};
use device_client::direct::{DirectMemory, DirectSession};
use device_client::generate::{Event, GenerateError, Multiply, Sampling, generate};
use device_client::masked::{MaskedSession, masked_words};
use device_client::mixed::{MixedSession, masked_products};
use device_client::session::{Mode, PART_BYTES, Session, Verdict};
use device_client::store::CorrelationStore;
use device_client::transport::Connector;
use embedded_io_async::ErrorType;
use kernel::params::{InsecureDirect64, ParameterId, ParameterSet};
use kernel::ring::Scalar;
use kernel::schedule::Schedule;
use kernel::stream::Seed;
use kernel::wire::{MAX_PAYLOAD, SessionId};

/// A place of an answer: the logits' bits, the token, and whether each might be shown.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Place {
    pub(crate) logits: Vec<u32>,
    pub(crate) token: u32,
    pub(crate) sound: bool,
}

/// One request to a model, for any source of products.
#[derive(Clone)]
pub(crate) struct Run<'a> {
    pub(crate) model: &'a Model,
    pub(crate) schedule: Schedule,
    pub(crate) prompt: Vec<u32>,
    pub(crate) set: ParameterId,
    pub(crate) id: SessionId,
    /// Payload bytes that the device takes in direct and mixed mode.
    pub(crate) max_payload: usize,
    /// Bytes of the parts in which it sends and takes its frames.
    pub(crate) part_bytes: usize,
}

impl<'a> Run<'a> {
    /// `prompt` tokens in a bucket of `bucket`, `output` tokens out, in chunks.
    pub(crate) fn new(
        model: &'a Model,
        prompt: usize,
        bucket: u32,
        output: u32,
        chunk: u32,
    ) -> Self {
        let schedule = Schedule::new(&model.config, bucket, output, chunk).unwrap();
        let prompt = (0..prompt as u32).map(|i| (7 * i * i + 3) % model.config.vocab).collect();
        let set = ParameterId::InsecureMasked16x1;
        let (id, max_payload) = (SessionId([5; 16]), MAX_PAYLOAD);
        // Of a length that no frame is a multiple of.
        let part_bytes = PART_BYTES + 13;
        Self { model, schedule, prompt, set, id, max_payload, part_bytes }
    }

    /// Number of the product that gives the logits of each place.
    pub(crate) fn heads(&self) -> Vec<usize> {
        let head = self.model.config.group_count() - 1;
        let products = self.schedule.products(&self.model.config).enumerate();
        products.filter(|(_, product)| product.group.0 == head).map(|(at, _)| at).collect()
    }

    async fn drive<M: Multiply>(
        &self,
        products: &mut M,
    ) -> Result<Vec<Place>, GenerateError<M::Error>> {
        let (chunk, bundle) = (self.schedule.chunk() as usize, self.model.bundle());
        let context = (self.schedule.prompt_bucket() + self.schedule.output_bucket() - 1) as usize;
        let length = Decoder::workspace_len(&self.model.config, context, chunk);
        let mut floats = vec![0.0; length.floats];
        let mut integers = vec![0; length.integers];
        let mut indices = vec![0; self.model.config.vocab as usize];
        let mut decoder = Decoder::new(&bundle, context, chunk, &mut floats, &mut integers)?;
        // Drawn, not greedy: so that every bit of the logits matters to what follows.
        let choice = Choice::new(0.9, 0.95)?;
        let sampling = Sampling { choice, seed: Seed::from_bytes([3; 32]) };
        let mut places: Vec<Place> = Vec::new();
        let observe = |event: Event<'_>| match event {
            Event::Prefill { .. } => {}
            Event::Logits { index, logits, sound } => {
                assert_eq!(index as usize, places.len());
                let logits = logits.iter().map(|logit| logit.to_bits()).collect();
                places.push(Place { logits, token: u32::MAX, sound });
            }
            Event::Token { index, token, sound } => {
                assert_eq!(places[index as usize].sound, sound);
                places[index as usize].token = token;
            }
        };
        let (schedule, prompt) = (&self.schedule, &self.prompt);
        generate(&mut decoder, schedule, prompt, &sampling, &mut indices, products, observe)
            .await?;
        assert_eq!(places.len(), self.schedule.output_bucket() as usize);
        Ok(places)
    }

    /// The run in the clear.
    pub(crate) fn plain(&self) -> Vec<Place> {
        self.plain_with(&mut Plain::new(self.model))
    }

    pub(crate) fn plain_with<M: Multiply<Error = Infallible>>(
        &self,
        products: &mut M,
    ) -> Vec<Place> {
        now(self.drive(products)).unwrap()
    }

    /// The run through a host. `spy` sees every request with the products that came of it.
    pub(crate) async fn masked_over<C: CorrelationStore, K: Connector>(
        &self,
        store: &mut C,
        connector: K,
        spy: impl FnMut(Request<'_>, &[i32]),
    ) -> Result<(Vec<Place>, Verdict), ErrorOf<K>> {
        let (config, chunk) = (&self.model.config, self.schedule.chunk() as usize);
        let bundle = self.model.bundle();
        let mut words = vec![0; masked_words(config, chunk)];
        let (schedule, set, id) = (self.schedule, self.set, self.id);
        let session = MaskedSession::open(&bundle, store, schedule, set, id, &mut words)?;
        self.over(session, connector, spy).await
    }

    /// The run in direct mode.
    pub(crate) async fn direct_over<K: Connector>(
        &self,
        seed: Seed,
        connector: K,
        spy: impl FnMut(Request<'_>, &[i32]),
    ) -> Result<(Vec<Place>, Verdict), ErrorOf<K>> {
        let (bundle, mut memory) = (self.model.bundle(), DirectBuffers::new());
        let (schedule, id) = (self.schedule, self.id);
        let session: DirectSession<'_, Set, Scalar> =
            DirectSession::open(&bundle, schedule, id, seed, memory.lend())?;
        let session = session.with_max_payload(self.max_payload)?;
        self.over(session, connector, spy).await
    }

    /// The run in mixed mode, with as many masked products as the store has correlations for, or
    /// `most`.
    pub(crate) async fn mixed_over<C: CorrelationStore, K: Connector>(
        &self,
        store: &mut C,
        seed: Seed,
        most: u32,
        connector: K,
        spy: impl FnMut(Request<'_>, &[i32]),
    ) -> Result<(Vec<Place>, Verdict), ErrorOf<K>> {
        let (config, chunk) = (&self.model.config, self.schedule.chunk() as usize);
        let (bundle, mut memory) = (self.model.bundle(), DirectBuffers::new());
        let mut words = vec![0; masked_words(config, chunk)];
        let (schedule, id) = (self.schedule, self.id);
        let products = masked_products(config, &schedule, store).min(most);
        let session: MixedSession<'_, C, Set, Scalar> = MixedSession::open(
            &bundle,
            store,
            schedule,
            id,
            seed,
            products,
            &mut words,
            memory.lend(),
        )?;
        // As programs do that have several modes.
        let mut mode = None;
        let session = session.dynamic(&mut mode).with_max_payload(self.max_payload)?;
        self.over(session, connector, spy).await
    }

    async fn over<M: Mode, K: Connector>(
        &self,
        session: Session<'_, M>,
        connector: K,
        spy: impl FnMut(Request<'_>, &[i32]),
    ) -> Result<(Vec<Place>, Verdict), ErrorOf<K>> {
        let mut part = vec![0; self.part_bytes];
        let client = Client::open(session, connector, &mut part).await?;
        let mut products = Spied { client, spy };
        let places = match self.drive(&mut products).await {
            Ok(places) => places,
            Err(GenerateError::Products(error)) => return Err(error),
            Err(other) => panic!("{other}"),
        };
        let (verdict, ..) = products.client.close().await?;
        Ok((places, verdict))
    }

    /// The run over a loopback.
    pub(crate) fn masked(
        &self,
        store: &mut impl CorrelationStore,
        host: &Loopback,
    ) -> Result<(Vec<Place>, Verdict), ClientError<LinkError>> {
        now(self.masked_over(store, host.clone(), |_, _| {}))
    }
}

pub(crate) type ErrorOf<K> = ClientError<<<K as Connector>::Io as ErrorType>::Error>;

/// The set of direct mode that the tests use.
pub(crate) type Set = InsecureDirect64;

/// Memory of a session in direct mode.
struct DirectBuffers {
    words: Vec<u32>,
    key: Vec<i8>,
}

impl DirectBuffers {
    fn new() -> Self {
        Self { words: vec![0; DirectMemory::words::<Set>()], key: vec![0; Set::N] }
    }

    fn lend(&mut self) -> DirectMemory<'_> {
        let Self { words, key } = self;
        DirectMemory { words, key }
    }
}

/// A client that is watched.
struct Spied<'a, M: Mode, K: Connector, F> {
    client: Client<'a, M, K>,
    spy: F,
}

impl<M, K, F> Multiply for Spied<'_, M, K, F>
where
    M: Mode,
    K: Connector,
    F: FnMut(Request<'_>, &[i32]),
{
    type Error = ErrorOf<K>;

    async fn multiply(&mut self, request: Request<'_>, y: &mut [i32]) -> Result<(), Self::Error> {
        self.client.multiply(request, y).await?;
        (self.spy)(request, y);
        Ok(())
    }

    fn is_sound(&self) -> bool {
        self.client.is_sound()
    }
}
