use crate::session::SessionError;
use kernel::bundle::DeviceBundle;
use kernel::direct::noise::{OUTPUTS, is_exact};
use kernel::model::GroupKind;
use kernel::params::DirectSet;
use kernel::schedule::Schedule;
use kernel::trace::Layout;

/// Checks that every product of a session is exact, but for the probability that
/// [`is_exact`] grants: for each group the layouts of all token counts in which it is asked for.
///
/// # Errors
/// [`SessionError::Inexact`], with the first group that is too heavy, or the last if the model has more
/// outputs than the bound is for.
pub(super) fn check_exact<S: DirectSet>(
    bundle: &DeviceBundle<'_>,
    schedule: &Schedule,
) -> Result<(), SessionError> {
    let config = bundle.config();
    if config.total_rows() > OUTPUTS {
        return Err(SessionError::Inexact { group: config.group(0, GroupKind::LmHead).0 });
    }
    // Steps of a whole chunk, of what remains of the prompt, and of one row.
    let rest = schedule.prompt_bucket() % schedule.chunk();
    let steps = [schedule.chunk(), rest.max(1), 1];
    for group in config.groups() {
        let (shape, bounds) = (bundle.shape(group), bundle.bounds(group));
        let head = matches!(config.kind(group), Some((_, GroupKind::LmHead)));
        let exact = |&tokens: &u32| {
            let tokens = if head { 1 } else { tokens as usize };
            let layout = Layout::for_product(S::N, shape.rows, shape.columns, tokens);
            is_exact::<S>(&bounds, &layout)
        };
        if !steps.iter().all(exact) {
            return Err(SessionError::Inexact { group: group.0 });
        }
    }
    Ok(())
}
