use super::*;
use core::sync::atomic::{AtomicUsize, Ordering};
use kernel::accel::hooked::{Call, Hooked, Hooks, Output};
use kernel::conformance::Faults;
use std::sync::Arc;

/// Whether a call counts.
type Of = fn(&Call) -> bool;

/// Of the calls that `of` counts, number `at` has a wrong word: in the bodies of a trace product if so said.
#[derive(Clone, Copy)]
struct Wrong {
    of: Of,
    at: usize,
    word: usize,
    in_bodies: bool,
}

struct WrongOnce(Wrong, AtomicUsize);

impl Hooks for WrongOnce {
    fn around<T>(
        &self,
        call: Call,
        mut output: Output<'_>,
        run: impl FnOnce(Output<'_>) -> Result<T, AccelError>,
    ) -> Result<T, AccelError> {
        let done = run(output.lend())?;
        let Wrong { of, at, word, in_bodies } = self.0;
        if of(&call) && self.1.fetch_add(1, Ordering::Relaxed) == at {
            match output {
                Output::None => {}
                Output::Words(words) => words[word] ^= 1,
                Output::Results { bodies, .. } if in_bodies => bodies[word] ^= 1,
                Output::Results { masks, .. } => masks[word] ^= 1,
            }
        }
        Ok(done)
    }
}

fn test(wrong: Wrong) -> Result<(), SelfTestError> {
    let hooks = WrongOnce(wrong, AtomicUsize::new(0));
    run(&Hooked::new(Arc::new(Reference::default()), hooks))
}

#[test]
fn the_reference_is_right() {
    assert_eq!(run(&Reference::default()), Ok(()));
}

#[test]
fn one_wrong_word_is_enough() {
    let one: Of = |call| matches!(call, Call::Product { columns: 1, .. });
    let many: Of = |call| matches!(call, Call::Product { columns: 45, .. });
    let masks: Of = |call| matches!(call, Call::ProductSeeded { .. });
    for (what, of, columns) in [
        ("product of one column", one, 1),
        ("product of many columns", many, 45),
        ("product of masks", masks, 64),
    ] {
        // Modulo each prime.
        for at in 0..PrimeId::ALL.len() {
            for word in [0, M * columns / 2, M * columns - 1] {
                let wrong = test(Wrong { of, at, word, in_bodies: false });
                assert_eq!(wrong, Err(SelfTestError::Differs(what)), "{at}, word {word}");
            }
        }
        let third = test(Wrong { of, at: PrimeId::ALL.len(), word: 0, in_bodies: false });
        assert_eq!(third, Ok(()), "there are no more calls than those");
    }
}

#[test]
fn one_wrong_word_of_a_trace_product_is_enough() {
    for (in_bodies, words) in [(false, [0, 4095]), (true, [0, 4])] {
        for word in words {
            let of: Of = |call| matches!(call, Call::TraceProduct(_));
            let wrong = test(Wrong { of, at: 0, word, in_bodies });
            assert_eq!(wrong, Err(SelfTestError::Differs("trace product")), "word {word}");
        }
    }
}

#[test]
fn failures_are_told() {
    let full = AccelError::OutOfMemory;
    let cases: [(_, Of); 4] = [
        ("upload of a matrix", |call| matches!(call, Call::Load { .. })),
        ("product of masks", |call| matches!(call, Call::ProductSeeded { .. })),
        ("removal of a matrix", |call| matches!(call, Call::Unload(_))),
        ("trace product", |call| matches!(call, Call::TraceProduct(_))),
    ];
    for (what, of) in cases {
        let failed = run(&Faults::at(0, full, of).on_reference());
        assert_eq!(failed, Err(SelfTestError::Failed(what, full)));
    }
}

#[test]
fn words_are_drawn_again() {
    // Otherwise the masks' second draws would not be tested.
    use kernel::prime::Prime;
    for p in PrimeId::ALL {
        kernel::with_prime!(p, P => {
            let rejected = 1.0 - f64::from(P::VALUE) / (1_u64 << P::BITS) as f64;
            assert!(rejected * (N * 64) as f64 > 1.0, "{p:?}: {rejected}");
        });
    }
}
