//! Products under encryption, start to end, at the shapes of real models: exact for random and extreme
//! weights and residues, encoded and on the fly.

use accel_cpu::Cpu;
use kernel::conformance::ring_accelerator::is_exact;
use kernel::params::Direct4096;

fn check(m: usize, n: usize, tokens: usize) {
    is_exact::<Direct4096>(&Cpu::new(), m, n, tokens);
}

#[test]
fn square_matrices() {
    for n in [1, 17, 64, 288, 768, 2048, 4096] {
        check(n, n, 1);
    }
    for n in [1, 17, 64, 288] {
        check(n, n, 16);
        check(n, n, 5);
    }
    check(768, 768, 16);
    check(2048, 2048, 2);
}

#[test]
fn sixteen_tokens_at_the_largest_shapes() {
    check(2048, 2048, 16);
    check(4096, 4096, 16);
    check(11008, 4096, 16);
    check(4096, 11008, 16);
}

#[test]
fn several_tokens() {
    for tokens in [2, 3, 7, 16] {
        check(64, 17, tokens);
        check(768, 288, tokens);
    }
    check(2048, 768, 5);
}

#[test]
fn wide_and_tall_matrices() {
    check(11008, 4096, 1);
    check(4096, 11008, 1);
    check(32000, 288, 1);
    check(32000, 288, 16);
}
