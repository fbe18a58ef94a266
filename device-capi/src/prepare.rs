//! The offline phase: correlations from a host, into the store.
#![expect(unsafe_code, reason = "the interface of C")]

use crate::arena::Memories;
use crate::bundle::{Bundle, opened, status};
use crate::layout::{Preparing, Ring, Set, Units};
use crate::link::CLink;
use crate::now::now;
use crate::platform::{CEntropy, CObserver, check_link};
use crate::pointer;
use crate::status::Status;
use crate::store::CStore;
use crate::types::{Observer, Platform, Preparation, Report, Sizes, Workspace};
use device_client::prepare::{PrepareEvent, prepare};
use device_client::prepare_direct::prepare_direct;
use device_client::store::CorrelationStore;
use device_client::transport::{Connector, TransportError};
use device_client::unit::UnitForm;
use kernel::bundle::DeviceBundle;
use kernel::model::GroupId;
use kernel::wire::{MAX_PAYLOAD, RowForm};
use kernel::with_masked_set;

/// Writes the memory that a preparation needs; `text` is 0.
///
/// Fails with NULL_POINTER, MISALIGNED, HANDLE, OPTION or MODE_UNAVAILABLE.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn subrosa_prepare_sizes(
    bundle: *const Bundle,
    preparation: *const Preparation,
    sizes: *mut Sizes,
) -> Status {
    let measure = || {
        // SAFETY: the caller promises a handle, a preparation, and memory for sizes.
        unsafe {
            let planned = plan(opened(bundle)?, pointer::structure(preparation)?)?;
            pointer::write(sizes, planned.sizes())
        }
    };
    status(measure())
}

fn plan(bundle: &DeviceBundle<'_>, preparation: &Preparation) -> Result<Preparing, Status> {
    let Preparation { method, batch, tokens, fewer_bytes } = *preparation;
    if fewer_bytes > 1 {
        return Err(Status::Option);
    }
    Preparing::new(bundle, method, batch, tokens)
}

/// Prepares correlations with the host until the store holds as many as `preparation` asks for, in one
/// session; does nothing if it holds them already. The store is asked for all its functions but
/// `reserve` and `take`. Nothing of a prompt is needed, or at stake.
///
/// Returns CHECKS_FAILED if any unit was refused, since its check failed; those that were kept stay.
/// After that, as after a failed check of a request, the host must not be asked in direct mode, or to
/// prepare by the direct method, ever again.
///
/// A link that breaks ends the call: units that were settled stay, the others are abandoned. Before
/// anything is sent it fails with NULL_POINTER, MISALIGNED, HANDLE, MEMORY, OVERLAP, OPTION or
/// MODE_UNAVAILABLE; later with ENTROPY, CALLBACK, LINK, a HOST or a STORE status. `report` may be null.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn subrosa_prepare(
    bundle: *const Bundle,
    preparation: *const Preparation,
    platform: *const Platform,
    workspace: *const Workspace,
    observer: *const Observer,
    report: *mut Report,
) -> Status {
    let run = || {
        // SAFETY: the caller promises a handle, structures and memory.
        unsafe {
            let (bundle, asked) = (opened(bundle)?, pointer::structure(preparation)?);
            let platform = pointer::structure(platform)?;
            let observer =
                if observer.is_null() { None } else { Some(pointer::structure(observer)?) };
            let form = if asked.fewer_bytes == 0 { RowForm::Full } else { RowForm::Switched };
            let (planned, tokens) = (plan(bundle, asked)?, asked.tokens);
            let call =
                Call { bundle, planned, tokens, form, platform, observer: CObserver(observer) };
            let memories = Memories::new(pointer::structure(workspace)?)?;
            if !report.is_null() {
                pointer::write(report, Report::default())?;
            }
            let mut told = Report::default();
            let outcome = call.run(memories, &mut told);
            if !report.is_null() {
                pointer::write(report, told)?;
            }
            outcome
        }
    };
    status(run())
}

/// A call whose arguments are good.
struct Call<'a> {
    bundle: &'a DeviceBundle<'a>,
    planned: Preparing,
    /// Tokens that the store shall hold for every group.
    tokens: u32,
    form: RowForm,
    platform: &'a Platform,
    observer: CObserver<'a>,
}

impl Call<'_> {
    fn run(&self, mut memories: Memories, report: &mut Report) -> Result<(), Status> {
        let [_, mut session, mut frames] = memories.arenas();
        let config = self.bundle.config();
        check_link(&self.platform.link)?;
        let mut entropy = CEntropy::new(&self.platform.entropy)?;
        let mut store = CStore::to_fill(&self.platform.store, config)?;
        let list = self.planned.list(&mut session)?;
        let units = self.lacking(&store, list);
        if units.is_empty() {
            return Ok(());
        }
        let (all, observer) = (units.len() as u32, self.observer);
        let observe = |event: PrepareEvent| match event {
            PrepareEvent::Bytes { up, down } => {
                report.bytes_up += up;
                report.bytes_down += down;
            }
            PrepareEvent::Unit { kept, .. } => {
                let count =
                    if kept { &mut report.checks_passed } else { &mut report.checks_failed };
                *count += 1;
                observer.progress(report.checks_passed + report.checks_failed, all);
            }
        };
        let mut link = CLink(&self.platform.link);
        let outcome = match &self.planned.units {
            Units::Direct(rule) => {
                let memory = self.planned.direct(rule, &mut session, &mut frames)?;
                now(async {
                    let io = link.connect().await.map_err(TransportError::Link)?;
                    let (bundle, store, entropy) = (self.bundle, &mut store, &mut entropy);
                    Ok(prepare_direct::<Set, Ring, _, _, _>(
                        io,
                        bundle,
                        store,
                        units,
                        entropy,
                        memory,
                        MAX_PAYLOAD,
                        observe,
                    )
                    .await?)
                })
            }
            Units::Masked(set) => with_masked_set!(
                *set,
                S => {
                    let memory = self.planned.masked::<S>(&mut session, &mut frames)?;
                    now(async {
                        let io = link.connect().await.map_err(TransportError::Link)?;
                        let form = UnitForm { rows: self.form, ..UnitForm::default() };
                        let (store, entropy) = (&mut store, &mut entropy);
                        Ok(prepare::<S, Ring, _, _, _>(
                            io, self.bundle, store, units, form, entropy, memory, observe,
                        )
                        .await?)
                    })
                },
                Err(Status::Option)
            ),
        };
        if report.checks_failed > 0 { Err(Status::ChecksFailed) } else { outcome }
    }

    /// The units that the store lacks, in `list`.
    fn lacking<'l>(&self, store: &CStore<'_>, list: &'l mut [GroupId]) -> &'l [GroupId] {
        let mut count = 0;
        for group in self.bundle.config().groups() {
            let lacks = self.tokens.saturating_sub(store.available(group));
            for _ in 0..lacks.div_ceil(self.planned.unit_tokens) {
                if let Some(unit) = list.get_mut(count) {
                    *unit = group;
                    count += 1;
                }
            }
        }
        &list[..count]
    }
}
