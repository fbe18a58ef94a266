//! The switch to a power of two, against the rounding of big integers.

use super::*;
use crate::params::{LimbVisitor, Limbs, ParameterSet};
use proptest::prelude::*;

type Set = Direct4096;

const Q: u128 = <Set as ParameterSet>::Chain::MODULUS;

/// A number's residues modulo all limbs.
struct Residues(u128, Vec<u32>);

impl LimbVisitor for Residues {
    fn limb<P: Prime>(&mut self, _: usize) {
        self.1.push((self.0 % u128::from(P::VALUE)) as u32);
    }
}

fn switch(bits: u32, numbers: &[u128]) -> Vec<u64> {
    let residues: Vec<Vec<u32>> = numbers
        .iter()
        .map(|&v| {
            let mut residues = Residues(v, vec![]);
            <Set as ParameterSet>::Chain::visit(&mut residues);
            residues.1
        })
        .collect();
    let limbs = <Set as ParameterSet>::Chain::COUNT;
    let words: Vec<u32> =
        (0..limbs).flat_map(|limb| residues.iter().map(move |r| r[limb])).collect();
    let mut out = vec![u64::MAX; numbers.len()];
    switch_into::<Set>(bits, &words, &mut out);
    out
}

/// Rounds each number, and compares: exactly, unless it is as near to a tie as is granted.
fn check(bits: u32, numbers: &[u128]) {
    for (&v, &found) in numbers.iter().zip(&switch(bits, numbers)) {
        let scaled = v << bits;
        let (floor, rest) = ((scaled / Q) as u64, scaled % Q);
        let modulus = 1 << bits;
        let nearest = (floor + u64::from(2 * rest >= Q)) % modulus;
        let from_tie = (2 * rest).abs_diff(Q);
        if from_tie <= (Q >> 60) << bits {
            let both = [floor % modulus, (floor + 1) % modulus];
            assert!(both.contains(&found), "{v} to {bits} bits: {found}, not in {both:?}");
        } else {
            assert_eq!(found, nearest, "{v} to {bits} bits");
        }
    }
}

const BITS: [u32; 5] = [1, 20, BODY_BITS, MASK_BITS, 43];

proptest! {
    #[test]
    fn rounds_as_big_integers_do(high: u128, near in 0..(1_u64 << 43), off in -5_i128..=5) {
        for bits in BITS {
            // Beside a tie, beside a whole number, and anywhere.
            let tie = ((u128::from(near % (1 << bits)) * 2 + 1) * Q) >> (bits + 1);
            let whole = (u128::from(near % (1 << bits)) * Q) >> bits;
            let granted = (Q >> 61) as i128;
            let beside = |v: u128, off: i128| (v as i128 + off).rem_euclid(Q as i128) as u128;
            let numbers = [
                high % Q,
                beside(tie, off),
                beside(tie, off * granted),
                beside(tie, off + 2 * granted),
                beside(tie, off - 2 * granted),
                beside(whole, off),
            ];
            check(bits, &numbers);
        }
    }
}

#[test]
fn edges() {
    let mut numbers = vec![0, 1, 2, Q - 1, Q - 2, Q / 2, Q / 2 + 1, Q / 4, Q / 3, 3 * (Q / 4)];
    for bits in 0..83 {
        numbers.extend([(1 << bits) - 1, 1 << bits, Q - (1 << bits)]);
    }
    for bits in BITS {
        // The last numbers round up to the whole modulus, which is 0.
        numbers.extend([Q - (Q >> (bits + 1)), Q - (Q >> (bits + 1)) - 1, Q - (Q >> (bits + 2))]);
    }
    BITS.into_iter().for_each(|bits| check(bits, &numbers));
    assert_eq!(switch(MASK_BITS, &[0, Q - 1, Q / 2]), [0, 0, 1 << (MASK_BITS - 1)]);
    assert_eq!(switch(MASK_BITS, &[]), [0_u64; 0]);
}

/// Less one number is one number less, to one unit: the switch is nearly linear.
#[test]
fn differences_are_kept_to_a_unit() {
    let mut noise = crate::conformance::Noise::new(9);
    for _ in 0..200 {
        let mut number = || ((u128::from(noise.bits()) << 64) | u128::from(noise.bits())) % Q;
        let (a, b) = (number(), number());
        let [a_out, b_out, sum] = switch(BODY_BITS, &[a, b, (a + b) % Q])[..] else {
            unreachable!("three numbers");
        };
        let off = sum.wrapping_sub(a_out).wrapping_sub(b_out) & ((1 << BODY_BITS) - 1);
        assert!(off <= 1 || off == (1 << BODY_BITS) - 1, "{off}");
    }
}
