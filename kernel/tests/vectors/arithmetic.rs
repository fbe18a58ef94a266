//! Primes and the ring.

use crate::cases::*;
use kernel::prime::{Delta, InsecureDelta97, InsecureT17, Prime, Prime25, Prime26, Prime29, T};
use kernel::ring::{Definition, RingOps, Scalar};
use serde_json::Value;

pub(crate) fn primes(case: &Value) {
    with_named_prime!(&case["prime"], prime(case));
}

fn prime<P: Prime>(case: &Value) {
    assert_eq!((P::VALUE, P::BITS), (number(&case["value"]), number(&case["bits"])));
    for pair in list(&case["reduce"]) {
        assert_eq!(P::reduce(number(&pair[0])), number::<u32>(&pair[1]), "reduce {pair}");
    }
    for pair in list(&case["from_i64"]) {
        assert_eq!(P::from_i64(number(&pair[0])), number::<u32>(&pair[1]), "from_i64 {pair}");
    }
    for pair in list(&case["centre"]) {
        assert_eq!(P::centre(number(&pair[0])), number::<i32>(&pair[1]), "centre {pair}");
        assert_eq!(P::from_i32(number(&pair[1])), number::<u32>(&pair[0]), "from_i32 {pair}");
    }
    for triple in list(&case["negate_invert"]) {
        let [a, negated, inverted] = numbers(triple)[..] else { panic!() };
        assert_eq!((P::neg(a), P::inv(a)), (negated, inverted), "{triple}");
    }
    for row in list(&case["add_subtract_multiply"]) {
        let [a, b, sum, difference, product] = numbers(row)[..] else { panic!() };
        assert_eq!((P::add(a, b), P::sub(a, b), P::mul(a, b)), (sum, difference, product), "{row}");
    }
    for row in list(&case["pow"]) {
        assert_eq!(
            P::pow_vartime(number(&row[0]), number(&row[1])),
            number::<u32>(&row[2]),
            "pow {row}"
        );
    }
}

pub(crate) fn transforms(case: &Value) {
    with_named_prime!(&case["prime"], transform(case));
}

fn transform<P: Prime>(case: &Value) {
    let degree = number(&case["degree"]);
    let polynomial = match text(&case["input"]) {
        "X" => (0..degree).map(|i| u32::from(i == 1)).collect(),
        "-1" => vec![P::VALUE - 1; degree],
        label => input_residues(label, degree, P::VALUE),
    };
    ring_transform::<P, Scalar>(case, &polynomial);
    if degree <= 256 {
        ring_transform::<P, Definition>(case, &polynomial);
    }
}

fn ring_transform<P: Prime, R: RingOps>(case: &Value, polynomial: &[u32]) {
    let mut values = polynomial.to_vec();
    R::ntt_forward::<P>(&mut values);
    if let Some(spots) = case.get("spots") {
        for spot in list(spots) {
            assert_eq!(values[number::<usize>(&spot[0])], number::<u32>(&spot[1]), "{spot}");
        }
    } else {
        assert_words(&wide(&values), &case["values"]);
    }
    R::ntt_inverse::<P>(&mut values);
    assert_eq!(values, polynomial);
}
