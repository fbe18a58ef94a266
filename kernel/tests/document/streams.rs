//! Randomness: the table of domains, by cutting words from ChaCha20 blocks at the addresses that it
//! gives; and the examples.

use crate::page::{Page, array, bytes, number, numbers, wide};
use chacha20::cipher::{KeyIvInit, StreamCipher, StreamCipherSeek};
use kernel::bundle::ModelDigest;
use kernel::params::ParameterId;
use kernel::prime::{Delta, Prime25, Prime26, PrimeId, T};
use kernel::stream::{
    Label, PublicSeed, Seed, centred_binomial, check_vector, expand_mask, expand_mask_columns,
    one_time_mask, ternary, token_choice,
};

const KEY: [u8; 32] = [7; 32];

/// A block at the address that the page describes.
fn block(domain: u8, attempt: u8, lane: u8, stream: u64, counter: u32) -> [u32; 16] {
    let mut nonce = [0; 12];
    nonce[..4].copy_from_slice(&[domain, attempt, lane, 0]);
    nonce[4..].copy_from_slice(&stream.to_le_bytes());
    let mut bytes = [0; 64];
    let mut cipher = chacha20::ChaCha20::new(&KEY.into(), &nonce.into());
    cipher.try_seek(u64::from(counter) * 64).unwrap();
    cipher.apply_keystream(&mut bytes);
    core::array::from_fn(|i| u32::from_le_bytes(bytes[4 * i..4 * i + 4].try_into().unwrap()))
}

/// The first acceptable draw of a word.
fn uniform(p: PrimeId, cut: impl Fn(u8) -> u32) -> u32 {
    first_below(p.value(), p.bits(), cut)
}

fn first_below(modulus: u32, bits: u32, cut: impl Fn(u8) -> u32) -> u32 {
    let low_bits = u32::MAX >> (32 - bits);
    (0..=255).map(|attempt| cut(attempt) & low_bits).find(|&draw| draw < modulus).unwrap()
}

fn seed() -> Seed {
    Seed::from_bytes(KEY)
}

pub(crate) fn domains(page: &Page) {
    let table = page.table("domains");
    let domain = |purpose: &str| -> u8 {
        let row = table.iter().find(|row| row[1] == purpose).unwrap();
        number(row[0]) as u8
    };
    assert_eq!(table.len(), 7);

    let (mask, j, column) = (domain("public mask"), 300_u64, 1000_usize);
    for row in page.table("primes") {
        let [value, bits, _, lane] = [1, 2, 3, 4].map(|at| number(row[at]) as u32);
        let mut word = [0];
        let seed = PublicSeed(KEY);
        match row[0] {
            "t" => expand_mask::<T>(&seed, j, column, &mut word),
            "Delta" => expand_mask::<Delta>(&seed, j, column, &mut word),
            "p26" => expand_mask::<Prime26>(&seed, j, column, &mut word),
            "p25" => expand_mask::<Prime25>(&seed, j, column, &mut word),
            other => panic!("prime {other}"),
        }
        let cut = |attempt| block(mask, attempt, lane as u8, j, column as u32 / 16)[column % 16];
        assert_eq!(word[0], first_below(value, bits, cut));
    }

    let mut key = [0; 100];
    ternary(&seed(), 3, &mut key);
    let words = block(domain("secret key"), 0, 0, 3, 99 / 8);
    let wide = u128::from(words[2 * (99 % 8)]) | (u128::from(words[2 * (99 % 8) + 1]) << 32);
    assert_eq!(i128::from(key[99]), ((3 * wide) >> 64) as i128 - 1);

    let mut noise = [0; 600];
    centred_binomial(&seed(), 5, &mut noise);
    let rows: Vec<[u32; 8]> = (2 * 21..3 * 21)
        .flat_map(|counter| {
            let words = block(domain("noise"), 0, 0, 5, counter);
            words.as_chunks().0.to_vec()
        })
        .collect();
    for c in 0..600 - 512 {
        let (byte, bit) = (c % 32, c / 32);
        let coin = |row: &[u32; 8]| row[byte / 4].to_le_bytes()[byte % 4] >> bit & 1;
        let ones: u8 = rows.iter().map(coin).sum();
        assert_eq!(noise[512 + c], ones as i8 - 21, "coefficient {}", 512 + c);
    }

    let (otm, token, coordinate) = (domain("one-time mask"), 30_usize, 41_usize);
    let mut word = [0];
    one_time_mask(&seed(), token, coordinate, &mut word);
    let cut = |attempt| {
        let words = block(otm, attempt, 0, token as u64 / 4, coordinate as u32 / 4);
        words[4 * (coordinate % 4) + token % 4]
    };
    assert_eq!(word[0], uniform(PrimeId::T, cut));

    check_vector(&seed(), 1, 12, 100, &mut word);
    let cut = |attempt| block(domain("check vector"), attempt, 1, 12, 100 / 16)[100 % 16];
    assert_eq!(word[0], uniform(PrimeId::T, cut));

    let choice = block(domain("choice of a token"), 0, 0, 9, 0)[0];
    assert_eq!(token_choice(&seed(), 9), choice);

    let derived = block(domain("derived seed"), 0, 0, Label::OneTimeMask as u64, 0);
    let derived: Vec<u8> = derived[..8].iter().flat_map(|word| word.to_le_bytes()).collect();
    assert_eq!(seed().derive(Label::OneTimeMask).expose()[..], derived);
}

pub(crate) fn labels(page: &Page) {
    use Label::{EvaluationKey, ModelMask, OneTimeMask, PublicMask, Seal, Store, UnitKey};
    let labels = [PublicMask, OneTimeMask, Store, Seal, EvaluationKey, ModelMask, UnitKey];
    let said: Vec<_> = page.table("labels").iter().map(|row| number(row[0])).collect();
    assert_eq!(said, labels.map(|label| label as u64));

    let set = ParameterId::Masked512x8;
    let derived = block(6, 0, 0, 7 + 256 * set as u64, 0);
    let derived: Vec<u8> = derived[..8].iter().flat_map(|word| word.to_le_bytes()).collect();
    assert_eq!(PublicSeed::of_model(ModelDigest(KEY), set).0[..], derived);
    for key in [0, 15] {
        let derived = block(6, 0, 0, 8 + 256 * u64::from(key), 0);
        let derived: Vec<u8> = derived[..8].iter().flat_map(|word| word.to_le_bytes()).collect();
        assert_eq!(seed().derive_key(key).expose()[..], derived);
    }
}

pub(crate) fn streams(page: &Page) {
    let mut key = [0; 32];
    for (what, values) in page.block("streams") {
        if ["unit seed", "check seed", "seed of a key"].contains(&what) {
            key = array(&values);
            continue;
        }
        let seed = Seed::from_bytes(key);
        let mut words = [0; 4];
        let words = &mut words[..values.split_whitespace().count().min(4)];
        let masks = |p, j: usize, column, out: &mut [u32]| {
            let columns = column..column + out.len();
            expand_mask_columns(p, &PublicSeed(key), j..j + 1, columns, out);
        };
        match what {
            "nonce for label 1" => {
                let nonce = bytes(&values);
                assert_eq!((nonce[0], nonce[4], nonce.len()), (6, 1, 12));
                assert_eq!(nonce.iter().map(|&b| u32::from(b)).sum::<u32>(), 7);
                continue;
            }
            // The first is derived from the seed above it; the others are seeds of examples.
            "public seed" if seed.derive_public().0 == array(&values) => continue,
            "mask seed" if seed.derive(Label::OneTimeMask).expose() == &array(&values) => continue,
            "seed of key 0" | "seed of key 1" => {
                let key = what.ends_with('1').into();
                assert_eq!(seed.derive_key(key).expose(), &array(&values));
                continue;
            }
            "seed of the model, set 5" => {
                let seed = PublicSeed::of_model(ModelDigest(key), ParameterId::Masked256x16);
                assert_eq!(seed.0, array(&values));
                continue;
            }
            "public seed" | "mask seed" | "model digest" => {
                key = array(&values);
                continue;
            }
            "choice at 0, 1" => {
                words.copy_from_slice(&[0, 1].map(|at| token_choice(&seed, at)));
            }
            "coordinate 0, columns 0 to 2, modulo t" => masks(PrimeId::T, 0, 0, words),
            "coordinate 0, columns 0 to 2, modulo Delta" => masks(PrimeId::Delta, 0, 0, words),
            "coordinate 65792, columns 4090 to 4092, modulo t" => {
                masks(PrimeId::T, 65792, 4090, words);
            }
            "coordinate 7769, column 715, modulo t, attempts 0, 1, 2" => {
                let mut word = [0];
                masks(PrimeId::T, 7769, 715, &mut word);
                let draws = numbers(&values);
                assert_eq!(draws[2..], wide(&word));
                let t = i64::from(PrimeId::T.value());
                assert!(draws[..2].iter().all(|&draw| draw >= t && draw < 1 << 32));
                continue;
            }
            "token 0, coordinates 0 to 3" => one_time_mask(&seed, 0, 0, words),
            "token 1, coordinates 0 to 3" => one_time_mask(&seed, 1, 0, words),
            "group 0, repetition 0, rows 0 to 2" => check_vector(&seed, 0, 0, 0, words),
            "group 0, repetition 1, rows 0 to 2" => check_vector(&seed, 1, 0, 0, words),
            "key component 1, coefficients 0 to 15" => {
                let mut draws = [0; 16];
                ternary(&seed, 1, &mut draws);
                assert_eq!(numbers(&values), wide(&draws));
                continue;
            }
            "noise of coordinate 1, coefficients 0 to 11" => {
                let mut draws = [0; 12];
                centred_binomial(&seed, 1, &mut draws);
                assert_eq!(numbers(&values), wide(&draws));
                continue;
            }
            other => panic!("an example that nothing checks: {other}"),
        }
        assert_eq!(numbers(&values), wide(words), "{what}");
    }
}
