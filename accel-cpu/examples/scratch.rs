use accel_cpu::Simd;
use kernel::prime::*;
use kernel::ring::{RingOps, Scalar};
use std::time::Instant;
fn med<P: Prime, R: RingOps>(name: &str) {
    let mut x: Vec<u32> = (0..4096u64).map(|i| P::reduce(i * i * 7919)).collect();
    for dir in 0..2 {
    let mut t: Vec<f64> = (0..50).map(|_| { let s = Instant::now(); for _ in 0..100 { if dir==0 {R::ntt_forward::<P>(&mut x)} else {R::ntt_inverse::<P>(&mut x)} } s.elapsed().as_secs_f64() * 1e4 }).collect();
    t.sort_by(f64::total_cmp);
    println!("{name} dir {dir} {} min {:.2} med {:.2} us", P::VALUE, t[0], t[25]);
    }
}
fn main() { med::<Prime29, Simd>("simd"); med::<Delta, Simd>("simd"); med::<Prime26, Simd>("simd"); med::<Prime29, Scalar>("scalar"); }
