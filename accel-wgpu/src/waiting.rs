//! Products of one matrix that wait for the device at the same time are made in one pass over it.

use crate::context::Context;
use crate::matrix::Matrix;
use crate::product::{Product, Words};
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

#[derive(Debug)]
struct Request {
    rows: Range<usize>,
    p: PrimeId,
    /// `n x columns`.
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

    /// The product of `x`, which is `n x columns`; together with those of other threads where there are some.
    ///
    /// # Errors
    /// [`AccelError::OutOfMemory`], [`AccelError::DeviceLost`].
    pub(crate) fn product(
        &self,
        context: &Context,
        matrix: &Matrix,
        rows: Range<usize>,
        p: PrimeId,
        x: &[u32],
        columns: usize,
        out: &mut [u32],
    ) -> Result<(), AccelError> {
        let request = Request { rows, p, x: x.to_vec(), columns, answer: Mutex::default() };
        let mine = Arc::new(request);
        self.queue.lock().unwrap_or_else(PoisonError::into_inner).push(Arc::clone(&mine));
        let turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        // Another one may have answered. Should it have failed half-way, it has not.
        let mut answer = mine.take();
        if answer.is_none() {
            compute(context, matrix, &self.join(&mine));
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
fn compute(context: &Context, matrix: &Matrix, requests: &[Arc<Request>]) {
    let Some(first) = requests.first() else { return };
    let (rows, p) = (first.rows.clone(), first.p);
    let columns: usize = requests.iter().map(|request| request.columns).sum();
    // Side by side, coordinate by coordinate.
    let mut x = Vec::with_capacity(matrix.n * columns);
    for j in 0..matrix.n {
        for request in requests {
            x.extend_from_slice(&request.x[j * request.columns..][..request.columns]);
        }
    }
    let mut out = vec![0; rows.len() * columns];
    let words = Words::Given(&x);
    let product = Product { context, matrix, rows, p, words, columns };
    let done = product.run(&mut out);
    let mut start = 0;
    for request in requests {
        let own = start..start + request.columns;
        start = own.end;
        let words = out.chunks_exact(columns).flat_map(|row| &row[own.clone()]).copied();
        request.answer(done.map(|()| words.collect()));
    }
}
