//! When requests leave: at moments that the host can work out by itself.

use std::cell::Cell;
use std::time::{Duration, Instant};

/// Every answer begins a grid of time of its own, and the next request leaves on it: at its first
/// point, or, where the device's own computing took longer, at the next one that is left. Only how
/// many points were missed shows, and that is counted.
#[derive(Debug)]
pub(crate) struct Pace {
    distance: Duration,
    answered: Cell<Instant>,
    late: Cell<u64>,
}

impl Pace {
    /// Points this far apart; zero for requests that leave at once.
    pub(crate) fn new(distance: Duration) -> Self {
        Self { distance, answered: Cell::new(Instant::now()), late: Cell::new(0) }
    }

    /// An answer has come.
    pub(crate) fn answered(&self) {
        self.answered.set(Instant::now());
    }

    /// Waits until the next request may leave.
    ///
    /// It holds up its thread: a session has nothing else to do on it, and an asynchronous timer would
    /// round up to whole milliseconds, of which there are many requests in a token.
    pub(crate) fn departure(&self) {
        if self.distance.is_zero() {
            return;
        }
        let elapsed = self.answered.get().elapsed();
        let (deadline, late) = deadline(self.distance, elapsed);
        self.late.set(self.late.get() + u64::from(late));
        std::thread::sleep(deadline.saturating_sub(elapsed));
    }

    /// Requests that missed the first point of their grid.
    pub(crate) const fn late(&self) -> u64 {
        self.late.get()
    }
}

/// The point of a grid that is next when `elapsed` has passed since its beginning, and whether it is
/// later than the first. `distance` is not zero.
fn deadline(distance: Duration, elapsed: Duration) -> (Duration, bool) {
    let points = elapsed.as_nanos().div_ceil(distance.as_nanos()).max(1);
    let points = u32::try_from(points).unwrap_or(u32::MAX);
    (distance.saturating_mul(points), points > 1)
}

#[cfg(test)]
mod tests {
    use super::{Pace, deadline};
    use std::time::Duration;

    #[test]
    fn requests_leave_on_the_grid_of_their_answer() {
        let micros = Duration::from_micros;
        for (elapsed, expected) in [
            (0, (1000, false)),
            (1, (1000, false)),
            (999, (1000, false)),
            (1000, (1000, false)),
            (1001, (2000, true)),
            (2000, (2000, true)),
            (7300, (8000, true)),
        ] {
            let (wait, late) = deadline(micros(1000), micros(elapsed));
            assert_eq!((wait, late), (micros(expected.0), expected.1), "{elapsed}");
        }
        // Whatever a user asks for.
        assert!(deadline(Duration::from_nanos(1), Duration::MAX).1);
        assert_eq!(deadline(Duration::MAX, micros(5)), (Duration::MAX, false));
    }

    #[test]
    fn without_a_pace_nothing_waits_and_nothing_is_late() {
        let pace = Pace::new(Duration::ZERO);
        pace.departure();
        assert_eq!(pace.late(), 0);
    }
}
