use super::{Layout, Plan};
use crate::galois::Automorphism;
use crate::model::ModelConfig;
use crate::schedule::Schedule;

/// The automorphisms whose keys a session in direct mode needs, in the order of their exponents:
/// those of the layouts of all products of its schedule.
///
/// Without memory, each next one is found by going through all products' shapes again.
///
/// ```
/// use kernel::model::ModelConfig;
/// use kernel::schedule::Schedule;
/// use kernel::trace::session_automorphisms;
///
/// let config = ModelConfig {
///     vocab: 512,
///     hidden: 64,
///     layers: 3,
///     heads: 8,
///     kv_heads: 4,
///     head_dim: 6,
///     intermediate: 172,
///     context: 256,
///     rms_eps: 1e-5,
/// };
/// let schedule = Schedule::new(&config, 16, 8, 16)?;
/// let keys: Vec<_> =
///     session_automorphisms(&config, &schedule, 4096).map(|sigma| sigma.exponent()).collect();
/// // The generator of one token first, the conjugation last.
/// assert_eq!((keys.first(), keys.last()), (Some(&5), Some(&8191)));
/// assert!(keys.is_sorted());
/// # Ok::<(), kernel::schedule::ScheduleError>(())
/// ```
pub fn session_automorphisms(
    config: &ModelConfig,
    schedule: &Schedule,
    degree: usize,
) -> impl Iterator<Item = Automorphism> + use<> {
    let (config, schedule) = (*config, *schedule);
    let after = move |last: u32| {
        // Steps of a whole chunk, of what remains of the prompt, and of one row.
        let rest = schedule.prompt_bucket() % schedule.chunk();
        let tokens = [schedule.chunk(), rest.max(1), 1];
        let shapes = config.groups().filter_map(move |group| config.shape(group));
        let layouts = shapes.flat_map(move |shape| {
            tokens.map(|t| Layout::for_product(degree, shape.rows, shape.columns, t as usize))
        });
        layouts
            .flat_map(|layout| Plan::new(&layout).automorphisms().chain(layout.folds()))
            .filter(|sigma| sigma.exponent() > last)
            .min()
    };
    core::iter::successors(after(1), move |last| after(last.exponent()))
}
