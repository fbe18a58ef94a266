use rayon::{ThreadPool, ThreadPoolBuilder};
use std::sync::{Mutex, PoisonError};

/// The calling thread and its helpers.
///
/// A caller always works itself, so that calls from several threads at once all make progress.
pub(crate) struct Team {
    helpers: Option<ThreadPool>,
}

impl Team {
    /// A team of `threads` threads, the caller's among them; fewer where the system refuses more.
    pub(crate) fn new(threads: usize) -> Self {
        let helpers = (threads > 1).then(|| {
            ThreadPoolBuilder::new()
                .num_threads(threads - 1)
                .thread_name(|i| format!("accel-cpu-{i}"))
                .build()
        });
        Self { helpers: helpers.and_then(Result::ok) }
    }

    /// A team of the calling thread alone.
    pub(crate) const ALONE: &Self = &Self { helpers: None };

    /// How many threads.
    pub(crate) fn threads(&self) -> usize {
        1 + self.helpers.as_ref().map_or(0, ThreadPool::current_num_threads)
    }

    /// Does every task once, in no particular order.
    pub(crate) fn for_each<T: Send>(
        &self,
        tasks: impl Iterator<Item = T> + Send,
        work: impl Fn(T) + Sync,
    ) {
        let Some(pool) = &self.helpers else {
            return tasks.for_each(work);
        };
        let tasks = Mutex::new(tasks);
        let next = || tasks.lock().unwrap_or_else(PoisonError::into_inner).next();
        let drain = || {
            while let Some(task) = next() {
                work(task);
            }
        };
        pool.in_place_scope(|scope| {
            for _ in 0..pool.current_num_threads() {
                scope.spawn(|_| drain());
            }
            drain();
        });
    }
}
