use super::*;
use proptest::prelude::*;
use std::vec;
use std::vec::Vec;

/// A matrix with its check vectors: u from the seed, v = u^T W by definition.
struct Fixture {
    seed: Seed,
    weights: Vec<Vec<i8>>,
    v: [Vec<u32>; CHECK_REPETITIONS],
}

impl Fixture {
    fn new(byte: u8, m: usize, n: usize) -> Self {
        let seed = Seed::from_bytes([byte; 32]);
        let weights: Vec<Vec<i8>> = (0..m)
            .map(|i| (0..n).map(|j| (i * 31 + j * 17 + usize::from(byte)) as i8).collect())
            .collect();
        let v = core::array::from_fn(|repetition| {
            let mut u = vec![0; m];
            check_vector(&seed, repetition as u8, 3, 0, &mut u);
            (0..n)
                .map(|j| {
                    weights.iter().zip(&u).fold(0, |acc, (row, &u)| {
                        T::add(acc, T::mul(u, T::from_i32(i32::from(row[j]))))
                    })
                })
                .collect()
        });
        Self { seed, weights, v }
    }

    fn product(&self, x: &[u32]) -> Vec<u32> {
        self.weights
            .iter()
            .map(|row| {
                row.iter()
                    .zip(x)
                    .fold(0, |acc, (&w, &x)| T::add(acc, T::mul(T::from_i32(i32::from(w)), x)))
            })
            .collect()
    }

    fn fails(&self, x: &[u32], y: &[u32], split: usize) -> bool {
        let mut check = LinearCheck::default();
        let split = split.min(y.len());
        check.add_outputs(&self.seed, 3, 0, &y[..split]);
        check.add_outputs(&self.seed, 3, split, &y[split..]);
        for (repetition, v) in self.v.iter().enumerate() {
            check.subtract_inputs(repetition, v, x.iter().copied());
        }
        let mut poison = Poison::default();
        check.finish(&mut poison);
        poison.reveal()
    }
}

proptest! {
    #[test]
    fn true_products_pass_and_any_change_fails(
        byte: u8,
        m in 1_usize..300,
        x in prop::collection::vec(any::<u32>(), 1..20),
        at: prop::sample::Index,
        delta in 1..T::VALUE,
        split in 0_usize..300,
    ) {
        let fixture = Fixture::new(byte, m, x.len());
        let x: Vec<u32> = x.iter().map(|x| x % T::VALUE).collect();
        let mut y = fixture.product(&x);
        prop_assert!(!fixture.fails(&x, &y, split));
        let at = at.index(m);
        y[at] = T::add(y[at], delta);
        prop_assert!(fixture.fails(&x, &y, split));
    }

    /// Each repetition alone catches a change: two vectors are really used.
    #[test]
    fn units_are_checked_token_by_token(
        byte: u8,
        tokens in 1_usize..9,
        bad_token: prop::sample::Index,
        delta in 1..T::VALUE,
        tamper: bool,
    ) {
        let (m, n) = (7, 5);
        let fixture = Fixture::new(byte, m, n);
        let mask = |j: usize, k: usize| T::reduce((j * 1_000_003 + k * 77_777_777) as u64 * 40_503);
        let images: Vec<Vec<u32>> = (0..tokens)
            .map(|k| fixture.product(&(0..n).map(|j| mask(j, k)).collect::<Vec<_>>()))
            .collect();
        let mut sums = vec![9; UnitCheck::words(tokens)];
        let mut check = UnitCheck::new(tokens, &mut sums).unwrap();
        for j in 0..n {
            let r: Vec<u32> = (0..tokens).map(|k| mask(j, k)).collect();
            check.subtract_coordinate([fixture.v[0][j], fixture.v[1][j]], 0, &r);
        }
        let bad = bad_token.index(tokens);
        for i in 0..m {
            let mut z: Vec<u32> = images.iter().map(|z| z[i]).collect();
            if tamper && i == 4 {
                z[bad] = T::add(z[bad], delta);
            }
            let u = [0, 1].map(|repetition| {
                let mut u = [0];
                check_vector(&fixture.seed, repetition, 3, i, &mut u);
                u[0]
            });
            check.add_row(u, &z);
        }
        let each: Vec<bool> = check.sums.chunks(tokens).map(|s| s.iter().any(|&s| s != 0)).collect();
        prop_assert_eq!(each, vec![tamper; 2]);
        let mut poison = Poison::default();
        check.finish(&mut poison);
        prop_assert_eq!(poison.reveal(), tamper);
    }
}

#[test]
fn poison_is_sticky_and_selects_zeros() {
    let mut poison = Poison::default();
    let mut y = [i32::MIN, -1, 0, 7];
    poison.remember(0);
    poison.select(&mut y);
    assert_eq!(y, [i32::MIN, -1, 0, 7]);
    for difference in [1, 1 << 31, u32::MAX] {
        let mut poison = Poison::default();
        poison.remember(difference);
        poison.remember(0);
        assert!(poison.reveal());
        let mut y = y;
        poison.select(&mut y);
        assert_eq!(y, [0; 4]);
    }
}
