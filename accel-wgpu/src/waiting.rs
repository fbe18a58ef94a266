//! Products of one matrix that wait for the device at the same time are made in one pass over it.

#[cfg(test)]
mod tests;

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
