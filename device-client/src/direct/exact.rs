use crate::session::SessionError;
use kernel::bundle::DeviceBundle;
use kernel::direct::noise::{OUTPUTS, is_exact};
use kernel::model::GroupKind;
use kernel::params::DirectSet;
use kernel::schedule::Schedule;
use kernel::trace::{Layout, session_products};

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
    let heavy = session_products(config, schedule).find(|&(group, shape, tokens)| {
        let layout = Layout::for_product(S::N, shape.rows, shape.columns, tokens);
        !is_exact::<S>(&bundle.bounds(group), &layout)
    });
    heavy.map_or(Ok(()), |(group, ..)| Err(SessionError::Inexact { group: group.0 }))
}
