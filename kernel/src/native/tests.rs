use super::*;
use crate::stream::Seed;
use chacha20::cipher::{KeyIvInit, StreamCipher, StreamCipherSeek};
use proptest::prelude::*;
use std::vec;
use std::vec::Vec;

const D: Delta = Delta::MESSAGE_2_CARRY_2;

fn seed(byte: u8) -> Seed {
    Seed::from_bytes([byte; 32])
}

fn encrypt(key: &SecretKey<'_>, number: u64, delta: Delta, message: &[u64]) -> Vec<u64> {
    let mut ciphertext = vec![u64::MAX; GLWE_WORDS];
    let (mask, body) = ciphertext.split_at_mut(N);
    expand_mask(&seed(9).derive_public(), number, mask);
    encrypt_into(key, &seed(9), number, delta, message, mask, body).unwrap();
    ciphertext
}

fn decrypt(key: &SecretKey<'_>, delta: Delta, ciphertext: &[u64]) -> Vec<u64> {
    let mut message = vec![u64::MAX; N];
    decrypt_into(key, delta, ciphertext, &mut message).unwrap();
    message
}

fn phase(key: &SecretKey<'_>, ciphertext: &[u64]) -> Vec<u64> {
    let mut phase = vec![u64::MAX; N];
    phase_into(key, ciphertext, &mut phase).unwrap();
    phase
}

/// `a s` by the definition: exact integers, X^n = -1, then modulo 2^64.
fn product(a: &[u64], s: &[u64]) -> Vec<u64> {
    let n = a.len();
    let mut out = vec![0_i128; n];
    for (i, &a) in a.iter().enumerate() {
        for (j, &s) in s.iter().enumerate() {
            let sign = if i + j < n { 1 } else { -1 };
            out[(i + j) % n] += sign * i128::from(a) * i128::from(s);
        }
    }
    out.into_iter().map(|x| x.rem_euclid(1 << 64) as u64).collect()
}

fn noise(key: &SecretKey<'_>, delta: Delta, ciphertext: &[u64], message: &[u64]) -> Vec<i64> {
    let phase = phase(key, ciphertext);
    phase.iter().zip(message).map(|(p, m)| p.wrapping_sub(delta.encode(*m)) as i64).collect()
}

/// Coefficients with the edges of the words among them.
fn coefficients(n: usize) -> impl Strategy<Value = Vec<u64>> {
    let one = prop_oneof![Just(0), Just(1), Just(1 << 63), Just(u64::MAX), any::<u64>()];
    prop::collection::vec(one, n)
}

#[test]
fn product_is_the_negacyclic_one_for_every_monomial() {
    let n = 128;
    let a: Vec<u64> = (0..n as u64).map(|i| (i + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15)).collect();
    for j in 0..n {
        let mut key = [0; 2];
        key[j / 64] = 1 << (j % 64);
        let mut s = vec![0; n];
        s[j] = 1;
        let mut out = vec![0; n];
        polynomial::add_mul_assign(&mut out, &a, &key);
        assert_eq!(out, product(&a, &s), "X^{j}");
        assert_eq!(polynomial::inner_product(&a, &key), a[j]);
    }
}

#[test]
fn a_ciphertext_is_what_the_definition_says_at_full_size() {
    let mut words = [0; SecretKey::WORDS];
    let key = SecretKey::generate(&seed(1), &mut words).unwrap();
    let message: Vec<u64> = (0..N as u64).map(|i| i * 7 % 32).collect();
    let ciphertext = encrypt(&key, 3, D, &message);
    let mut s = vec![0; N];
    key.expose_into(&mut s).unwrap();
    let mut expected = product(&ciphertext[..N], &s);
    add_t_uniform_assign(&seed(9), 3, &mut expected);
    for (e, m) in expected.iter_mut().zip(&message) {
        *e = e.wrapping_add(m << 59);
    }
    assert_eq!(ciphertext[N..], expected);
    assert_eq!(decrypt(&key, D, &ciphertext), message);
}

/// Every pattern of 19 bits: the ends once, everything between twice, and bits above do not count.
#[test]
fn t_uniform_is_its_definition() {
    let bound = 1 << NOISE_BOUND_LOG2;
    let mut counts = vec![0; 2 * bound + 1];
    for word in 0..1 << 19 {
        let draw = samplers::t_uniform(word);
        assert_eq!(draw, samplers::t_uniform(word | 0xfff8_0000));
        counts[(draw + bound as i32) as usize] += 1;
    }
    assert_eq!((counts[0], counts[2 * bound]), (1, 1));
    assert!(counts[1..2 * bound].iter().all(|&count| count == 2));
}

#[test]
fn streams_are_those_of_the_table() {
    let block = |key: [u8; 32], lane: u8, stream: u64, counter: u64| -> [u32; 16] {
        let mut nonce = [8, 0, lane, 0, 0, 0, 0, 0, 0, 0, 0, 0];
        nonce[4..].copy_from_slice(&stream.to_le_bytes());
        let mut bytes = [0; 64];
        let mut cipher = chacha20::ChaCha20::new(&key.into(), &nonce.into());
        cipher.try_seek(64 * counter).unwrap();
        cipher.apply_keystream(&mut bytes);
        core::array::from_fn(|i| u32::from_le_bytes(bytes[4 * i..4 * i + 4].try_into().unwrap()))
    };
    let wide =
        |words: [u32; 16], i: usize| u64::from(words[2 * i]) | (u64::from(words[2 * i + 1]) << 32);
    let (mut words, mut s) = ([0; SecretKey::WORDS], vec![0; N]);
    SecretKey::generate(&seed(7), &mut words).unwrap().expose_into(&mut s).unwrap();
    let (mut mask, mut noise) = (vec![0; N], vec![0; N]);
    expand_mask(&seed(7).derive_public(), 5 << 40, &mut mask);
    add_t_uniform_assign(&seed(7), 5 << 40, &mut noise);
    for i in [0, 1, 63, 64, 511, 512, 1000, N - 1] {
        let key = wide(block([7; 32], 0, 0, i as u64 / 512), (i / 64) % 8);
        assert_eq!(s[i], (key >> (i % 64)) & 1);
        let draw = block([7; 32], 1, 5 << 40, i as u64 / 16)[i % 16] & 0x7_ffff;
        assert_eq!(noise[i] as i64, i64::from(draw >> 1) + i64::from(draw & 1) - (1 << 17));
        let public = seed(7).derive_public().0;
        assert_eq!(mask[i], wide(block(public, 2, 5 << 40, i as u64 / 8), i % 8));
    }
}

#[test]
fn fresh_noise_stays_in_its_bound_and_has_its_variance() {
    let mut words = [0; SecretKey::WORDS];
    let key = SecretKey::generate(&seed(2), &mut words).unwrap();
    let message: Vec<u64> = (0..N as u64).collect();
    let count = 64;
    let (mut sum, mut squares) = (0_i128, 0_i128);
    for number in 0..count {
        let ciphertext = encrypt(&key, number, D, &message);
        for e in noise(&key, D, &ciphertext, &message) {
            assert!(e.unsigned_abs() <= 1 << NOISE_BOUND_LOG2);
            sum += i128::from(e);
            squares += i128::from(e) * i128::from(e);
        }
    }
    // 131072 draws: the mean is within 5 of its standard deviations of 209, the variance within 2 %.
    let draws = i128::from(count) * N as i128;
    assert!((sum / draws).abs() < 5 * 209);
    let (variance, expected) = (squares / draws, ((1 << 35) + 1) / 6);
    assert!((variance - expected).abs() * 50 < expected, "{variance}, not {expected}");
}

#[test]
fn keys_are_balanced_and_another_key_decrypts_to_noise() {
    let (mut words, mut other) = ([0; SecretKey::WORDS], [0; SecretKey::WORDS]);
    let key = SecretKey::generate(&seed(3), &mut words).unwrap();
    let other = SecretKey::generate(&seed(4), &mut other).unwrap();
    let ones: u32 = key.words().iter().map(|w| w.count_ones()).sum();
    assert!((1024 - 136..1024 + 136).contains(&ones), "{ones}: beyond six standard deviations");
    let message = vec![11; N];
    let garbage = decrypt(&other, D, &encrypt(&key, 0, D, &message));
    let equal = garbage.iter().filter(|&&m| m == 11).count();
    assert!(equal < 128, "{equal} of 2048 equal, 64 by chance");
}

#[test]
fn rounding_is_to_the_nearest_and_wraps() {
    let delta = Delta::from_log2(60).unwrap();
    let half = 1_u64 << 59;
    for m in 0..16_u64 {
        assert_eq!(delta.decode((m << 60).wrapping_add(half - 1)), m);
        assert_eq!(delta.decode((m << 60).wrapping_sub(half)), m);
        assert_eq!(delta.decode((m << 60).wrapping_add(half)), (m + 1) % 16);
    }
    for log2 in [0, 18, 64, 65, u32::MAX] {
        assert_eq!(Delta::from_log2(log2), Err(NativeError::Delta));
    }
    // The smallest and the largest scaling: whatever the noise, a fresh ciphertext comes back.
    for log2 in [19, 63] {
        let delta = Delta::from_log2(log2).unwrap();
        let largest = u64::MAX >> log2;
        for noise in [-(1 << 17), 0, 1 << 17] {
            let phase = delta.encode(largest).wrapping_add(noise as u64);
            assert_eq!(delta.decode(phase), largest);
        }
    }
}

#[test]
fn lengths_are_checked_and_nothing_is_written() {
    let mut words = [7; SecretKey::WORDS + 1];
    assert!(SecretKey::generate(&seed(1), &mut words).is_err());
    assert!(SecretKey::from_coefficients(&[0; N], &mut words).is_err());
    assert!(SecretKey::from_coefficients(&[0; N - 1], &mut words[1..]).is_err());
    assert_eq!(words, [7; SecretKey::WORDS + 1]);
    let key = SecretKey::generate(&seed(1), &mut words[1..]).unwrap();
    let right = [N, N, N];
    for wrong in 0..3 {
        for length in [0, N - 1, N + 1] {
            let mut lengths = right;
            lengths[wrong] = length;
            let [message, mask, body] = lengths.map(|length| vec![7; length]);
            let mut out = body.clone();
            let result = encrypt_into(&key, &seed(1), 0, D, &message, &mask, &mut out);
            assert_eq!((result, out), (Err(NativeError::Length), body));
        }
    }
    for (ciphertext, out) in [(GLWE_WORDS - 1, N), (GLWE_WORDS + 1, N), (GLWE_WORDS, N - 1)] {
        let (ciphertext, mut out) = (vec![0; ciphertext], vec![7; out]);
        assert_eq!(phase_into(&key, &ciphertext, &mut out), Err(NativeError::Length));
        assert_eq!(decrypt_into(&key, D, &ciphertext, &mut out), Err(NativeError::Length));
        assert!(out.iter().all(|&word| word == 7));
    }
    assert_eq!(lwe_phase(&key, &[0; N]), Err(NativeError::Length));
    assert_eq!(lwe_decrypt(&key, D, &[0; N + 2]), Err(NativeError::Length));
    assert_eq!(key.expose_into(&mut [0; N + 1]), Err(NativeError::Length));
}

/// Coefficient `i` of a GLWE ciphertext as an LWE ciphertext: the mask reversed about i, the part
/// that passed X^N negated.
fn extract(ciphertext: &[u64], i: usize) -> Vec<u64> {
    let mask = |j: usize| match i.checked_sub(j) {
        Some(k) => ciphertext[k],
        None => ciphertext[N + i - j].wrapping_neg(),
    };
    (0..N).map(mask).chain([ciphertext[N + i]]).collect()
}

#[test]
fn an_extracted_coefficient_has_the_same_phase() {
    let mut words = [0; SecretKey::WORDS];
    let key = SecretKey::generate(&seed(5), &mut words).unwrap();
    let message: Vec<u64> = (0..N as u64).map(|i| i % 32).collect();
    let ciphertext = encrypt(&key, 1, D, &message);
    let phase = phase(&key, &ciphertext);
    for i in [0, 1, 1023, N - 1] {
        let lwe = extract(&ciphertext, i);
        assert_eq!(lwe_phase(&key, &lwe), Ok(phase[i]));
        assert_eq!(lwe_decrypt(&key, D, &lwe), Ok(message[i]));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn product_equals_the_definition(
        (key, a, before) in (1_usize..5).prop_flat_map(|words| (
            prop::collection::vec(any::<u64>(), words), coefficients(64 * words), coefficients(64 * words),
        )),
    ) {
        let bits: Vec<u64> = (0..a.len()).map(|i| (key[i / 64] >> (i % 64)) & 1).collect();
        let mut out = before.clone();
        polynomial::add_mul_assign(&mut out, &a, &key);
        let mut expected = product(&a, &bits);
        for (e, b) in expected.iter_mut().zip(&before) {
            *e = e.wrapping_add(*b);
        }
        prop_assert_eq!(out, expected);
        let sum = a.iter().zip(&bits).fold(0_u64, |sum, (a, s)| sum.wrapping_add(a.wrapping_mul(*s)));
        prop_assert_eq!(polynomial::inner_product(&a, &key), sum);
    }

    #[test]
    fn every_message_comes_back_at_every_scaling(
        key in any::<[u8; 32]>(), log2 in 19_u32..64, message in coefficients(N), number in any::<u64>(),
    ) {
        let mut words = [0; SecretKey::WORDS];
        let key = SecretKey::generate(&Seed::from_bytes(key), &mut words).unwrap();
        let delta = Delta::from_log2(log2).unwrap();
        let decrypted = decrypt(&key, delta, &encrypt(&key, number, delta, &message));
        prop_assert!(decrypted.iter().zip(&message).all(|(d, m)| *d == (m << log2) >> log2));
    }

    /// The phase is linear, in sums, in integer factors and in powers of X, exactly.
    #[test]
    fn the_phase_is_linear(
        a in coefficients(GLWE_WORDS), b in coefficients(GLWE_WORDS), factor in any::<u64>(), k in 0..N,
    ) {
        let mut words = [0; SecretKey::WORDS];
        let key = SecretKey::generate(&seed(6), &mut words).unwrap();
        let times_x_k = |polynomial: &[u64]| -> Vec<u64> {
            let (stays, wraps) = polynomial.split_at(N - k);
            wraps.iter().map(|w| w.wrapping_neg()).chain(stays.iter().copied()).collect()
        };
        let combine = |(a, b): (&u64, &u64)| a.wrapping_add(b.wrapping_mul(factor));
        let turned = [times_x_k(&b[..N]), times_x_k(&b[N..])].concat();
        let sum: Vec<u64> = a.iter().zip(&turned).map(combine).collect();
        let expected: Vec<u64> =
            phase(&key, &a).iter().zip(&times_x_k(&phase(&key, &b))).map(combine).collect();
        prop_assert_eq!(phase(&key, &sum), expected);
    }

    #[test]
    fn keys_survive_the_other_layout(bytes in any::<[u8; 32]>(), place in 0..N, value in prop_oneof![Just(2), Just(3), Just(1 << 63), 2..=u64::MAX]) {
        let (mut first, mut second) = ([0; SecretKey::WORDS], [0; SecretKey::WORDS]);
        let mut coefficients = vec![u64::MAX; N];
        let key = SecretKey::generate(&Seed::from_bytes(bytes), &mut first).unwrap();
        key.expose_into(&mut coefficients).unwrap();
        let copy = SecretKey::from_coefficients(&coefficients, &mut second).unwrap();
        prop_assert_eq!(copy.words(), key.words());
        drop(copy);
        coefficients[place] = value;
        let refused = SecretKey::from_coefficients(&coefficients, &mut second);
        prop_assert_eq!(refused.err(), Some(NativeError::NotBinary));
        prop_assert_eq!(second, [0; SecretKey::WORDS]);
    }
}
