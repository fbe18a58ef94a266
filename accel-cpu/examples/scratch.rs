use accel_cpu::{Cpu, Level};
use kernel::accel::ring::{Ciphertexts, RingAccelerator, automorphisms};
use kernel::accel::{AccelError, Accelerator, RowSource};
use kernel::params::ParameterId;
use kernel::stream::PublicSeed;
use kernel::trace::Layout;
use std::time::Instant;
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
fn main() {
    let args: Vec<String> = std::env::args().collect();
    let level = match args.get(1).map(String::as_str) {
        Some("avx2") => Level::Avx2,
        Some("portable") => Level::Portable,
        _ => Level::Avx512Vnni,
    };
    let threads = args.get(2).map_or(1, |t| t.parse().unwrap());
    let only: Option<usize> = args.get(3).and_then(|t| t.parse().ok());
    let cpu = Cpu::builder().level(level).threads(threads).build().unwrap();
    let primes = [536608769u32, 268369921, 67043329];
    for (m, n) in [(128, 512), (288, 864), (768, 768), (2048, 2048), (4096, 4096)] {
        if only.is_some_and(|o| o != m) {
            continue;
        }
        let layout = Layout::fitting(4096, m, n, 1);
        let matrix = cpu.load(m, n, &mut Rows(1)).unwrap();
        let seed = PublicSeed([3; 32]);
        let keys = cpu.open_keys(ParameterId::Direct4096, &seed).unwrap();
        let words = |count: usize| -> Vec<u32> {
            (0..count * 3 * 4096)
                .map(|i| (i as u32).wrapping_mul(2654435761) % primes[i / 4096 % 3])
                .collect()
        };
        let autos = automorphisms(&[layout]);
        let t = Instant::now();
        for &a in &autos {
            cpu.add_key(keys, a, &words(9)).unwrap();
        }
        println!("{m}x{n} {} keys {:.1} ms", autos.len(), t.elapsed().as_secs_f64() * 1e3);
        let bodies = words(layout.input_blocks(n));
        let mut masks = vec![0; 4096 * layout.output_blocks(m)];
        let mut out = vec![0; layout.rows() * layout.output_blocks(m)];
        for phase in ["fly", "encoded"] {
            let mut t: Vec<f64> = (0..9)
                .map(|_| {
                    let s = Instant::now();
                    cpu.trace_product(
                        matrix,
                        keys,
                        &layout,
                        &Ciphertexts { seed: &seed, first: 0, bodies: &bodies },
                        &mut masks,
                        &mut out,
                    )
                    .unwrap();
                    s.elapsed().as_secs_f64() * 1e3
                })
                .collect();
            t.sort_by(f64::total_cmp);
            println!("  {phase}: min {:.2} med {:.2} ms", t[0], t[4]);
            if phase == "fly" {
                let s = Instant::now();
                let b = cpu.encode(matrix, ParameterId::Direct4096, &layout).unwrap();
                println!(
                    "  encode {:.1} ms, {:.1} MB",
                    s.elapsed().as_secs_f64() * 1e3,
                    b as f64 / 1e6
                );
            }
        }
        cpu.unload(matrix).unwrap();
        cpu.close_keys(keys).unwrap();
    }
}
