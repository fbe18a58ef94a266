//! Times of one thing over several rounds.

use std::time::Instant;

/// Seconds, a sample for each round.
#[derive(Clone, Debug, Default)]
pub(super) struct Series(Vec<f64>);

impl Series {
    /// Does it, and keeps the time of one of `times` parts.
    pub(super) fn time<E>(
        &mut self,
        times: usize,
        work: impl FnOnce() -> Result<(), E>,
    ) -> Result<(), E> {
        let start = Instant::now();
        work()?;
        self.0.push(start.elapsed().as_secs_f64() / times as f64);
        Ok(())
    }

    /// The median sample; 0 where there is none.
    pub(super) fn median(&self) -> f64 {
        let mut sorted = self.0.clone();
        sorted.sort_by(f64::total_cmp);
        sorted.get(sorted.len() / 2).copied().unwrap_or(0.0)
    }

    /// The median over rounds of this sample over the other's of the same round: what a neighbour on the
    /// machine slows down, it slows down in both.
    pub(super) fn over(&self, other: &Self) -> f64 {
        Self(self.0.iter().zip(&other.0).map(|(a, b)| a / b).collect()).median()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn medians_are_of_rounds() {
        let (a, b) = (Series(vec![4.0, 1.0, 9.0]), Series(vec![2.0, 1.0, 1.0]));
        assert_eq!((a.median(), a.over(&b), Series::default().median()), (4.0, 2.0, 0.0));
    }
}
