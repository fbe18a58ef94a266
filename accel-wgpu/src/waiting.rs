//! Products of one matrix that wait for the device at the same time are made in one pass over it.

use core::ops::Range;
use kernel::accel::AccelError;
use kernel::prime::PrimeId;
use std::sync::{Arc, Mutex, PoisonError};

/// Most columns of one pass.
const TOGETHER: usize = 64;

/// Who waits for products of one matrix.
#[derive(Debug, Default)]
pub(crate) struct Waiting {
    queue: Mutex<Vec<Arc<Request>>>,
    /// Held by the one that computes, for itself and for others.
    turn: Mutex<()>,
}

/// A product of rows of the matrix with `x`, which is `n x columns`.
#[derive(Clone, Debug)]
pub(crate) struct Pass<'a> {
    pub(crate) rows: Range<usize>,
    pub(crate) p: PrimeId,
    pub(crate) x: &'a [u32],
    pub(crate) columns: usize,
}

/// A product that a thread waits for.
#[derive(Debug)]
struct Request {
    rows: Range<usize>,
    p: PrimeId,
    x: Vec<u32>,
    columns: usize,
    answer: Mutex<Option<Result<Vec<u32>, AccelError>>>,
}

impl Request {
    fn answer(&self, answer: Result<Vec<u32>, AccelError>) {
        *self.answer.lock().unwrap_or_else(PoisonError::into_inner) = Some(answer);
    }

    fn take(&self) -> Option<Result<Vec<u32>, AccelError>> {
        self.answer.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// Whether both can be made in one pass.
    fn goes_with(&self, other: &Self) -> bool {
        (&self.rows, self.p) == (&other.rows, other.p)
    }
}

impl Waiting {
    /// Whether a product of so many columns gains by waiting for others.
    pub(crate) const fn is_worth_it(columns: usize) -> bool {
        columns <= TOGETHER / 2
    }

    /// The product that is `asked` for, made by `compute` together with those of other threads where there are
    /// some. Should that panic, so does this, and the others are made without it.
    ///
    /// # Errors
    /// As `compute` fails.
    pub(crate) fn product(
        &self,
        asked: Pass<'_>,
        out: &mut [u32],
        compute: impl FnOnce(&Pass<'_>, &mut [u32]) -> Result<(), AccelError>,
    ) -> Result<(), AccelError> {
        let Pass { rows, p, x, columns } = asked;
        let request = Request { rows, p, x: x.to_vec(), columns, answer: Mutex::default() };
        let mine = Arc::new(request);
        self.queue.lock().unwrap_or_else(PoisonError::into_inner).push(Arc::clone(&mine));
        let turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        // Another one may have answered. Should it have failed half-way, it has not.
        let mut answer = mine.take();
        if answer.is_none() {
            answer_all(&self.join(&mine), compute);
            answer = mine.take();
        }
        drop(turn);
        out.copy_from_slice(&answer.ok_or(AccelError::DeviceLost)??);
        Ok(())
    }

    /// `mine` first, and who goes with it, off the queue.
    fn join(&self, mine: &Arc<Request>) -> Vec<Arc<Request>> {
        let mut queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
        let mut together = vec![Arc::clone(mine)];
        let mut columns = mine.columns;
        queue.retain(|other| {
            if Arc::ptr_eq(other, mine) {
                return false;
            }
            let joins = other.goes_with(mine) && columns + other.columns <= TOGETHER;
            if joins {
                columns += other.columns;
                together.push(Arc::clone(other));
            }
            !joins
        });
        together
    }
}

/// Makes the products of all these requests, which have rows and prime in common, and answers them.
fn answer_all(
    requests: &[Arc<Request>],
    compute: impl FnOnce(&Pass<'_>, &mut [u32]) -> Result<(), AccelError>,
) {
    let Some(first) = requests.first() else { return };
    let (rows, p) = (first.rows.clone(), first.p);
    let columns: usize = requests.iter().map(|request| request.columns).sum();
    let n = first.x.len() / first.columns;
    // Side by side, coordinate by coordinate.
    let mut x = Vec::with_capacity(n * columns);
    for j in 0..n {
        for request in requests {
            x.extend_from_slice(&request.x[j * request.columns..][..request.columns]);
        }
    }
    let mut out = vec![0; rows.len() * columns];
    let done = compute(&Pass { rows, p, x: &x, columns }, &mut out);
    let mut start = 0;
    for request in requests {
        let own = start..start + request.columns;
        start = own.end;
        let words = out.chunks_exact(columns).flat_map(|row| &row[own.clone()]).copied();
        request.answer(done.map(|()| words.collect()));
    }
}

#[cfg(test)]
mod tests {
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
                let products = (0..N)
                    .map(|j| (i + j + 1) as u64 * u64::from(pass.x[j * pass.columns + c]) % p);
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
}
