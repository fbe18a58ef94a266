use super::*;
use proptest::prelude::*;

fn edges<P: Prime>() -> [u32; 6] {
    [0, 1, 2, P::VALUE / 2, P::VALUE / 2 + 1, P::VALUE - 1]
}

fn laws<P: Prime>(a: u32, b: u32, c: u32, wide: u64, signed: i64) {
    let p = u64::from(P::VALUE);
    let (a, b, c) = (a % P::VALUE, b % P::VALUE, c % P::VALUE);
    let (wa, wb) = (u64::from(a), u64::from(b));
    assert_eq!(u64::from(P::add(a, b)), (wa + wb) % p);
    assert_eq!(u64::from(P::sub(a, b)), (wa + p - wb) % p);
    assert_eq!(u64::from(P::mul(a, b)), wa * wb % p);
    assert_eq!(u64::from(P::neg(a)), (p - wa) % p);
    assert_eq!(u64::from(P::reduce(wide)), wide % p);
    assert_eq!(i64::from(P::from_i64(signed)), signed.rem_euclid(p as i64));
    assert_eq!(i64::from(P::from_i8(signed as i8)), i64::from(signed as i8).rem_euclid(p as i64));
    assert_eq!(P::mul(a, P::add(b, c)), P::add(P::mul(a, b), P::mul(a, c)));
    assert_eq!(P::mul(P::mul(a, b), c), P::mul(a, P::mul(b, c)));
    for bits in [3, 10, 13] {
        assert_eq!(u64::from(P::shift_add(a, bits, b)), ((wa << bits) + wb) % p);
        assert_eq!(P::mul(P::shift_down(a, bits), P::reduce(1 << bits)), a);
    }
    assert_eq!(P::add(a, P::neg(a)), 0);
    assert_eq!(P::from_i32(P::centre(a)), a);
    assert!(u64::from(P::centre(a).unsigned_abs()) <= (p - 1) / 2);
    assert_eq!(P::mul(a, P::inv(a)), u32::from(a != 0));
}

fn all<P: Prime>(a: u32, b: u32, c: u32, wide: u64, signed: i64) {
    laws::<P>(a, b, c, wide, signed);
    for x in edges::<P>() {
        for y in edges::<P>() {
            laws::<P>(x, y, c, u64::MAX - u64::from(a), i64::MIN + i64::from(b >> 1));
        }
    }
}

proptest! {
    #[test]
    fn field_laws(a: u32, b: u32, c: u32, wide: u64, signed: i64) {
        all::<T>(a, b, c, wide, signed);
        all::<Delta>(a, b, c, wide, signed);
        all::<Prime29>(a, b, c, wide, signed);
        all::<Prime26>(a, b, c, wide, signed);
        all::<Prime25>(a, b, c, wide, signed);
        all::<InsecureT17>(a, b, c, wide, signed >> 40);
        all::<InsecureDelta97>(a, b, c, wide, signed >> 40);
    }
}

/// The moduli are prime, have the stated generators, and the roots of unity that N = 4096 needs.
#[test]
fn moduli_are_prime_with_their_generators() {
    fn check<P: Prime>(value: u32, two_n: u64) {
        assert_eq!(P::VALUE, value);
        let order = u64::from(P::VALUE) - 1;
        assert_eq!(order % two_n, 0);
        let mut rest = order;
        let mut d = 2;
        while d * d <= u64::from(P::VALUE) {
            assert_ne!(u64::from(P::VALUE) % d, 0);
            d += 1;
        }
        // A generator's order is not a proper divisor of p - 1.
        let mut f = 2;
        while rest > 1 {
            if rest % f == 0 {
                assert_ne!(P::pow_vartime(P::GENERATOR, order / f), 1);
                while rest % f == 0 {
                    rest /= f;
                }
            }
            f += 1;
        }
    }
    check::<T>(4_293_918_721, 8192);
    check::<Delta>(268_369_921, 8192);
    check::<Prime29>(536_608_769, 8192);
    check::<Prime26>(67_043_329, 8192);
    check::<Prime25>(33_538_049, 8192);
    check::<InsecureT17>(17, 8);
    check::<InsecureDelta97>(97, 8);
}

/// The longest value after each fold, worked out on the extreme inputs.
#[test]
fn folds_reach_below_twice_the_modulus() {
    fn worst<P: Prime>(mut bound: u64, folds: u32) -> u64 {
        for _ in 0..folds {
            // fold(x) <= (x >> B) * (2^S - 1) + 2^B - 1 for every x <= bound.
            bound = (bound >> P::BITS) * ((1 << P::SHIFT) - 1) + ((1_u64 << P::BITS) - 1);
        }
        bound
    }
    fn square<P: Prime>() -> u64 {
        u64::from(P::VALUE - 1).pow(2) + u64::from(P::VALUE)
    }
    fn check<P: Prime>() {
        assert!(worst::<P>(u64::MAX, 4) < 2 * u64::from(P::VALUE));
        assert!(worst::<P>(square::<P>(), 3) < 2 * u64::from(P::VALUE));
    }
    check::<T>();
    check::<Delta>();
    check::<Prime29>();
    check::<Prime26>();
    check::<Prime25>();
}
