//! What a host would see if nothing were hidden: every activation of a run in the clear, as it stands
//! before a matrix. Whoever looks for them in what a device sends knows what to look for.
//!
//! ```text
//! cargo run --release --features activations --bin activations -- HOST_DIR DEVICE_DIR TOKEN,TOKEN,... COUNT CHUNK TEMPERATURE SEED
//! ```
//! writes them to stdout, 32-bit integers, little-endian, in the order of the products.

#[path = "../plain.rs"]
mod plain;

use anyhow::{Context, Result, ensure};
use device_client::choose::Choice;
use device_client::decoder::{Decoder, Request};
use device_client::generate::{Multiply, Sampling, generate};
use host_server::model::HostBundle;
use kernel::bundle::DeviceBundle;
use kernel::schedule::Schedule;
use kernel::stream::Seed;
use plain::PlainProducts;
use std::io::Write;
use std::path::Path;

/// Products in the clear, of which the inputs are written down.
struct Recorded<'a> {
    products: PlainProducts<'a>,
    activations: Vec<u8>,
}

impl Multiply for Recorded<'_> {
    type Error = core::convert::Infallible;

    async fn multiply(&mut self, request: Request<'_>, y: &mut [i32]) -> Result<(), Self::Error> {
        self.activations.extend(request.x.iter().flat_map(|x| x.to_le_bytes()));
        self.products.multiply(request, y).await
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [host, device, prompt, tokens, chunk, temperature, seed] = arguments.as_slice() else {
        anyhow::bail!("wanted: HOST_DIR DEVICE_DIR TOKEN,TOKEN,... COUNT CHUNK TEMPERATURE SEED");
    };
    let weights = HostBundle::open(Path::new(host))?;
    let file = std::fs::read(Path::new(device).join("device.bundle"))?;
    let mut words = vec![0_u64; file.len().div_ceil(8)];
    let bytes = &mut bytemuck::cast_slice_mut(&mut words)[..file.len()];
    bytes.copy_from_slice(&file);
    let bundle = DeviceBundle::parse(bytes)?;
    ensure!(bundle.digest() == weights.digest(), "the two bundles are of different models");

    let config = bundle.config();
    let prompt: Vec<u32> =
        prompt.split(',').map(str::parse).collect::<Result<_, _>>().context("token ids")?;
    let schedule =
        Schedule::for_request(config, prompt.len() as u32, tokens.parse()?, chunk.parse()?)?;
    let context = (schedule.prompt_bucket() + schedule.output_bucket() - 1) as usize;
    let chunk = schedule.chunk() as usize;
    let length = Decoder::workspace_len(config, context, chunk);
    let (mut floats, mut integers) = (vec![0.0; length.floats], vec![0; length.integers]);
    let mut decoder = Decoder::new(&bundle, context, chunk, &mut floats, &mut integers)?;
    // As `subrosa generate` makes it of its number.
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.parse::<u64>()?.to_le_bytes());
    let choice = Choice::new(temperature.parse()?, 1.0)?;
    let sampling = Sampling { choice, seed: Seed::from_bytes(bytes) };
    let mut indices = vec![0; config.vocab as usize];
    let mut products = Recorded { products: PlainProducts::new(&weights), activations: Vec::new() };
    generate(&mut decoder, &schedule, &prompt, &sampling, &mut indices, &mut products, |_| {})
        .await?;
    std::io::stdout().write_all(&products.activations)?;
    Ok(())
}
