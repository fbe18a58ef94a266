use crate::accel;
use crate::cli::Provision;
use crate::device::BundleBytes;
use crate::entropy::SystemEntropy;
use crate::interrupt::Interrupts;
use crate::progress;
use crate::report::Bytes;
use crate::store_file;
use anyhow::{Result, bail};
use host_server::engine::Engine;
use host_server::model::HostBundle;
use kernel::bundle::{CHECK_REPETITIONS, DeviceBundle};
use kernel::check::{LinearCheck, Poison};
use kernel::model::{GroupId, GroupShape};
use kernel::stream::{Seed, one_time_mask};

/// Tokens of one provisioned unit.
const UNIT: usize = 256;
/// Tokens whose products are made together.
const STEP: usize = 64;

/// `subrosa provision`.
pub(super) fn run(options: &Provision) -> Result<()> {
    let tokens = options.tokens as usize;
    // Ctrl-C leaves the units that are complete.
    let _interrupts = Interrupts::listen()?;
    let bytes = BundleBytes::read(&options.model)?;
    let bundle = bytes.parse()?;
    let weights = HostBundle::open(&options.weights)?;
    if weights.digest() != bundle.digest() {
        bail!("the weights and the device bundle are of different models (their digests differ)");
    }
    weights.verify()?;
    let engine = accel::on_cpu(&weights, options.threads)?;
    let path = store_file::path(options.correlations.as_deref(), &options.model);
    let units = tokens.div_ceil(UNIT);
    let mut store = store_file::open_or_create(&path, &bundle, units)?;
    let units = units as u64 * u64::from(bundle.config().group_count());
    store_file::check_room(store.room() as u64, units)?;
    let length = Bytes(4 * bundle.config().total_rows() as u64 * u64::from(options.tokens));
    eprintln!("provisioning {tokens} tokens: {length} in {}", path.display());
    let all = u64::from(options.tokens) * u64::from(bundle.config().group_count());
    let bar = progress::count("provisioning", all);
    // All groups of some tokens before other tokens: an interrupt leaves what can be used.
    let result: Result<()> = (0..tokens).step_by(UNIT).try_for_each(|first| {
        let count = UNIT.min(tokens - first);
        bundle.config().groups().try_for_each(|group| {
            bar.inc(count as u64);
            let (masks, images) = make_unit(&engine, &bundle, group, count)?;
            Ok(store.put_unit(group, count, masks, &images)?)
        })
    });
    bar.finish_and_clear();
    result?;
    eprintln!("done; the file is secret, and is used up as tokens are generated");
    Ok(())
}

/// Makes one unit in the clear, and checks it as a device would: the seed of its masks, and their images,
/// token by token.
pub(crate) fn make_unit(
    engine: &Engine,
    bundle: &DeviceBundle<'_>,
    group: GroupId,
    tokens: usize,
) -> Result<(Seed, Vec<u32>)> {
    let GroupShape { rows, columns } = bundle.shape(group);
    let masks = Seed::random(&mut SystemEntropy)?;
    let mut images = Vec::with_capacity(tokens * rows);
    let mut r = vec![0; STEP * columns];
    for first in (0..tokens).step_by(STEP) {
        let count = STEP.min(tokens - first);
        let r = &mut r[..count * columns];
        for (token, r) in (first..).zip(r.chunks_exact_mut(columns)) {
            one_time_mask(&masks, token, 0, r);
        }
        let z = engine.product(group, count, r)?;
        let mut poison = Poison::default();
        for (r, z) in r.chunks_exact(columns).zip(z.chunks_exact(rows)) {
            let mut check = LinearCheck::default();
            check.add_outputs(bundle.check_seed(), group.0, 0, z);
            for repetition in 0..CHECK_REPETITIONS {
                let v = bundle.check_vector(group, repetition);
                check.subtract_inputs(repetition, v, r.iter().copied());
            }
            check.finish(&mut poison);
        }
        if poison.reveal() {
            bail!(
                "group {}: the products fail the device's check: the weights are damaged",
                group.0
            );
        }
        images.extend(z);
    }
    Ok((masks, images))
}
