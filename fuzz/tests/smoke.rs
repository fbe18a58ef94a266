//! Every target without libFuzzer: random bytes, and good inputs that are damaged.
//!
//! `SUBROSA_FUZZ_CASES` says how many cases each target has, `SUBROSA_FUZZ_SEED` where they begin. A
//! case that fails is found again by the seed that is printed.

use std::panic::{AssertUnwindSafe, catch_unwind};
use subrosa_fuzz::TARGETS;
use subrosa_fuzz::random::Rng;

/// Longest input of random bytes.
const LONGEST: usize = 400;

fn number(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().map_or(default, |text| text.parse().unwrap())
}

fn smoke(name: &str) {
    let (_, target, good) = TARGETS.into_iter().find(|(known, ..)| *known == name).unwrap();
    let good = good();
    good.iter().for_each(|input| target(input));
    let first = number("SUBROSA_FUZZ_SEED", 1);
    for seed in first..first + number("SUBROSA_FUZZ_CASES", 2_000) {
        let mut rng = Rng(seed.wrapping_mul(0x1_0000_0001));
        let input = if rng.below(8) == 0 {
            rng.bytes(LONGEST)
        } else {
            let mut input = good[rng.below(good.len())].clone();
            rng.damage(&mut input);
            input
        };
        if let Err(panic) = catch_unwind(AssertUnwindSafe(|| target(&input))) {
            eprintln!("target {name}, SUBROSA_FUZZ_SEED={seed} SUBROSA_FUZZ_CASES=1");
            std::panic::resume_unwind(panic);
        }
    }
}

macro_rules! targets {
    ($($name:ident)*) => {
        $(#[test]
        fn $name() {
            smoke(stringify!($name));
        })*

        #[test]
        fn none_is_left_out() {
            let names = [$(stringify!($name)),*];
            assert!(TARGETS.iter().map(|(name, ..)| *name).eq(names));
        }
    };
}

targets! { wire residues device_bundle session device store checkpoint tokenizer host_bundle noise }
