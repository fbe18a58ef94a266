use super::link::{LinkError, Loopback};
use super::model::Model;
use super::now;
use super::random::Rng;
use device_client::direct::DirectMemory;
use device_client::prepare::{
    PrepareError, PrepareEvent, PrepareMemory, prepare, prepare_frame_bytes,
};
use device_client::prepare_direct::{
    PrepareDirectMemory, preparation_rule, prepare_direct, prepare_direct_words,
};
use device_client::session::PART_BYTES;
use device_client::store::CorrelationStore;
use device_client::unit::{MaskSource, UnitForm, UnitWorkspace, unit_words};
use embedded_io_async::{Read, Write};
use kernel::model::GroupId;
use kernel::params::{DirectSet, MaskedSet};
use kernel::ring::Scalar;
use kernel::stream::Entropy;
use kernel::wire::{MAX_PAYLOAD, RowForm};

/// The forms in which a device can ask for its rows.
pub(crate) const FORMS: [RowForm; 2] = [RowForm::Full, RowForm::Switched];

/// What came of a preparation: whether it ended in order, and each unit's verdict.
pub(crate) struct Prepared<E> {
    pub(crate) result: Result<(), PrepareError<E>>,
    pub(crate) units: Vec<(GroupId, bool)>,
}

/// Units whose rows come in `rows`, under so many keys. Either source of masks goes with one form, so that
/// both are tried.
pub(crate) const fn form_of(rows: RowForm, keys: u8) -> UnitForm {
    let masks = match rows {
        RowForm::Full => MaskSource::Unit,
        RowForm::Switched => MaskSource::Model,
    };
    UnitForm { masks, rows, keys }
}

/// A preparation session over any stream, as the program has it, of units of one key, its randomness from
/// `seed`, its frames of at most `payload` bytes.
pub(crate) async fn prepare_over<S: MaskedSet, Io: Read + Write>(
    model: &Model,
    io: Io,
    store: &mut impl CorrelationStore,
    units: &[GroupId],
    form: RowForm,
    seed: u64,
    payload: usize,
) -> Prepared<Io::Error> {
    let entropy = &mut Rng(seed);
    prepare_with::<S, _>(model, io, store, units, form_of(form, 1), entropy, payload).await
}

/// The same with units of any form, and any randomness.
pub(crate) async fn prepare_with<S: MaskedSet, Io: Read + Write>(
    model: &Model,
    io: Io,
    store: &mut impl CorrelationStore,
    units: &[GroupId],
    form: UnitForm,
    entropy: &mut impl Entropy,
    max_payload: usize,
) -> Prepared<Io::Error> {
    let (mut words, mut noise) = (vec![0; unit_words::<S>(form.keys.into())], vec![0; S::N]);
    let mut frame = vec![0; prepare_frame_bytes::<S>()];
    let memory = PrepareMemory {
        unit: UnitWorkspace { words: &mut words, noise: &mut noise },
        frame: &mut frame,
        max_payload,
    };
    let mut verdicts = Vec::new();
    let observe = |event| {
        if let PrepareEvent::Unit { group, kept } = event {
            verdicts.push((group, kept));
        }
    };
    let bundle = model.bundle();
    let result =
        prepare::<S, Scalar, _, _, _>(io, &bundle, store, units, form, entropy, memory, observe)
            .await;
    // Keys, masks and noise are gone, however it ended.
    assert!(words.iter().all(|&word| word == 0) && noise.iter().all(|&e| e == 0));
    Prepared { result, units: verdicts }
}

/// A preparation of units of one key over a loopback.
pub(crate) fn prepare_here<S: MaskedSet>(
    model: &Model,
    host: &Loopback,
    store: &mut impl CorrelationStore,
    units: &[GroupId],
    form: RowForm,
    seed: u64,
    payload: usize,
) -> Prepared<LinkError> {
    prepare_keys_here::<S>(model, host, store, units, form_of(form, 1), seed, payload)
}

/// The same with units of any form.
pub(crate) fn prepare_keys_here<S: MaskedSet>(
    model: &Model,
    host: &Loopback,
    store: &mut impl CorrelationStore,
    units: &[GroupId],
    form: UnitForm,
    seed: u64,
    payload: usize,
) -> Prepared<LinkError> {
    let entropy = &mut Rng(seed);
    now(prepare_with::<S, _>(model, host.link(), store, units, form, entropy, payload))
}

/// A preparation through direct mode over any stream, with replies in frames of at most `payload` bytes.
pub(crate) async fn prepare_direct_over<S: DirectSet, Io: Read + Write>(
    model: &Model,
    io: Io,
    store: &mut impl CorrelationStore,
    units: &[GroupId],
    seed: u64,
    payload: usize,
) -> Prepared<Io::Error> {
    let (bundle, mut entropy) = (model.bundle(), Rng(seed));
    let rule = preparation_rule::<S>(&bundle).unwrap();
    let (mut residues, mut key) = (vec![0; DirectMemory::words::<S>()], vec![0; S::N]);
    let mut words = vec![0; prepare_direct_words(&rule)];
    // Frames pass in parts of every length.
    let mut part = vec![0; PART_BYTES + payload % 1009];
    let memory = PrepareDirectMemory {
        cipher: DirectMemory { words: &mut residues, key: &mut key },
        words: &mut words,
        part: &mut part,
    };
    let mut verdicts = Vec::new();
    let observe = |event| {
        if let PrepareEvent::Unit { group, kept } = event {
            verdicts.push((group, kept));
        }
    };
    let result = prepare_direct::<S, Scalar, _, _, _>(
        io,
        &bundle,
        store,
        units,
        &mut entropy,
        memory,
        payload,
        observe,
    )
    .await;
    // The key, masks, images and noise are gone, however it ended.
    assert!([&residues[..], &words[..]].iter().all(|words| words.iter().all(|&word| word == 0)));
    assert!(key.iter().all(|&s| s == 0));
    Prepared { result, units: verdicts }
}

/// The same over a loopback.
pub(crate) fn prepare_direct_here<S: DirectSet>(
    model: &Model,
    host: &Loopback,
    store: &mut impl CorrelationStore,
    units: &[GroupId],
    seed: u64,
) -> Prepared<LinkError> {
    now(prepare_direct_over::<S, _>(model, host.link(), store, units, seed, MAX_PAYLOAD))
}
