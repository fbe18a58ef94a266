use super::convert::{device_bundle, host_bundle};
use crate::accel::{self, Loaded};
use crate::cli::{Demo, DemoLink};
use crate::device::BundleBytes;
use crate::interrupt::Interrupts;
use crate::keys;
use crate::link::Security;
use crate::local_host::HostThread;
use crate::run::{self, Job, Parties};
use anyhow::{Context, Result};
use host_server::model::{Checkpoint, HostBundle};
use host_server::server::{Links, Noise, Plain};
use std::path::Path;
use std::sync::Arc;

/// The built-in model: what `models/demo` holds.
const DEMO_MODEL: [(&str, &[u8]); 5] = [
    ("config.json", include_bytes!("../../models/demo/config.json")),
    ("generation_config.json", include_bytes!("../../models/demo/generation_config.json")),
    ("model.safetensors", include_bytes!("../../models/demo/model.safetensors")),
    ("tokenizer.json", include_bytes!("../../models/demo/tokenizer.json")),
    ("tokenizer_config.json", include_bytes!("../../models/demo/tokenizer_config.json")),
];

/// Memory of the host for encoded matrices, and for products of masks, as `serve` has it by default.
const KEPT_MEMORY: u64 = 1 << 30;

/// `subrosa demo`: both sides on this machine, through real TCP on loopback.
pub(super) fn run(options: &Demo) -> Result<()> {
    let interrupts = Interrupts::listen()?;
    let folder = tempfile::tempdir().context("a temporary folder")?;
    interrupts.leaves_nothing_of(folder.path().to_owned());
    let (checkpoint, model) = match &options.model {
        Some(path) => (path.clone(), path.display().to_string()),
        None => (unpack(&folder.path().join("model"))?, "built-in demo model".to_owned()),
    };
    let (host, device) = (folder.path().join("host"), folder.path().join("device"));
    let config = Checkpoint::open(&checkpoint)?.config().model;
    let job = Job::new(&options.request, &config, &checkpoint)?;
    host_bundle(&checkpoint, &host)?;
    device_bundle(&checkpoint, &device)?;

    let bytes = BundleBytes::read(&device)?;
    let weights = HostBundle::open(&host)?;
    let Loaded { engine, backend } = accel::load(&weights, &options.accel, options.threads)?;
    let engine = engine.with_encoded_memory(KEPT_MEMORY).with_mask_memory(KEPT_MEMORY);
    let (security, links) = both_sides(options.link)?;
    let server = HostThread::start(Arc::new(engine), links)?;
    eprintln!("{model}: host on {} ({backend})", server.address);
    let parties = Parties {
        host: interrupts.watched(&server.address.to_string(), security),
        device: &bytes,
        store: None,
        weights: Some(&weights),
        backend: Some(backend),
        model,
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let result = runtime.block_on(run::run(job, &parties, &interrupts));
    server.stop();
    result
}

/// How the device speaks, and how the host is spoken to: over nothing else.
fn both_sides(link: DemoLink) -> Result<(Security, Links)> {
    match link {
        DemoLink::Plain => Ok((Security::Plain, Links::default())),
        DemoLink::Noise => {
            let (key, own) = (keys::fresh()?, keys::fresh()?);
            let (host, devices) = (key.public(), Some(vec![own.public()]));
            let noise = Some(Noise { key, devices });
            Ok((Security::Noise { own, host }, Links::new(Plain::Nobody, noise)))
        }
    }
}

fn unpack(folder: &Path) -> Result<std::path::PathBuf> {
    std::fs::create_dir_all(folder)?;
    for (name, bytes) in DEMO_MODEL {
        std::fs::write(folder.join(name), bytes)
            .with_context(|| format!("unpacking the demo model to {}", folder.display()))?;
    }
    Ok(folder.to_owned())
}
