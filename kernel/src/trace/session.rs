use super::{Layout, Plan};
use crate::galois::Automorphism;
use crate::model::{GroupId, GroupKind, GroupShape, ModelConfig};
use crate::schedule::Schedule;

/// The products that a session asks for: each group with every number of rows that it has in some step,
/// twice where two steps have as many. The head always has one row.
pub fn session_products(
    config: &ModelConfig,
    schedule: &Schedule,
) -> impl Iterator<Item = (GroupId, GroupShape, usize)> + use<> {
    // Steps of a whole chunk, of what remains of the prompt, and of one row.
    let rest = schedule.prompt_bucket() % schedule.chunk();
    let steps = [schedule.chunk(), rest.max(1), 1];
    let config = *config;
    let shapes = config.groups().filter_map(move |group| Some((group, config.shape(group)?)));
    shapes.flat_map(move |(group, shape)| {
        let head = matches!(config.kind(group), Some((_, GroupKind::LmHead)));
        steps.map(|rows| (group, shape, if head { 1 } else { rows as usize }))
    })
}

/// The automorphisms whose keys a session in direct mode needs, in the order of their exponents:
/// those of the layouts of all products of its schedule.
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
    in_order(move || {
        let products = session_products(&config, &schedule);
        products.map(move |(_, shape, tokens)| {
            Layout::for_product(degree, shape.rows, shape.columns, tokens)
        })
    })
}

/// The automorphisms that products in these layouts need, in the order of their exponents.
///
/// Without memory, each next one is found by going through all layouts again.
pub(super) fn in_order<I: Iterator<Item = Layout>>(
    layouts: impl Fn() -> I,
) -> impl Iterator<Item = Automorphism> {
    let after = move |last: u32| {
        layouts()
            .flat_map(|layout| Plan::new(&layout).automorphisms().chain(layout.folds()))
            .filter(|sigma| sigma.exponent() > last)
            .min()
    };
    core::iter::successors(after(1), move |last| after(last.exponent()))
}
