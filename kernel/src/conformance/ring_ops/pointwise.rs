use super::{compare, degrees, edges, in_garbage, residues, with_every_prime};
use crate::prime::Prime;
use crate::ring::{Definition, RingOps};
use alloc::vec::Vec;

type Operation = fn(&mut [u32], &[u32], &[u32]);
/// One word of the result, in integers, before reduction.
type Formula = fn(i128, i128, i128) -> i128;

/// Every operation on (acc, a, b): its name, what it does, its meaning.
fn operations<R: RingOps, P: Prime>() -> [(&'static str, Operation, Formula); 5] {
    [
        ("mul_add_assign", R::mul_add_assign::<P>, |x, a, b| x + a * b),
        ("mul_sub_assign", R::mul_sub_assign::<P>, |x, a, b| x - a * b),
        ("neg_assign", |acc, _, _| R::neg_assign::<P>(acc), |x, _, _| -x),
        ("add_assign", |acc, a, _| R::add_assign::<P>(acc, a), |x, a, _| x + a),
        ("sub_assign", |acc, a, _| R::sub_assign::<P>(acc, a), |x, a, _| x - a),
    ]
}

/// Every operation on these operands is the definition's, and what the formula says.
fn check<R: RingOps, P: Prime>(acc: &[u32], a: &[u32], b: &[u32]) {
    let definitions = operations::<Definition, P>();
    for ((name, operation, formula), (_, definition, _)) in
        operations::<R, P>().into_iter().zip(definitions)
    {
        let got = in_garbage(acc, |acc| operation(acc, a, b));
        let mut expected = acc.to_vec();
        definition(&mut expected, a, b);
        compare::<P>(&got, &expected, || name.into());
        let integers: Vec<u32> = (acc.iter().zip(a).zip(b))
            .map(|((&x, &a), &b)| formula(x.into(), a.into(), b.into()))
            .map(|value| value.rem_euclid(P::VALUE.into()) as u32)
            .collect();
        compare::<P>(&got, &integers, || alloc::format!("{name}, in integers"));
    }
}

/// All triples of edge values, each at every place of the shortest operand.
pub fn pointwise_edges<R: RingOps>() {
    fn all<R: RingOps, P: Prime>() {
        let triples = edges::<P>().map(|x| edges::<P>().map(|a| edges::<P>().map(|b| [x, a, b])));
        let triples = triples.as_flattened().as_flattened();
        for n in degrees::<P>() {
            for first in (0..triples.len()).step_by(n.div_ceil(4)) {
                let operand = |k: usize| -> Vec<u32> {
                    triples.iter().cycle().skip(first).map(|triple| triple[k]).take(n).collect()
                };
                check::<R, P>(&operand(0), &operand(1), &operand(2));
            }
        }
    }
    with_every_prime!(all::<R>);
}

/// Noise, at every N.
pub fn pointwise_noise<R: RingOps>() {
    fn all<R: RingOps, P: Prime>() {
        for n in degrees::<P>() {
            for seed in 0..12 {
                // The edges at the head of each are shifted, so that they meet noise.
                let operand = |k: usize| {
                    let mut operand = residues::<P>(3 * seed + k as u64, n);
                    operand.rotate_right(5 * k % n);
                    operand
                };
                check::<R, P>(&operand(0), &operand(1), &operand(2));
            }
        }
    }
    with_every_prime!(all::<R>);
}

/// `scale_assign` by the edges and by noise.
pub fn scaling<R: RingOps>() {
    fn all<R: RingOps, P: Prime>() {
        for n in degrees::<P>() {
            let acc = residues::<P>(n as u64, n);
            for factor in residues::<P>(1, 16) {
                let got = in_garbage(&acc, |acc| R::scale_assign::<P>(acc, factor));
                let mut expected = acc.clone();
                Definition::scale_assign::<P>(&mut expected, factor);
                compare::<P>(&got, &expected, || alloc::format!("scale_assign by {factor}"));
                for (&x, &y) in acc.iter().zip(&got) {
                    let product = u64::from(x) * u64::from(factor) % u64::from(P::VALUE);
                    assert_eq!(u64::from(y), product, "{x} times {factor} modulo {}", P::VALUE);
                }
            }
        }
    }
    with_every_prime!(all::<R>);
}
