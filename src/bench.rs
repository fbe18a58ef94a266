//! `subrosa bench`: what privacy costs on this machine, on weights that are made up.

mod device;
mod direct;
mod host;
mod machine;
mod report;
mod series;
mod shape;
mod timed;
mod token;
mod weights;

pub(crate) use shape::Shape;

use crate::cli::Bench;
use crate::interrupt::Interrupts;
use crate::progress;
use anyhow::{Result, ensure};
use direct::Direct;
use host::Group;
use kernel::model::ModelConfig;
use machine::Machine;
use report::{Conditions, KINDS, Kind, LEGEND, Summary};
use std::io::Write;

/// Bytes of weights that are held, about, where nothing is said: many times a cache.
const WORKING_SET: usize = 1600 << 20;
/// Rounds of direct mode, whose products take long.
const DIRECT_ROUNDS: usize = 3;

/// Layers that fill the working set, or all.
fn usual_layers(config: &ModelConfig) -> u32 {
    let of_layer: usize = config
        .groups()
        .take(kernel::model::GROUPS_PER_LAYER as usize)
        .filter_map(|group| config.shape(group))
        .map(|shape| shape.rows * shape.columns)
        .sum();
    (WORKING_SET.div_ceil(of_layer) as u32).clamp(1, config.layers)
}

/// Runs whole tokens, and prints.
pub(crate) fn run_token(options: &Bench, interrupts: &Interrupts) -> Result<()> {
    let tokens = token::run(options, interrupts)?;
    let mut out = std::io::stdout().lock();
    if options.json {
        writeln!(out, "{}", serde_json::to_string_pretty(&tokens)?)?;
    } else {
        write!(out, "{tokens}")?;
    }
    ensure!(
        tokens.is_identical(),
        "the private run differs from the run in the clear: this is a bug"
    );
    Ok(())
}

/// Measures, and prints.
pub(crate) fn run(options: &Bench) -> Result<()> {
    let config = options.shape.config();
    let layers = options.layers.unwrap_or_else(|| usual_layers(&config));
    ensure!(
        layers <= config.layers,
        "the model has {} layers: --layers is too large",
        config.layers
    );
    let machine = Machine::new(options)?;
    let rounds = options.rounds as usize;

    let steps = (KINDS.len() * (rounds + 2)) as u64;
    let bar = progress::count("bench", steps);
    let mut groups = Vec::new();
    for kind in KINDS {
        groups.extend(Group::new(&machine, &config, kind, layers, !options.no_huge_pages)?);
        bar.inc(1);
    }
    let mut device = device::Times::default();
    for _ in 0..rounds {
        for group in &mut groups {
            group.round(&machine)?;
            bar.inc(1);
        }
        device.round(config.groups().filter_map(|group| config.shape(group)))?;
    }
    let ring = &*machine.accelerator;
    let mut direct = Direct::new(ring, &groups, options.encoded_memory)?;
    let mut products = Vec::new();
    for group in &groups {
        products.push(direct.measure(ring, group, DIRECT_ROUNDS)?);
        bar.inc(1);
    }
    bar.finish_and_clear();

    let weight_bytes = groups.iter().map(|g| (g.weights() * g.of_model as usize) as u64).sum();
    let conditions = Conditions {
        shape: options.shape,
        backend: machine.backend(),
        threads: machine.cpu.threads(),
        rounds,
        layers_run: layers,
        layers: config.layers,
        huge_pages: !options.no_huge_pages,
        weight_bytes,
    };
    let kinds = groups.iter().zip(&products).map(|(g, p)| Kind::new(g, p)).collect();
    let mut summary = Summary::new(conditions, kinds, &device, &products, direct.key_bytes);
    let bytes_per_s = weight_bytes as f64 / summary.online_seconds;
    summary.gpu = machine.reached(bytes_per_s, summary.offline_mac_per_s)?;
    let mut out = std::io::stdout().lock();
    if options.json {
        writeln!(out, "{}", serde_json::to_string_pretty(&summary)?)?;
    } else {
        eprintln!(
            "{}, {} threads, medians of {rounds} rounds. {LEGEND}.\n",
            summary.conditions.backend, summary.conditions.threads
        );
        write!(out, "{summary}")?;
    }
    Ok(())
}
