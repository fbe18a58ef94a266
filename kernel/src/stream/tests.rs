use super::*;
use crate::prime::{Delta, Prime, PrimeId, T};
use proptest::prelude::*;
use std::vec;
use std::vec::Vec;

/// RFC 8439, section 2.3.2: the block of key 00..1f, nonce 00 00 00 09 00 00 00 4a 00 00 00 00 and
/// counter 1. Our addressing reaches that nonce only by hand, so the check is on the ciphers that the
/// addressing wraps.
#[test]
fn ciphers_are_the_ietf_variant() {
    const BLOCK: [u32; 16] = [
        0xe4e7_f110,
        0x1559_3bd1,
        0x1fdd_0f50,
        0xc471_20a3,
        0xc7f4_d1c7,
        0x0368_c033,
        0x9aaa_2204,
        0x4e6c_d4c3,
        0x4664_82d2,
        0x09aa_9f07,
        0x05d7_c214,
        0xa202_8bd9,
        0xd19c_12b5,
        0xb94e_16de,
        0xe883_d0cb,
        0x4e3c_50a2,
    ];
    let key: [u8; 32] = core::array::from_fn(|i| i as u8);
    let nonce = [0, 0, 0, 9, 0, 0, 0, 0x4a, 0, 0, 0, 0];
    let (mut small, mut vectors) = ([0; 16], [0; 16]);
    block::Blocks::new(&key, &nonce).words(1, &mut small);
    keystream::vectors::Blocks::new(&key, &nonce).words(1, &mut vectors);
    assert_eq!((small, vectors), (BLOCK, BLOCK));
}

proptest! {
    /// The cipher of small cores is that of the others, from any block and for any length.
    #[test]
    fn ciphers_agree(key: [u8; 32], nonce: [u8; 12], counter in 0_u32..u32::MAX - 8, len in 0_usize..100) {
        let (mut small, mut vectors) = (vec![7; len], vec![9; len]);
        let mut blocks = block::Blocks::new(&key, &nonce);
        blocks.words(counter, &mut small);
        blocks.words(counter, &mut small);
        keystream::vectors::Blocks::new(&key, &nonce).words(counter, &mut vectors);
        prop_assert_eq!(small, vectors);
    }
}

fn seed(byte: u8) -> Seed {
    Seed::from_bytes([byte; 32])
}

proptest! {
    /// Any tile of public masks equals the same words of the whole.
    #[test]
    fn mask_tiles_agree(byte: u8, j in 0_usize..5, start in 0_usize..700, len in 1_usize..700) {
        let public = seed(byte).derive_public();
        for p in PrimeId::ALL {
            let mut whole = vec![0; 5 * 1400];
            expand_mask_columns(p, &public, 0..5, 0..1400, &mut whole);
            prop_assert!(whole.iter().all(|&w| w < p.value()));
            let mut tile = vec![u32::MAX; len];
            expand_mask_columns(p, &public, j..j + 1, start..start + len, &mut tile);
            prop_assert_eq!(&tile[..], &whole[j * 1400 + start..][..len]);
        }
    }

    /// Both access orders of the one-time masks give the same words.
    #[test]
    fn one_time_masks_agree_in_both_orders(
        byte: u8,
        start in 0_usize..30,
        tokens in 1_usize..40,
        first in 0_usize..90,
    ) {
        let seed = seed(byte);
        let n = 101_usize;
        let mut by_coordinate: Vec<Vec<u32>> = Vec::new();
        for block in 0..n.div_ceil(4) {
            let rows = (n - 4 * block).min(4);
            let mut out = vec![0; rows * tokens];
            one_time_mask_coordinates(&seed, block as u32, start..start + tokens, &mut out);
            by_coordinate.extend(out.chunks(tokens).map(<[u32]>::to_vec));
        }
        for token in 0..tokens {
            let mut row = vec![0; n - first];
            one_time_mask(&seed, start + token, first, &mut row);
            for (j, &r) in (first..n).zip(&row) {
                prop_assert_eq!(r, by_coordinate[j][token]);
            }
        }
    }

    #[test]
    fn check_vectors_can_be_read_in_blocks(byte: u8, first in 0_usize..300, len in 0_usize..300) {
        let seed = seed(byte);
        let mut whole = vec![0; 600];
        check_vector(&seed, 1, 7, 0, &mut whole);
        let mut part = vec![0; len];
        check_vector(&seed, 1, 7, first, &mut part);
        prop_assert_eq!(&part[..], &whole[first..first + len]);
    }
}

/// Rejections happen (once in 4096) and the redrawn words are residues; the mean of the rest fits.
#[test]
fn uniform_words_are_residues_with_the_right_mean() {
    fn mean<P: Prime>(p: PrimeId) {
        let mut words = vec![0; 1 << 18];
        expand_mask_columns(p, &PublicSeed([7; 32]), 0..64, 0..4096, &mut words);
        let mean = words.iter().map(|&w| f64::from(w)).sum::<f64>() / words.len() as f64;
        let deviation = (mean / f64::from(P::VALUE) - 0.5).abs();
        // Standard deviation of the mean: 1 / sqrt(12 * 2^18) = 0.00056.
        assert!(deviation < 0.003, "{p:?}: {deviation}");
    }
    mean::<T>(PrimeId::T);
    mean::<Delta>(PrimeId::Delta);
}

/// Chi-square of the ternary and noise samplers against their exact distributions.
#[test]
fn samplers_have_their_distributions() {
    const DRAWS: usize = 1 << 20;
    let mut draws = vec![0_i8; DRAWS];
    ternary(&seed(3), 0, &mut draws);
    let chi: f64 = (-1..=1)
        .map(|v| {
            let expected = DRAWS as f64 / 3.0;
            let seen = draws.iter().filter(|&&d| d == v).count() as f64;
            (seen - expected).powi(2) / expected
        })
        .sum();
    assert!(chi < 28.0, "ternary chi-square {chi} with 2 degrees of freedom");

    centred_binomial(&seed(3), 0, &mut draws);
    let bound = NOISE_BOUND as i8;
    assert!(draws.iter().all(|d| (-bound..=bound).contains(d)));
    let mut chi = 0.0;
    let mut binomial = 1.0 / 2_f64.powi(42); // C(42, 21 + e) / 2^42, from e = -21 up
    for (k, e) in (-bound..=bound).enumerate() {
        let expected = binomial * DRAWS as f64;
        if expected > 20.0 {
            let seen = draws.iter().filter(|&&d| d == e).count() as f64;
            chi += (seen - expected).powi(2) / expected;
        }
        binomial *= (42 - k) as f64 / (k + 1) as f64;
    }
    assert!(chi < 80.0, "noise chi-square {chi} with about 26 degrees of freedom");
    let variance = draws.iter().map(|&d| f64::from(d).powi(2)).sum::<f64>() / DRAWS as f64;
    assert!((variance - 10.5).abs() < 0.1, "variance {variance}");
}

#[test]
fn seeds_print_only_their_name_and_derive_apart() {
    let seed = seed(9);
    assert_eq!(std::format!("{seed:?}"), "Seed");
    assert_ne!(seed.derive(Label::OneTimeMask).expose(), &seed.derive_public().0);
}
