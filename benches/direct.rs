//! Direct mode on the host: trace products, encoded and not, per level and number of threads, and
//! what surrounds them. Medians of a few repeats (`cargo bench --bench direct`); arguments choose:
//! a level by its name (`avx2`), a number of threads by a digit.

use accel_cpu::{Cpu, Level};
use kernel::accel::ring::{Ciphertexts, RingAccelerator, automorphisms};
use kernel::accel::{AccelError, Accelerator, RowSource};
use kernel::direct::{MASK_BITS, switch_into};
use kernel::params::{Direct4096 as Set, DirectSet, LimbVisitor, Limbs, ParameterSet};
use kernel::prime::Prime;
use kernel::stream::{PublicSeed, expand_mask};
use kernel::trace::Layout;
use std::time::Instant;

const SHAPES: [(usize, usize); 5] =
    [(128, 512), (288, 864), (768, 768), (2048, 2048), (4096, 4096)];
const REPEATS: usize = 9;
const SEED: PublicSeed = PublicSeed([5; 32]);

/// Weights that look random, from a counter.
struct Rows(u32);

impl RowSource for Rows {
    fn next_row(&mut self, row: &mut [i8]) -> Result<(), AccelError> {
        for weight in row {
            self.0 = self.0.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            *weight = (self.0 >> 24) as i8;
        }
        Ok(())
    }
}

/// Polynomials of residues that look random.
fn polynomials(count: usize) -> Vec<u32> {
    struct Fill<'a>(&'a mut [u32]);
    impl LimbVisitor for Fill<'_> {
        fn limb<P: Prime>(&mut self, index: usize) {
            let limbs =
                self.0.chunks_mut(Set::N).skip(index).step_by(<Set as ParameterSet>::Chain::COUNT);
            for (i, word) in limbs.flatten().enumerate() {
                *word = P::reduce((i as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15));
            }
        }
    }
    let mut words = vec![0; count * Set::BODY_WORDS];
    <Set as ParameterSet>::Chain::visit(&mut Fill(&mut words));
    words
}

/// Milliseconds of the median call, and of the fastest.
fn time(mut f: impl FnMut()) -> (f64, f64) {
    let mut times: Vec<f64> = (0..REPEATS)
        .map(|_| {
            let start = Instant::now();
            f();
            start.elapsed().as_secs_f64() * 1e3
        })
        .collect();
    times.sort_by(f64::total_cmp);
    (times[REPEATS / 2], times[0])
}

fn report(what: &str, (median, fastest): (f64, f64)) {
    println!("{what:<48} {median:9.3} ms  (fastest {fastest:.3})");
}

/// One product's work that is the same at every level.
fn surroundings() {
    struct Expand<'a>(&'a mut [u32]);
    impl LimbVisitor for Expand<'_> {
        fn limb<P: Prime>(&mut self, _: usize) {
            expand_mask::<P>(&SEED, 1, 0, self.0);
        }
    }
    let mut words = vec![0; Set::N];
    report(
        "masks of one ciphertext",
        time(|| <Set as ParameterSet>::Chain::visit(&mut Expand(&mut words))),
    );
    let (words, mut out) = (polynomials(1), vec![0; Set::N]);
    report("modulus switch of one mask", time(|| switch_into::<Set>(MASK_BITS, &words, &mut out)));
}

fn products(cpu: &Cpu, (m, n): (usize, usize), tokens: usize) -> Result<(), AccelError> {
    let name = format!("{} x{} {m}x{n}, {tokens} token(s)", cpu.level(), cpu.threads());
    let layout = Layout::fitting(Set::N, m, n, 1);
    let matrix = cpu.load(m, n, &mut Rows(1))?;
    let keys = cpu.open_keys(Set::ID, &SEED)?;
    for automorphism in automorphisms(&[layout]) {
        cpu.add_key(keys, automorphism, &polynomials(Set::GADGET))?;
    }
    let bodies = polynomials(tokens * layout.input_blocks(n));
    let input = Ciphertexts { seed: &SEED, first: 0, bodies: &bodies };
    let results = tokens * layout.output_blocks(m);
    let (mut masks, mut outputs) = (vec![0; results * Set::N], vec![0; results * layout.rows()]);
    let mut result = Ok(());
    let mut product = || {
        let done = cpu.trace_product(matrix, keys, &layout, &input, &mut masks, &mut outputs);
        result = result.and(done);
    };
    report(&name, time(&mut product));
    let start = Instant::now();
    let bytes = cpu.encode(matrix, Set::ID, &layout)?;
    let elapsed = start.elapsed().as_secs_f64() * 1e3;
    report(&format!("{name}, encoded"), time(&mut product));
    println!("{:48} {elapsed:9.3} ms, {:.1} MB", "  encoding it", bytes as f64 / 1e6);
    cpu.close_keys(keys)?;
    cpu.unload(matrix)?;
    result
}

fn main() -> Result<(), AccelError> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let chosen = |name: &str| {
        let names = arguments.iter().filter(|argument| !argument.starts_with('-'));
        let mut names = names.filter(|argument| argument.parse::<usize>().is_err()).peekable();
        names.peek().is_none() || names.any(|argument| name.contains(argument.as_str()))
    };
    let threads: Vec<usize> =
        arguments.iter().filter_map(|argument| argument.parse().ok()).collect();
    let threads = if threads.is_empty() { vec![1] } else { threads };
    surroundings();
    for level in Level::available().filter(|level| chosen(level.name())) {
        for &threads in &threads {
            let Ok(cpu) = Cpu::builder().level(level).threads(threads).build() else { continue };
            for shape in SHAPES {
                products(&cpu, shape, 1)?;
            }
            products(&cpu, (768, 768), 8)?;
        }
    }
    Ok(())
}
