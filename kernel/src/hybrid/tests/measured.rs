//! The noise of every operation against its formula, over many keys.

use super::*;
use crate::conformance::Noise;
use crate::measure::{Variance, centred, integers};

type S = InsecureHybrid64;

const DEVICES: u64 = 1000;
const Q: i128 = <S as ParameterSet>::Chain::MODULUS as i128;
const P: i128 = <S as HybridSet>::Special::VALUE as i128;

/// `b - a s` as integers.
fn phase<S: HybridSet>(device: &Device<S>, ciphertext: &[u32]) -> Vec<i128> {
    let mut phase = vec![0; S::BODY_WORDS];
    device.with_key(|key| phase_into::<S, Scalar>(key, ciphertext, &mut phase));
    integers::<S::Chain>(&phase)
}

fn image_of_integers(integers: &[i128], sigma: Automorphism) -> Vec<i128> {
    let degree = sigma.degree();
    let mut out = vec![0; degree];
    for (k, &value) in integers.iter().enumerate() {
        let place = k * sigma.exponent() as usize % (2 * degree);
        out[place % degree] = if place < degree { value } else { -value };
    }
    out
}

fn key_switch<S: HybridSet>(devices: u64) {
    let mut variance = Variance::default();
    for number in 0..devices {
        let device = Device::<S>::new(number);
        let sigma = Automorphism::new(S::N, 2 * number as i64 + 3);
        let ciphertext = device.encrypt(0, &vec![0; S::N]);
        let before = image_of_integers(&phase(&device, &ciphertext), sigma);
        let after = phase(&device, &device.switch(&ciphertext, sigma));
        let q = S::Chain::MODULUS as i128;
        variance.add(after.iter().zip(before).map(|(a, b)| centred(a - b, q)));
    }
    variance.is(noise::key_switch::<S>());
}

#[test]
fn key_switches() {
    key_switch::<InsecureHybrid64>(DEVICES);
    // Digits of a limb above P: more noise.
    key_switch::<InsecureHybrid8>(8 * DEVICES);
    key_switch::<crate::params::Hybrid4096>(40);
}

/// Sums over a ciphertext and its images, divided once.
#[test]
fn sums_divided_once() {
    for switches in [2, 7] {
        let mut variance = Variance::default();
        for number in 0..DEVICES {
            let device = Device::<S>::new(number);
            let ciphertext = device.encrypt(0, &[0; S::N]);
            let fresh = phase(&device, &ciphertext);
            let mut expected = fresh.clone();
            let mut words = vec![0; Decomposed::<S>::WORDS];
            let decomposed = Decomposed::<S>::new::<Scalar>(&ciphertext, &mut words).unwrap();
            let mut words = vec![0; Accumulator::<S>::WORDS];
            let mut sum = Accumulator::<S>::new(&mut words).unwrap();
            sum.add::<Scalar>(&ciphertext).unwrap();
            for k in 0..switches {
                let sigma = Automorphism::new(S::N, 2 * k as i64 + 3);
                let key = device.key(sigma);
                let key = EvaluationKey::from_words(sigma, &key).unwrap();
                sum.add_switched::<Scalar>(&decomposed, &key);
                let image = image_of_integers(&fresh, sigma);
                expected.iter_mut().zip(image).for_each(|(e, i)| *e += i);
            }
            let mut out = vec![0; ciphertext_words::<S>()];
            sum.finish_into::<Scalar>(&mut out).unwrap();
            let after = phase(&device, &out);
            variance.add(after.iter().zip(expected).map(|(a, e)| centred(a - e, Q)));
        }
        variance.is(noise::sum::<S>(switches));
    }
}

/// Of ciphertexts that are uniform modulo q P; P times the noise is an integer.
#[test]
fn divisions() {
    struct Uniform(Noise, Vec<u32>);
    impl LimbVisitor for Uniform {
        fn limb<P: Prime>(&mut self, _: usize) {
            self.1.extend((0..S::LIMB_WORDS).map(|_| P::reduce(self.0.bits())));
        }
    }
    let mut variance = Variance::default();
    for number in 0..DEVICES {
        let device = Device::<S>::new(number);
        let mut uniform = Uniform(Noise::new(number), vec![]);
        S::visit_extended(&mut uniform);
        let words = ciphertext_words::<S>();
        let before = phase(&device, &uniform.1[..words]);
        let mut out = vec![0; words];
        mod_down_into::<S, Scalar>(&mut uniform.1, &mut out).unwrap();
        let after = phase(&device, &out);
        variance.add(after.iter().zip(before).map(|(a, b)| centred(P * a - b, Q)));
    }
    variance.is((P * P) as f64 * noise::mod_down::<S>());
}
