use super::*;
use kernel::conformance::residues;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

const N: usize = 5;

/// The product of a matrix whose weight in row i and column j is `i + j + 1`.
fn fill(pass: &Pass<'_>, out: &mut [u32]) {
    let p = u64::from(pass.p.value());
    for (i, row) in pass.rows.clone().zip(out.chunks_exact_mut(pass.columns)) {
        for (c, word) in row.iter_mut().enumerate() {
            let products =
                (0..N).map(|j| (i + j + 1) as u64 * u64::from(pass.x[j * pass.columns + c]) % p);
            *word = (products.sum::<u64>() % p) as u32;
        }
    }
}

/// What a thread asks for: rows, prime and columns.
type Asked = (Range<usize>, PrimeId, usize);
/// What it got.
type Got = thread::Result<Result<(), AccelError>>;

/// Lets a thread ask for each of these while the turn is held, and then go on; `before` is called at the start
/// of every pass. Answers are checked. Returns what each thread got, and the number of passes.
fn crowd(
    asked: &[Asked],
    before: impl Fn(usize, &Pass<'_>) -> Result<(), AccelError> + Sync,
) -> (Vec<Got>, usize) {
    let waiting = Waiting::default();
    let passes = AtomicUsize::new(0);
    let turn = waiting.turn.lock().unwrap();
    let ask = |k: usize, (rows, p, columns): Asked| {
        let x = residues(p, k as u64, N * columns);
        let pass = Pass { rows, p, x: &x, columns };
        let mut out = vec![7; pass.rows.len() * columns];
        let got = catch_unwind(AssertUnwindSafe(|| {
            waiting.product(pass.clone(), &mut out, |pass, out| {
                before(passes.fetch_add(1, Ordering::Relaxed), pass)?;
                fill(pass, out);
                Ok(())
            })
        }));
        if matches!(got, Ok(Ok(()))) {
            let mut expected = vec![8; out.len()];
            fill(&pass, &mut expected);
            assert_eq!(out, expected, "thread {k}");
        }
        got
    };
    let got = thread::scope(|scope| {
        let ask = &ask;
        let threads: Vec<_> = (0..)
            .zip(asked.iter().cloned())
            .map(|(k, asked)| scope.spawn(move || ask(k, asked)))
            .collect();
        while waiting.queue.lock().unwrap().len() < asked.len() {
            thread::yield_now();
        }
        drop(turn);
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    assert!(waiting.queue.lock().unwrap().is_empty(), "nobody is left");
    (got, passes.into_inner())
}

fn all_are_answered(got: &[Got]) -> bool {
    got.iter().all(|got| matches!(got, Ok(Ok(()))))
}

#[test]
fn who_waits_is_answered_in_one_pass() {
    let asked: Vec<Asked> = (0..12).map(|k| (3..9, PrimeId::T, 1 + k % 5)).collect();
    let (got, passes) = crowd(&asked, |_, _| Ok(()));
    assert!(all_are_answered(&got));
    assert_eq!(passes, 1);
}

#[test]
fn a_pass_has_no_more_columns_than_it_should() {
    let asked = vec![(0..4, PrimeId::Delta, 20); 10];
    let (got, passes) = crowd(&asked, |_, pass| {
        assert!(pass.columns <= TOGETHER, "{} columns", pass.columns);
        Ok(())
    });
    assert!(all_are_answered(&got));
    assert_eq!(passes, 4);
}

#[test]
fn different_products_do_not_mix() {
    let kinds =
        [(0..4, PrimeId::T), (0..4, PrimeId::Delta), (0..5, PrimeId::T), (1..4, PrimeId::T)];
    let asked = kinds.iter().cycle().zip(1..=20);
    let asked: Vec<Asked> = asked.map(|((rows, p), k)| (rows.clone(), *p, 1 + k % 7)).collect();
    let (got, passes) = crowd(&asked, |_, _| Ok(()));
    assert!(all_are_answered(&got));
    assert_eq!(passes, kinds.len());
}

#[test]
fn a_failure_is_told_to_all_of_its_pass() {
    let asked = vec![(0..4, PrimeId::T, 30); 4];
    let (got, passes) =
        crowd(&asked, |pass, _| if pass == 0 { Err(AccelError::OutOfMemory) } else { Ok(()) });
    let failed = got.iter().filter(|got| matches!(got, Ok(Err(AccelError::OutOfMemory))));
    let done = got.iter().filter(|got| matches!(got, Ok(Ok(()))));
    assert_eq!((failed.count(), done.count(), passes), (2, 2, 2));
}

#[test]
fn a_panic_takes_nobody_along() {
    let asked = vec![(0..4, PrimeId::T, 2); 9];
    let (got, passes) = crowd(&asked, |pass, _| {
        assert!(pass != 0, "as it should");
        Ok(())
    });
    let panicked = got.iter().filter(|got| got.is_err()).count();
    let done = got.iter().filter(|got| matches!(got, Ok(Ok(())))).count();
    // Those whose pass it was are off the queue, and make their own.
    assert_eq!((panicked, done, passes), (1, 8, 9));
}
