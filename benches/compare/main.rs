//! One encrypted matrix-vector product of ours, start to end, for `compare.py`: JSON on stdout.
//!
//! CPU time is the process's own, from `/proc/self/stat`, over as many repeats as make it exact to a
//! percent; one thread.

use accel_cpu::Cpu;
use anyhow::{Context, Result, ensure};
use kernel::accel::ring::{Ciphertexts, RingAccelerator, automorphisms};
use kernel::accel::{AccelError, Accelerator, RowSource};
use kernel::conformance::ring_accelerator::Device;
use kernel::direct::DirectShape;
use kernel::params::{Direct4096 as Set, DirectSet, ParameterSet};
use kernel::prime::{Prime, T};
use kernel::stream::Seed;
use kernel::trace::Layout;
use kernel::wire::{BLOCK_PREFIX_BYTES, MAX_PAYLOAD, REPLY_PREFIX_BYTES, direct_payloads};

/// Ticks of `/proc/self/stat` in a second.
const TICKS: f64 = 100.0;
/// Least CPU seconds that a figure is measured over.
const LEAST: f64 = 1.0;

struct Rows<'a>(core::slice::ChunksExact<'a, i8>);

impl RowSource for Rows<'_> {
    fn next_row(&mut self, row: &mut [i8]) -> Result<(), AccelError> {
        row.copy_from_slice(self.0.next().ok_or(AccelError::Rows)?);
        Ok(())
    }
}

/// CPU seconds of this process so far.
fn cpu_seconds() -> Result<f64> {
    let stat = std::fs::read_to_string("/proc/self/stat").context("this needs Linux's /proc")?;
    // Behind the name, which is in brackets and may hold anything.
    let (_, fields) = stat.rsplit_once(')').context("an unknown form of /proc/self/stat")?;
    let mut ticks = fields.split_whitespace().skip(11).map(str::parse::<f64>);
    let mut next = || ticks.next().context("an unknown form of /proc/self/stat");
    Ok((next()?? + next()??) / TICKS)
}

/// CPU seconds of one call.
fn measure(mut f: impl FnMut() -> Result<()>) -> Result<f64> {
    f()?;
    let mut repeats = 1;
    loop {
        let before = cpu_seconds()?;
        for _ in 0..repeats {
            f()?;
        }
        let seconds = cpu_seconds()? - before;
        if seconds >= LEAST {
            return Ok(seconds / f64::from(repeats));
        }
        repeats *= 2;
    }
}

fn noise(state: &mut u64) -> u64 {
    *state = state.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(0x1405_7b7e_f767_814f);
    *state >> 33
}

fn main() -> Result<()> {
    let mut sizes = std::env::args().skip(1).filter_map(|argument| argument.parse().ok());
    let (m, n): (usize, usize) = (sizes.next().unwrap_or(2048), sizes.next().unwrap_or(2048));
    ensure!(m > 0 && n > 0 && n <= 65_793, "shapes are two numbers, rows and columns");
    let mut state = 1;
    let weights: Vec<i8> = (0..m * n).map(|_| noise(&mut state) as i8).collect();
    let x: Vec<i32> = (0..n).map(|_| (noise(&mut state) % 4001) as i32 - 2000).collect();
    let expected: Vec<i32> = weights
        .chunks_exact(n)
        .map(|row| row.iter().zip(&x).map(|(&w, &x)| i32::from(w) * x).sum())
        .collect();

    let layout = Layout::fitting(Set::N, m, n, 1);
    let cpu = Cpu::builder().threads(1).build()?;
    let matrix = cpu.load(m, n, &mut Rows(weights.chunks_exact(n)))?;
    let device = Device::<Set>::new(Seed::from_bytes([9; 32]));
    let keys = device.send_keys(&cpu, &[layout]);
    let key_seconds = measure(|| {
        let keys = device.send_keys(&cpu, &[layout]);
        Ok(cpu.close_keys(keys)?)
    })?;
    let residues: Vec<u32> = x.iter().map(|&x| T::from_i32(x)).collect();
    let mut bodies = Vec::new();
    let encrypt_seconds = measure(|| {
        bodies = device.encrypt(&layout, n, &residues);
        Ok(())
    })?;

    let blocks = layout.output_blocks(m);
    let (mut masks, mut results) = (vec![0; blocks * Set::N], vec![0; blocks * layout.rows()]);
    let mut product = || -> Result<()> {
        let input = Ciphertexts { seed: device.public(), first: 0, bodies: &bodies };
        cpu.trace_product(matrix, keys, &layout, &input, &mut masks, &mut results)?;
        Ok(())
    };
    let fly_seconds = measure(&mut product)?;
    let encoded_bytes = cpu.encode(matrix, Set::ID, &layout)?;
    let encoded_seconds = measure(&mut product)?;

    let mut y = Vec::new();
    let decrypt_seconds = measure(|| {
        y = device.decrypt(&layout, (m, 1), &masks, &results);
        Ok(())
    })?;
    let shape = DirectShape::of_set::<Set>();
    let (up, down) = direct_payloads(&shape, &layout, (m, n), 1, MAX_PAYLOAD);
    let key_bytes = automorphisms(&[layout]).len() * Set::GADGET * shape.body_bytes();
    let wrong =
        y.iter().zip(&expected).filter(|(y, expected)| T::centre(**y) != **expected).count();
    println!(
        "{}",
        serde_json::json!({
            "rows": m,
            "columns": n,
            "level": cpu.level().name(),
            "key_seconds": key_seconds,
            "encrypt_seconds": encrypt_seconds,
            "encoded_seconds": encoded_seconds,
            "on_the_fly_seconds": fly_seconds,
            "decrypt_seconds": decrypt_seconds,
            "key_bytes": key_bytes,
            "up_bytes": up - BLOCK_PREFIX_BYTES,
            "down_bytes": down.bytes() - REPLY_PREFIX_BYTES * down.count(),
            "encoded_bytes": encoded_bytes,
            "wrong_outputs": wrong,
        })
    );
    Ok(())
}
