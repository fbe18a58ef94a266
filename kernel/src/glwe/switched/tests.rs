use super::super::SecretKey;
use super::super::tests::{Unit, combine, decrypt_row};
use super::*;
use crate::params::{
    InsecureMasked16x1, Masked256x16, Masked512x8, Masked1024x4, Masked2048x2, Masked4096x1,
    MaskedSet,
};
use crate::prime::{Delta, InsecureDelta97, InsecureT17, T};
use crate::quant::GroupBounds;
use crate::ring::Scalar;
use crate::stream::NOISE_BOUND;
use crate::wire::RowForm;
use proptest::prelude::*;
use std::vec;
use std::vec::Vec;

const HALF: i64 = (Delta::VALUE as i64 - 1) / 2;
/// The largest sum of magnitudes for which switched rows are promised.
const LARGEST_NORM1: i64 = 2_396_160;

/// `round(2^bits v / d)` modulo `t 2^bits`, as it travels.
fn switched(bits: u32, v: u64, t: u32, d: u32) -> (u32, u32) {
    let (v, t, d) = (u128::from(v), u128::from(t), u128::from(d));
    // d is odd: there are no ties.
    let rounded = ((v << (bits + 1)) + d) / (2 * d);
    ((rounded % t) as u32, (rounded % (1 << bits)) as u32)
}

fn switch_one<P: Prime, D: Prime>(bits: u32, v: u64) -> (u32, u32) {
    let (mut plain, mut scale) = ([P::reduce(v)], [D::reduce(v)]);
    let inverse = P::inv(P::reduce(D::VALUE.into()));
    switch_polynomial::<P, D>(bits, inverse, &mut plain, &mut scale);
    (plain[0], scale[0])
}

/// Every number modulo 97 * 17, to each power of two that 17 is 1 modulo.
#[test]
fn toy_numbers_are_rounded_exhaustively() {
    type P = InsecureDelta97;
    type D = InsecureT17;
    for bits in 1..=4 {
        for v in 0..97 * 17 {
            let expected = switched(bits, v, P::VALUE, D::VALUE);
            assert_eq!(switch_one::<P, D>(bits, v), expected, "{v} to {bits} bits");
        }
    }
}

/// Beside each tie of the body, beside ties of the mask, at both ends of the range.
#[test]
fn numbers_beside_ties_are_rounded_to_the_nearest() {
    let q = u64::from(T::VALUE) * u64::from(Delta::VALUE);
    for bits in [SWITCHED_BODY_BITS, SWITCHED_MASK_BITS] {
        // Ties are at (2 i + 1) Delta / 2^(bits + 1).
        let tie =
            |i: u64| ((u128::from(2 * i + 1) * u128::from(Delta::VALUE)) >> (bits + 1)) as u64;
        let last = (u64::from(T::VALUE) << bits) - 1;
        let step = last / 5000;
        let ties = (0..5000).flat_map(|i| [tie(i), tie(i * step), tie(last - i)]);
        for v in ties.flat_map(|v| [v.saturating_sub(1), v, v + 1, v + 2]).filter(|&v| v < q) {
            let expected = switched(bits, v, T::VALUE, Delta::VALUE);
            assert_eq!(switch_one::<T, Delta>(bits, v), expected, "{v} to {bits} bits");
        }
        for v in [0, 1, q - 2, q - 1] {
            let expected = switched(bits, v, T::VALUE, Delta::VALUE);
            assert_eq!(switch_one::<T, Delta>(bits, v), expected, "{v} to {bits} bits");
        }
    }
}

/// The message and the centred error of a ciphertext, switched by a host.
fn switch_and_decrypt<S: MaskedSet>(
    unit: &mut Unit<S>,
    ciphertext: &[u32],
) -> (Vec<u32>, Vec<i32>) {
    let mut row = ciphertext.to_vec();
    let (plain, scale) = row.split_at_mut(S::LIMB_WORDS);
    switch_row::<T, Delta, Scalar>(S::N, 1, plain, scale).unwrap();
    let (masks, body) = scale.split_at(S::MASK_WORDS);
    assert!(masks.iter().all(|&low| low < 1 << SWITCHED_MASK_BITS));
    assert!(body.iter().all(|&low| low < 1 << SWITCHED_BODY_BITS));
    let key = SecretKey::<S>::generate::<Scalar>(&unit.seed, &mut unit.key).unwrap();
    let (message, error) = decrypt_row(RowForm::Switched, &[key], &row);
    (message, error.into_iter().map(Delta::centre).collect())
}

/// Coefficients of the key, component by component.
fn ternary<S: MaskedSet>(unit: &mut Unit<S>) -> Vec<i64> {
    let key = SecretKey::<S>::generate::<Scalar>(&unit.seed, &mut unit.key).unwrap();
    let component = |k| {
        let mut s = key.component(1, k).to_vec();
        Scalar::ntt_inverse::<Delta>(&mut s);
        s.into_iter().map(|s| i64::from(Delta::centre(s)))
    };
    (0..S::K).flat_map(component).collect()
}

/// A ciphertext of `message` with this noise and these masks, which have coefficients below Delta.
fn made_of<S: MaskedSet>(
    unit: &mut Unit<S>,
    message: &[u32],
    noise: &[i64],
    masks: &[u32],
) -> Vec<u32> {
    fn limb<P: Prime, S: MaskedSet>(
        key: &SecretKey<'_, S>,
        number: usize,
        plain: impl Iterator<Item = u32>,
        masks: &[u32],
    ) -> Vec<u32> {
        let mut words: Vec<_> = masks.iter().map(|&a| P::reduce(a.into())).collect();
        let mut body: Vec<_> = plain.collect();
        Scalar::ntt_forward::<P>(&mut body);
        for (component, mask) in words.chunks_exact_mut(S::N).enumerate() {
            Scalar::ntt_forward::<P>(mask);
            Scalar::mul_add_assign::<P>(&mut body, mask, key.component(number, component));
        }
        words.extend(body);
        words
    }
    let key = SecretKey::<S>::generate::<Scalar>(&unit.seed, &mut unit.key).unwrap();
    let scaled = message.iter().map(|&m| T::mul(m, Delta::VALUE));
    let plain = scaled.zip(noise).map(|(m, &e)| T::add(m, T::from_i64(e)));
    let mut out = limb::<T, S>(&key, 0, plain, masks);
    out.extend(limb::<Delta, S>(&key, 1, noise.iter().map(|&e| Delta::from_i64(e)), masks));
    out
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Switched rows decrypt to the same sums, for any weights and messages.
    #[test]
    fn switched_rows_decrypt_as_they_would_in_full(
        byte: u8,
        weights in prop::collection::vec(any::<i8>(), 1..12),
        words in prop::collection::vec(any::<u32>(), 16 * 12),
    ) {
        type S = InsecureMasked16x1;
        let mut unit = Unit::<S>::new(byte);
        let messages: Vec<Vec<u32>> =
            words.chunks(16).map(|c| c.iter().map(|w| w % T::VALUE).collect()).collect();
        let ciphertexts: Vec<Vec<u32>> = (0..weights.len())
            .map(|j| unit.encrypt(j, &messages[j]))
            .collect();
        let row = combine::<S>(&weights, &ciphertexts);
        prop_assert_eq!(switch_and_decrypt(&mut unit, &row).0, unit.decrypt(&row).0);
    }

    /// Noise of any size that is allowed, random masks and messages.
    #[test]
    fn noise_within_the_bound_does_no_harm(byte: u8, words in prop::collection::vec(any::<u32>(), 48)) {
        type S = InsecureMasked16x1;
        let mut unit = Unit::<S>::new(byte);
        let most = i64::from(NOISE_BOUND) * LARGEST_NORM1;
        let message: Vec<u32> = words[..16].iter().map(|w| w % T::VALUE).collect();
        let noise: Vec<i64> = words[16..32].iter().map(|&w| match w % 4 {
            0 => most,
            1 => -most,
            _ => i64::from(w) % most,
        }).collect();
        let masks: Vec<u32> = words[32..].iter().map(|w| w % Delta::VALUE).collect();
        let row = made_of(&mut unit, &message, &noise, &masks);
        prop_assert_eq!(switch_and_decrypt(&mut unit, &row).0, message);
    }
}

/// Coefficient 0 of a row with the largest noise of either sign, with each mask coefficient that its
/// product has rounded by as much as can be, against the key, and the body too.
fn worst_case<S: MaskedSet>() {
    let mut unit = Unit::<S>::new(S::K as u8 + 100);
    let s = ternary(&mut unit);
    let norm1: i64 = s.iter().map(|s| s.abs()).sum();
    let message: Vec<u32> = (0..S::N as u32).map(|i| T::VALUE - 1 - i).collect();
    let most = i64::from(NOISE_BOUND) * LARGEST_NORM1;
    // a with 2^13 a = w modulo Delta.
    let unscale = Delta::inv(1 << SWITCHED_MASK_BITS);
    let mask_for = |w: i64| i64::from(Delta::mul(Delta::from_i64(w), unscale));
    for sign in [-1, 1] {
        // (a s)_0 is a_0 s_0 - sum_i a_i s_(N - i): the sign that s_j has there.
        let place = |at: usize| (at / S::N * S::N) + (S::N - at % S::N) % S::N;
        let factor = |at: usize| if at.is_multiple_of(S::N) { s[place(at)] } else { -s[place(at)] };
        let mut masks: Vec<i64> =
            (0..S::MASK_WORDS).map(|at| mask_for(sign * factor(at) * HALF)).collect();
        // One of them less, until the body's rounding is nearly the largest too.
        let free = (0..S::MASK_WORDS).find(|&at| factor(at) != 0).unwrap();
        let others: i64 =
            (0..S::MASK_WORDS).filter(|&at| at != free).map(|at| masks[at] * factor(at)).sum();
        let body_error = |mask: i64| {
            let b = Delta::from_i64(sign * most + others + mask * factor(free));
            i64::from(Delta::centre(Delta::mul(b, 1 << SWITCHED_BODY_BITS)))
        };
        let spare = (0..HALF)
            .find(|less| {
                let mask = mask_for(sign * factor(free) * (HALF - less));
                -sign * body_error(mask) > HALF - 200_000
            })
            .unwrap();
        masks[free] = mask_for(sign * factor(free) * (HALF - spare));
        let masks: Vec<u32> = masks.into_iter().map(|a| a as u32).collect();
        let noise = vec![sign * most; S::N];
        let row = made_of(&mut unit, &message, &noise, &masks);
        let (decrypted, error) = switch_and_decrypt(&mut unit, &row);
        assert_eq!(decrypted, message);
        // Delta e' = 2^13 e - 2^10 w_b + sum w s.
        let body = 1 << BODY_SHIFT;
        let bound = (most << SWITCHED_MASK_BITS) + (body + norm1) * HALF;
        let measured = i64::from(sign as i32 * error[0]);
        let bound = bound / i64::from(Delta::VALUE);
        assert!((bound - 2..=bound).contains(&measured), "{measured} of {bound}");
        assert!(error.iter().all(|&e| i64::from(e).abs() <= bound));
    }
}

#[test]
fn the_worst_case_reaches_the_bound_and_decrypts() {
    worst_case::<InsecureMasked16x1>();
    worst_case::<Masked256x16>();
    worst_case::<Masked512x8>();
    worst_case::<Masked1024x4>();
    worst_case::<Masked2048x2>();
    worst_case::<Masked4096x1>();
}

#[test]
fn units_of_every_set_decrypt_in_either_form() {
    fn check<S: MaskedSet>() {
        let mut unit = Unit::<S>::new(S::K as u8);
        let ciphertexts: Vec<Vec<u32>> = (0..3)
            .map(|j| {
                let message: Vec<u32> = (0..S::N as u32).map(|i| T::VALUE - 1 - i * j).collect();
                unit.encrypt(j as usize, &message)
            })
            .collect();
        for weights in [[127, -127, -127], [1, 0, -128], [0, 0, 0]] {
            let row = combine::<S>(&weights, &ciphertexts);
            assert_eq!(switch_and_decrypt(&mut unit, &row).0, unit.decrypt(&row).0);
        }
    }
    check::<InsecureMasked16x1>();
    check::<Masked256x16>();
    check::<Masked512x8>();
    check::<Masked1024x4>();
    check::<Masked2048x2>();
    check::<Masked4096x1>();
}

#[test]
fn the_limit_of_a_row_is_the_largest() {
    let allows = |norm1| GroupBounds { norm1, norm2_squared: 1 }.allows_switched_rows();
    let limit = LARGEST_NORM1 as u64;
    assert!(allows(0) && allows(limit));
    assert!(!allows(limit + 1) && !allows(u64::MAX));
}

/// Bits of a low part beyond its own change nothing.
#[test]
fn low_parts_are_cut_to_their_bits() {
    type S = InsecureMasked16x1;
    let mut unit = Unit::<S>::new(1);
    let key = SecretKey::<S>::generate::<Scalar>(&unit.seed, &mut unit.key).unwrap();
    let decrypted = |over_mask: u32, over_body: u32| {
        let mut row: Vec<u32> = (0..64).map(|i| i * i).collect();
        row[32..48].iter_mut().for_each(|a| *a += over_mask << SWITCHED_MASK_BITS);
        row[48..].iter_mut().for_each(|b| *b = (*b & 7) + (over_body << SWITCHED_BODY_BITS));
        decrypt_row(RowForm::Switched, core::slice::from_ref(&key), &row)
    };
    let expected = decrypted(0, 0);
    assert_eq!(decrypted(1, 0), expected);
    assert_eq!(decrypted(0x7_ffff, 0x1fff_ffff), expected);
}

#[test]
fn wrong_lengths_are_errors() {
    let switch = |degree, keys, plain: usize, scale: usize| {
        switch_row::<T, Delta, Scalar>(degree, keys, &mut vec![0; plain], &mut vec![0; scale])
    };
    assert_eq!(switch(16, 1, 32, 32), Ok(()));
    assert_eq!(switch(16, 3, 64, 64), Ok(()));
    for (degree, keys, plain, scale) in [
        (16, 1, 32, 31),
        (16, 1, 31, 31),
        (16, 1, 16, 16),
        (16, 2, 32, 32),
        (16, 0, 32, 32),
        (16, usize::MAX, 32, 32),
        (0, 1, 0, 0),
        (2, 1, 4, 4),
        (12, 1, 24, 24),
        (8192, 1, 16384, 16384),
    ] {
        assert_eq!(switch(degree, keys, plain, scale), Err(LengthError), "{degree}");
    }
}
