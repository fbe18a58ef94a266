use super::{Field, Pair, with_field};
use crate::arch::lanes::{Lanes, with_every_lanes};
use crate::ring::modulus::Modulus;
use kernel::prime::{Delta, Prime, Prime25, Prime26, Prime29, T};

/// Words at the edges of what residues, carries and quotients may be.
fn words<P: Prime>() -> Vec<u32> {
    let p = P::VALUE;
    let mut words: Vec<u32> = [0, p / 2, p, 1 << 31, p.wrapping_neg()]
        .into_iter()
        .flat_map(|edge| (0..5).map(move |i| edge.wrapping_add(i).wrapping_sub(2)))
        .collect();
    words.extend((1..40_u32).map(|i| i.wrapping_mul(0x9e37_79b9)));
    words
}

fn residues<P: Prime>() -> Vec<u32> {
    words::<P>().into_iter().map(|word| P::reduce(word.into())).collect()
}

/// The words of a vector.
fn out<L: Lanes>(lanes: L, vector: L::Vector) -> Vec<u32> {
    let mut words = vec![0; L::COUNT];
    lanes.store(vector, &mut L::vectors_mut(&mut words)[0]);
    words
}

/// Every operation, with another word at every place of a vector.
fn operations<L: Lanes, P: Prime, F: Field<L>>(field: F, modulus: &Modulus) {
    let lanes = field.lanes();
    let vector = |words: &[u32], start: usize| {
        let words: Vec<_> = words.iter().cycle().skip(start).take(L::COUNT).copied().collect();
        (lanes.load(L::at(&words, 0)), words)
    };
    let check = |what, got: L::Vector, expected: &dyn Fn(usize) -> u32| {
        for (i, got) in out(lanes, got).into_iter().enumerate() {
            assert_eq!(got, expected(i), "{what} modulo {}", P::VALUE);
        }
    };
    let residue = |word: u32| P::reduce(word.into());
    let settled: Vec<_> = words::<P>()
        .into_iter()
        .filter(|&word| u64::from(word) < 4 * u64::from(P::VALUE))
        .collect();
    for b in residues::<P>() {
        let factor = modulus.factor(b);
        let w = Pair::splat(lanes, factor);
        let b_vector = lanes.splat(b);
        for start in 0..words::<P>().len() {
            let (x, all) = vector(&words::<P>(), start);
            check("product", field.mul(x, w), &|i| P::mul(residue(all[i]), b));
            let sum = field.residue(field.mul_then_add(x, w, b_vector));
            check("product and sum", sum, &|i| P::add(P::mul(residue(all[i]), b), b));

            let (a, all) = vector(&settled, start);
            check("residue", field.residue(a), &|i| residue(all[i]));
            let (sum, difference) = field.split::<false>(a, x, w);
            let (_, others) = vector(&words::<P>(), start);
            let product = |i: usize| P::mul(residue(others[i]), b);
            let end = |x| field.residue(field.settle(x));
            check("split", end(sum), &|i| P::add(residue(all[i]), product(i)));
            check("split", end(difference), &|i| P::sub(residue(all[i]), product(i)));

            let (a, all) = vector(&residues::<P>(), start);
            check("sum", field.add(a, b_vector), &|i| P::add(all[i], b));
            let (sum, product) = field.join(a, b_vector, w);
            check("join", field.residue(sum), &|i| P::add(all[i], b));
            check("join", field.residue(product), &|i| P::mul(P::sub(all[i], b), b));
        }
    }
    for byte in i8::MIN..=i8::MAX {
        let x = field.settle_byte(lanes.extend(&[byte; 16][..L::COUNT]));
        check("byte", field.residue(x), &|_| P::from_i32(byte.into()));
    }
}

/// Sums of unequal products, with those at every place of a vector different.
fn sums<L: Lanes, P: Prime, F: Field<L>>(field: F) {
    let lanes = field.lanes();
    let residues = residues::<P>();
    let at = |i: usize| residues[i % residues.len()];
    let words = |term: usize, stride: usize| -> Vec<u32> {
        (0..L::COUNT).map(|place| at(term * stride + place)).collect()
    };
    let mut sums = field.zero();
    let mut expected = vec![0; L::COUNT];
    for term in 0..F::TERMS.min(1000) {
        let (a, b) = (words(term, 1), words(term, 3));
        sums = field.mul_add(sums, lanes.load(L::at(&a, 0)), lanes.load(L::at(&b, 0)));
        for (expected, (a, b)) in expected.iter_mut().zip(a.into_iter().zip(b)) {
            *expected = P::add(*expected, P::mul(a, b));
        }
        assert_eq!(out(lanes, field.residues(sums)), expected, "{term} modulo {}", P::VALUE);
    }
}

fn every_prime<L: Lanes>(lanes: L) {
    fn check<L: Lanes, P: Prime>(lanes: L) {
        let modulus = &Modulus::of::<P>().unwrap();
        with_field!(lanes, modulus, field => {
            operations::<L, P, _>(field, modulus);
            sums::<L, P, _>(field);
        });
    }
    check::<L, T>(lanes);
    check::<L, Prime29>(lanes);
    check::<L, Delta>(lanes);
    check::<L, Prime26>(lanes);
    check::<L, Prime25>(lanes);
}

#[test]
fn operations_equal_those_of_the_kernel() {
    with_every_lanes!(lanes => every_prime(lanes));
}
