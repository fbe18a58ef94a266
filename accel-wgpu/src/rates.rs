//! What the device can do at most, measured with nothing else: what products are compared with.

use crate::Gpu;
use crate::commands::Commands;
use crate::context::Context;
use crate::params::params;
use crate::shader::Shader;
use kernel::accel::AccelError;
use std::time::{Duration, Instant};
use wgpu::BufferUsages;

params! {
    /// The parameters of the loops.
    RateParams for PLAIN_DOTS, PLAIN_WORDS {
        rounds: u32,
    }
}

/// Workgroups of a loop: about as many as a large device takes at once.
const GROUPS: u32 = 1024;
/// Products that a thread makes in a round of its loop.
const PRODUCTS: f64 = 32.0;
/// Bytes of a copy: more than caches hold.
const COPY: u64 = 256 << 20;
/// A measurement takes at least this, so that its start and its end do not count.
const LONG_ENOUGH: Duration = Duration::from_millis(50);
/// Measurements; the median counts.
const RUNS: usize = 3;

impl Gpu {
    /// Bytes that copies from buffer to buffer move in a second: those read and those written, so that a copy of a
    /// gigabyte moves two.
    ///
    /// Takes 512 MiB of the device's memory meanwhile.
    ///
    /// ```no_run
    /// let gpu = accel_wgpu::Gpu::builder().build()?;
    /// println!("{:.0} GB/s", gpu.copy_bytes_per_s()? / 1e9);
    /// # Ok::<(), Box<dyn core::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`AccelError::OutOfMemory`], [`AccelError::DeviceLost`].
    pub fn copy_bytes_per_s(&self) -> Result<f64, AccelError> {
        let context = &*self.context;
        context.guard(|| {
            let from = context.create(COPY, BufferUsages::COPY_SRC | BufferUsages::COPY_DST)?;
            let to = context.create(COPY, BufferUsages::COPY_DST)?;
            let copies = rate(|copies| {
                let mut encoder = context.device.create_command_encoder(&Default::default());
                for _ in 0..copies {
                    encoder.copy_buffer_to_buffer(&from, 0, &to, 0, COPY);
                }
                let submission = context.queue.submit([encoder.finish()]);
                context.wait(submission)?;
                context.check()
            })?;
            Ok(copies * 2.0 * COPY as f64)
        })
    }

    /// Products of signed bytes, each added to a sum, that a loop of nothing else makes in a second, in the form
    /// of the [permutation](Self::permutation): the most that a product of a matrix could do, which makes four of
    /// them for a weight and a word.
    ///
    /// ```no_run
    /// let gpu = accel_wgpu::Gpu::builder().build()?;
    /// println!("{:.1} T/s", gpu.dot_rate()? / 1e12);
    /// # Ok::<(), Box<dyn core::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`AccelError::OutOfMemory`], [`AccelError::DeviceLost`].
    pub fn dot_rate(&self) -> Result<f64, AccelError> {
        // Four bytes to a word.
        Ok(4.0 * self.loop_rate(Shader::PLAIN_DOTS)?)
    }

    /// Products of 32-bit words, each added to another word, that a loop of nothing else makes in a second.
    ///
    /// ```no_run
    /// let gpu = accel_wgpu::Gpu::builder().build()?;
    /// println!("{:.1} T/s", gpu.word_rate()? / 1e12);
    /// # Ok::<(), Box<dyn core::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`AccelError::OutOfMemory`], [`AccelError::DeviceLost`].
    pub fn word_rate(&self) -> Result<f64, AccelError> {
        self.loop_rate(Shader::PLAIN_WORDS)
    }

    fn loop_rate(&self, shader: &'static Shader) -> Result<f64, AccelError> {
        let context = &*self.context;
        context.guard(|| {
            let rounds = rate(|rounds| run_loop(context, shader, rounds, |_| ()))?;
            Ok(rounds * PRODUCTS * f64::from(GROUPS * shader.group))
        })
    }
}

/// Runs a loop in every thread, and gives its results to `use_words`.
fn run_loop(
    context: &Context,
    shader: &'static Shader,
    rounds: u32,
    use_words: impl FnOnce(&[u32]),
) -> Result<(), AccelError> {
    let out = context.words((GROUPS * shader.group) as usize)?;
    let mut commands = Commands::new(context);
    commands.dispatch(shader, &RateParams { rounds }, &[out.view()], [GROUPS, 1, 1])?;
    commands.read(out.view())?.finish(use_words)
}

/// How often in a second `work` does what it is told to do a number of times, that number being large enough.
fn rate(work: impl Fn(u32) -> Result<(), AccelError>) -> Result<f64, AccelError> {
    let time = |times| {
        let start = Instant::now();
        work(times).map(|()| start.elapsed())
    };
    // The first one finds caches cold and shaders not compiled.
    work(1)?;
    let mut times = 1;
    let mut took = time(times)?;
    while took < LONG_ENOUGH {
        times = times.saturating_mul(4);
        took = time(times)?;
    }
    let mut runs = [took; RUNS];
    for run in &mut runs[1..] {
        *run = time(times)?;
    }
    runs.sort_unstable();
    Ok(f64::from(times) / runs[RUNS / 2].as_secs_f64())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Permutation;
    use crate::testing::{gpu, gpu_of};

    /// What a thread computes: both loops are of this form.
    fn expected(place: u32, rounds: u32, step: impl Fn(u32, u32, usize) -> u32) -> u32 {
        let mut a = [1, 3, 5, 7].map(|factor| factor * place);
        let mut b = a.map(|word| !word);
        for _ in 0..4 * rounds {
            a = core::array::from_fn(|i| step(a[i], b[(i + 1) % 4], i));
            b = core::array::from_fn(|i| step(b[i], a[(i + 1) % 4], i));
        }
        (0..4).fold(0, |all, i| all ^ a[i] ^ b[i])
    }

    fn dots(sum: u32, x: u32, i: usize) -> u32 {
        let weights = [0x7f80_ff01_u32, 0x8001_7fff, 0x0102_0408, 0xf1e2_d3c4][i];
        let products = x.to_le_bytes().into_iter().zip(weights.to_le_bytes());
        let products = products.map(|(x, w)| i32::from(x as i8) * i32::from(w as i8));
        sum.wrapping_add_signed(products.sum())
    }

    fn words(word: u32, x: u32, i: usize) -> u32 {
        let factor = [0x9e37_79b1_u32, 0x85eb_ca77, 0xc2b2_ae3d, 0x27d4_eb2f][i];
        word.wrapping_mul(factor).wrapping_add(x)
    }

    /// The loop of every thread is that of `step`.
    fn computes(gpu: &Gpu, shader: &'static Shader, step: fn(u32, u32, usize) -> u32) {
        for rounds in [0, 1, 3] {
            let check = |out: &[u32]| {
                assert_eq!(out.len() as u32, GROUPS * shader.group);
                for (place, &word) in (0..).zip(out).step_by(61) {
                    let right = expected(place, rounds, step);
                    assert_eq!(word, right, "{}, thread {place}, {rounds} rounds", shader.name);
                }
            };
            run_loop(&gpu.context, shader, rounds, check).unwrap();
        }
    }

    #[test]
    fn loops_compute_what_they_should() {
        for permutation in [Permutation::PORTABLE, Permutation { dot: true, ..Default::default() }]
        {
            if let Some(gpu) = gpu_of(permutation) {
                computes(&gpu, Shader::PLAIN_DOTS, dots);
                computes(&gpu, Shader::PLAIN_WORDS, words);
            }
        }
    }

    #[test]
    fn rates_are_finite() {
        if let Some(gpu) = gpu() {
            let rates = [gpu.copy_bytes_per_s(), gpu.dot_rate(), gpu.word_rate()];
            println!("copy, dots, words: {rates:?}");
            for rate in rates {
                // More than a byte or a product a second, and less than any device will make.
                assert!((1.0..1e18).contains(&rate.unwrap()), "{rate:?}");
            }
        }
    }

    #[test]
    fn rates_are_of_the_work_that_is_done() {
        // Work that takes a millisecond each time.
        let rate = rate(|times| {
            std::thread::sleep(Duration::from_millis(times.into()));
            Ok(())
        });
        assert!(rate.unwrap() <= 1000.0, "{rate:?}");
        let failed = super::rate(|_| Err(AccelError::OutOfMemory));
        assert_eq!(failed, Err(AccelError::OutOfMemory));
    }
}
