use crate::model::Row;
use kernel::bundle::CHECK_REPETITIONS;
use kernel::model::MAX_ROWS;
use kernel::prime::{Prime, T};
use kernel::stream::{Seed, check_vector};

// |u_i * w_ij| < 2^39, and a group has at most 2^20 rows: sums stay exact in 64 bits.
const _: () = assert!((MAX_ROWS as u64) << 39 < i64::MAX as u64);

/// Computes v = u^T W mod t of every group while its rows go by in order.
pub(super) struct CheckVectors<'a> {
    seed: &'a Seed,
    /// u of the present group, for each repetition.
    u: [Vec<u32>; CHECK_REPETITIONS],
    /// Sums over the rows of the present group so far.
    sums: [Vec<i64>; CHECK_REPETITIONS],
    done: Vec<u32>,
}

impl<'a> CheckVectors<'a> {
    pub(super) const fn new(seed: &'a Seed) -> Self {
        let u = [const { Vec::new() }; CHECK_REPETITIONS];
        let sums = [const { Vec::new() }; CHECK_REPETITIONS];
        Self { seed, u, sums, done: Vec::new() }
    }

    pub(super) fn include(&mut self, row: &Row<'_>) {
        if row.index == 0 {
            self.begin(row);
        }
        for (u, sums) in self.u.iter().zip(&mut self.sums) {
            let u = i64::from(u[row.index]);
            for (sum, &w) in sums.iter_mut().zip(row.weights) {
                *sum += u * i64::from(w);
            }
        }
    }

    /// All products: per group, for each repetition, one word for each column.
    pub(super) fn finish(mut self) -> Vec<u32> {
        self.flush();
        self.done
    }

    fn begin(&mut self, row: &Row<'_>) {
        self.flush();
        for (repetition, (u, sums)) in self.u.iter_mut().zip(&mut self.sums).enumerate() {
            u.clear();
            u.resize(row.shape.rows, 0);
            check_vector(self.seed, repetition as u8, row.group.0, 0, u);
            sums.clear();
            sums.resize(row.shape.columns, 0);
        }
    }

    fn flush(&mut self) {
        for sums in &self.sums {
            self.done.extend(sums.iter().map(|&sum| T::from_i64(sum)));
        }
    }
}
