//! A host in a thread, with a small model, and the same model in the clear.

use accel_cpu::{Cpu, Simd};
use core::convert::Infallible;
use core::net::{Ipv4Addr, SocketAddr};
use device_client::choose::Choice;
use device_client::decoder::{Decoder, Request};
use device_client::generate::{Event, Multiply, Sampling, generate};
use host_server::engine::Engine;
use host_server::model::{DEVICE_BUNDLE, HostBundle, convert_device, convert_host};
use host_server::server::{Limits, Server};
use kernel::bundle::DeviceBundle;
use kernel::schedule::Schedule;
use kernel::stream::{Entropy, Seed};
use std::path::Path;
use std::sync::{Arc, LazyLock, mpsc};

/// A model, its device's bundle, and the address of a host that serves it.
pub(crate) struct Model {
    pub(crate) address: SocketAddr,
    pub(crate) weights: HostBundle,
    /// The device's bundle, aligned.
    words: Vec<u64>,
    length: usize,
    /// What the weights are mapped from.
    _folder: tempfile::TempDir,
}

/// The smallest model.
pub(crate) static MODEL: LazyLock<Model> = LazyLock::new(|| Model::new("tiny-tied-f32"));
/// Another one of the same shape.
pub(crate) static OTHER: LazyLock<Model> = LazyLock::new(|| Model::new("tiny-untied-bf16"));

pub(crate) struct System;

impl Entropy for System {
    type Error = getrandom::Error;

    fn fill(&mut self, out: &mut [u8]) -> Result<(), getrandom::Error> {
        getrandom::fill(out)
    }
}

impl Model {
    fn new(name: &str) -> Self {
        let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/fixtures");
        let (checkpoint, folder) = (fixtures.join(name), tempfile::tempdir().unwrap());
        let (host, device) = (folder.path().join("host"), folder.path().join("device"));
        convert_host(&checkpoint, &host, &mut |_, _| ()).unwrap();
        convert_device(&checkpoint, &device, &mut System, &mut |_, _| ()).unwrap();
        let file = std::fs::read(device.join(DEVICE_BUNDLE)).unwrap();
        let words = file.chunks(8).map(|bytes| {
            let mut word = [0; 8];
            word[..bytes.len()].copy_from_slice(bytes);
            u64::from_ne_bytes(word)
        });
        let weights = HostBundle::open(&host).unwrap();
        let address = serve(&weights);
        Self { address, words: words.collect(), length: file.len(), weights, _folder: folder }
    }

    /// The bundle's bytes, aligned.
    pub(crate) fn bytes(&self) -> &[u8] {
        // SAFETY: the words are as many bytes, and any bytes will do.
        unsafe { core::slice::from_raw_parts(self.words.as_ptr().cast(), self.length) }
    }

    pub(crate) fn bundle(&self) -> DeviceBundle<'_> {
        DeviceBundle::parse(self.bytes()).unwrap()
    }

    /// W x in integers.
    pub(crate) fn product(&self, group: kernel::model::GroupId, x: &[i64]) -> Vec<i64> {
        let rows = self.weights.rows(group).unwrap();
        let count = self.weights.config().shape(group).unwrap().rows;
        let dot = |row: &[i8]| row.iter().zip(x).map(|(&w, &x)| i64::from(w) * x).sum();
        (0..count).map(|row| dot(rows.row(row).unwrap())).collect()
    }

    /// The tokens of a run in the clear.
    pub(crate) fn plain(
        &self,
        prompt: &[u32],
        tokens: u32,
        choice: Choice,
        seed: Seed,
    ) -> Vec<u32> {
        let (bundle, config) = (self.bundle(), *self.weights.config());
        let schedule = Schedule::for_request(&config, prompt.len() as u32, tokens, 16).unwrap();
        let context = (schedule.prompt_bucket() + tokens - 1) as usize;
        let length = Decoder::workspace_len(&config, context, 16);
        let (mut floats, mut integers) = (vec![0.0; length.floats], vec![0; length.integers]);
        let mut decoder = Decoder::new(&bundle, context, 16, &mut floats, &mut integers).unwrap();
        let (mut found, mut indices) = (Vec::new(), vec![0; config.vocab as usize]);
        let (sampling, mut products) = (Sampling { choice, seed }, Plain(self));
        let run = generate(
            &mut decoder,
            &schedule,
            prompt,
            &sampling,
            &mut indices,
            &mut products,
            |event| {
                if let Event::Token { token, .. } = event {
                    found.push(token);
                }
            },
        );
        tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(run).unwrap();
        found
    }
}

struct Plain<'m>(&'m Model);

impl Multiply for Plain<'_> {
    type Error = Infallible;

    async fn multiply(&mut self, request: Request<'_>, y: &mut [i32]) -> Result<(), Infallible> {
        let (n, m) = (request.x.len() / request.tokens, y.len() / request.tokens);
        for (x, y) in request.x.chunks_exact(n).zip(y.chunks_exact_mut(m)) {
            let x: Vec<i64> = x.iter().map(|&x| x.into()).collect();
            for (y, product) in y.iter_mut().zip(self.0.product(request.group, &x)) {
                *y = product.try_into().unwrap();
            }
        }
        Ok(())
    }
}

/// Serves until the process ends.
fn serve(weights: &HostBundle) -> SocketAddr {
    let cpu = Arc::new(Cpu::builder().threads(1).build().unwrap());
    let (config, digest) = (*weights.config(), weights.digest());
    let engine = Engine::load_direct(cpu, config, digest, |group| weights.rows(group)).unwrap();
    let engine =
        engine.with_ring_ops::<Simd>().with_encoded_memory(1 << 30).with_mask_memory(1 << 30);
    let (started, address) = mpsc::channel();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let loopback = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
            let server = Server::bind(loopback, Arc::new(engine), Limits::default()).unwrap();
            started.send(server.address().unwrap()).unwrap();
            server.run(core::future::pending()).await;
        });
    });
    address.recv().unwrap()
}
