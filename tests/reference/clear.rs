//! The quantised model in the clear, from a checkpoint by way of both bundles.

use core::convert::Infallible;
use device_client::decoder::Decoder;
use host_server::model::{DEVICE_BUNDLE, HostBundle, convert_device, convert_host};
use kernel::bundle::DeviceBundle;
use kernel::stream::Entropy;
use std::fs;
use std::path::Path;

/// Rows of a step.
const CHUNK: usize = 8;

/// A converted model.
pub(crate) struct Model {
    host: HostBundle,
    device: Vec<u64>,
    device_bytes: usize,
}

/// The check vectors do not matter here.
struct Zeros;

impl Entropy for Zeros {
    type Error = Infallible;

    fn fill(&mut self, out: &mut [u8]) -> Result<(), Infallible> {
        out.fill(0);
        Ok(())
    }
}

impl Model {
    pub(crate) fn convert(checkpoint: &Path) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (host, device) = (folder.path().join("host"), folder.path().join("device"));
        convert_host(checkpoint, &host, &mut |_, _| {}).unwrap();
        convert_device(checkpoint, &device, &mut Zeros, &mut |_, _| {}).unwrap();
        let file = fs::read(device.join(DEVICE_BUNDLE)).unwrap();
        let mut words = vec![0_u64; file.len().div_ceil(8)];
        bytemuck::cast_slice_mut::<u64, u8>(&mut words)[..file.len()].copy_from_slice(&file);
        let host = HostBundle::open(&host).unwrap();
        host.verify().unwrap();
        Self { host, device: words, device_bytes: file.len() }
    }

    fn bundle(&self) -> DeviceBundle<'_> {
        DeviceBundle::parse(&bytemuck::cast_slice(&self.device)[..self.device_bytes]).unwrap()
    }

    pub(crate) fn vocab(&self) -> usize {
        self.host.config().vocab as usize
    }

    /// The bytes that tokens stand for.
    pub(crate) fn text(&self, tokens: impl IntoIterator<Item = u32>) -> Vec<u8> {
        let bundle = self.bundle();
        tokens.into_iter().flat_map(|token| bundle.token_text(token).to_vec()).collect()
    }

    /// The logits at every position of a text.
    pub(crate) fn logits(&self, tokens: &[u32]) -> Vec<f32> {
        let mut logits = Vec::new();
        self.with_decoder(tokens.len(), |decoder| {
            for &token in tokens {
                self.step(decoder, &[token]);
                logits.extend_from_slice(self.head(decoder));
            }
        });
        logits
    }

    /// The most likely tokens behind a prompt, one after another.
    pub(crate) fn greedy(&self, prompt: &[u32], count: usize) -> Vec<u32> {
        let mut answer = Vec::new();
        self.with_decoder(prompt.len() + count, |decoder| {
            for part in prompt.chunks(CHUNK) {
                self.step(decoder, part);
            }
            while answer.len() < count {
                let token = device_client::choose::greedy(self.head(decoder));
                answer.push(token);
                self.step(decoder, &[token]);
            }
        });
        answer
    }

    fn with_decoder(&self, context: usize, work: impl FnOnce(&mut Decoder<'_>)) {
        let bundle = self.bundle();
        let length = Decoder::workspace_len(bundle.config(), context, CHUNK);
        let (mut floats, mut integers) = (vec![0.0; length.floats], vec![0; length.integers]);
        work(&mut Decoder::new(&bundle, context, CHUNK, &mut floats, &mut integers).unwrap());
    }

    fn step(&self, decoder: &mut Decoder<'_>, tokens: &[u32]) {
        decoder.begin(tokens, 0).unwrap();
        self.finish(decoder);
    }

    fn head<'d>(&self, decoder: &'d mut Decoder<'_>) -> &'d [f32] {
        decoder.begin_head().unwrap();
        self.finish(decoder);
        decoder.logits()
    }

    /// Answers the decoder's requests with products in ordinary integers.
    fn finish(&self, decoder: &mut Decoder<'_>) {
        while let Some((request, y)) = decoder.exchange() {
            let rows = self.host.rows(request.group).unwrap();
            let (m, n) = (rows.rows(), rows.columns());
            for (x, y) in request.x.chunks_exact(n).zip(y.chunks_exact_mut(m)) {
                for (i, y) in y.iter_mut().enumerate() {
                    let row = rows.row(i).unwrap().iter().map(|&w| i64::from(w));
                    let sum: i64 = row.zip(x).map(|(w, &x)| w * i64::from(x)).sum();
                    *y = i32::try_from(sum).unwrap();
                }
            }
            decoder.resume();
        }
    }
}
