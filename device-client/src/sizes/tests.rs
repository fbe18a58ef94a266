use super::*;
use crate::decoder::{Decoder, DecoderError};
use crate::direct::tests::{CONFIG, bundle_words};
use crate::prepare::{PrepareError, PrepareMemory, prepare};
use crate::prepare_direct::{DirectPreparation, preparation_rule};
use crate::session::{PART_BYTES, SessionError};
use crate::store::{CorrelationStore, StoreError, Window};
use crate::unit::{Unit, UnitError, UnitForm, UnitWorkspace};
use core::convert::Infallible;
use embassy_futures::block_on;
use embedded_io_async::{ErrorType, Read, Write};
use kernel::bundle::DeviceBundle;
use kernel::model::GroupId;
use kernel::params::{Direct4096, Masked256x16, Masked4096x1, ParameterSet};
use kernel::quant::GroupBounds;
use kernel::stream::{Entropy, Seed};
use kernel::wire::{MAX_PAYLOAD, SessionId};
use std::vec;
use std::vec::Vec;

const SCHEDULE: Schedule = match Schedule::for_request(&CONFIG, 17, 6, 8) {
    Ok(schedule) => schedule,
    Err(_) => panic!("no schedule"),
};
const MASKED: Sizes = Sizes::masked::<Masked256x16>(&CONFIG, &SCHEDULE, 1, PART_BYTES);
const DIRECT: Sizes = Sizes::direct::<Direct4096>(&CONFIG, &SCHEDULE, PART_BYTES);
const MIXED: Sizes = Sizes::mixed::<Masked4096x1, Direct4096>(&CONFIG, &SCHEDULE, 4, PART_BYTES);
const ID: SessionId = SessionId([1; 16]);

/// Runs `test` with a bundle that every mode serves.
fn with_bundle(test: impl FnOnce(&DeviceBundle<'_>)) {
    let light = GroupBounds { norm2_squared: 1 << 20, norm1: 1 << 14 };
    let (words, length) = bundle_words(vec![light; CONFIG.group_count() as usize]);
    test(&DeviceBundle::parse(&bytemuck::cast_slice(&words)[..length]).unwrap());
}

/// A host that hears everything and says nothing.
struct Nobody;

impl ErrorType for Nobody {
    type Error = Infallible;
}

impl Read for Nobody {
    async fn read(&mut self, _out: &mut [u8]) -> Result<usize, Infallible> {
        Ok(0)
    }
}

impl Write for Nobody {
    async fn write(&mut self, bytes: &[u8]) -> Result<usize, Infallible> {
        Ok(bytes.len())
    }

    async fn flush(&mut self) -> Result<(), Infallible> {
        Ok(())
    }
}

struct Sevens;

impl Entropy for Sevens {
    type Error = Infallible;

    fn fill(&mut self, bytes: &mut [u8]) -> Result<(), Infallible> {
        bytes.fill(7);
        Ok(())
    }
}

/// Whether `open` takes `bytes` bytes of memory, and not one element less.
#[track_caller]
fn exactly<T: Clone + Default>(bytes: usize, open: impl Fn(&mut [T]) -> bool) {
    let (count, rest) = (bytes / size_of::<T>(), bytes % size_of::<T>());
    assert_eq!(rest, 0);
    assert!(open(&mut vec![T::default(); count]), "{bytes} bytes suffice");
    assert!(!open(&mut vec![T::default(); count - 1]), "{bytes} bytes are needed");
}

#[test]
fn decoders_take_what_is_said() {
    with_bundle(|bundle| {
        let (positions, chunk) = (SCHEDULE.positions() as usize, SCHEDULE.chunk() as usize);
        assert_eq!((positions, chunk), (32 + 5, 8));
        let length = Decoder::workspace_len(&CONFIG, positions, chunk);
        assert_eq!(MASKED.cache + MASKED.activations, 4 * (length.floats + length.integers));
        let open = |floats: &mut [f32], integers: &mut [i32]| {
            let outcome = Decoder::new(bundle, positions, chunk, floats, integers).map(drop);
            assert!(matches!(outcome, Ok(()) | Err(DecoderError::Workspace(_))));
            outcome.is_ok()
        };
        exactly(4 * length.floats, |floats| open(floats, &mut vec![0; length.integers]));
        exactly(4 * length.integers, |integers| open(&mut vec![0.0; length.floats], integers));
        // A position more is a key and a value in every layer, and one score.
        let more = Decoder::workspace_len(&CONFIG, positions + 1, chunk).floats;
        let cache = Decoder::cache_len(&CONFIG, positions + 1);
        assert_eq!((4 * cache - MASKED.cache, more - length.floats), (4 * 2 * 256, 2 * 256 + 1));
        assert_eq!(MASKED.choice, 4 * 1024);
    });
}

/// A store with so many tokens of every group, whatever they are.
fn filled<'m>(words: &'m mut [u32], windows: &'m mut [Window]) -> Option<WindowStore<'m>> {
    let mut store = WindowStore::new(&CONFIG, windows, words).ok()?;
    let tokens = store.tokens();
    for group in CONFIG.groups() {
        store.begin_unit(group, tokens, Seed::from_bytes([4; 32])).unwrap();
        for _ in 0..CONFIG.shape(group).unwrap().rows {
            store.put_row(&vec![0; tokens]).unwrap();
        }
        store.finish_unit(true).unwrap();
    }
    Some(store)
}

fn windows() -> Vec<Window> {
    CONFIG.groups().map(|_| Window::EMPTY).collect()
}

#[test]
fn masked_sessions_take_what_is_said() {
    with_bundle(|bundle| {
        let of_windows = size_of_val(&*windows());
        exactly(MASKED.store - of_windows, |words: &mut [u32]| {
            let mut windows = windows();
            let mut store = filled(words, &mut windows).unwrap();
            let mut words = vec![0; MASKED.masked / 4];
            let set = Masked256x16::ID;
            let opened = MaskedSession::open(bundle, &mut store, SCHEDULE, set, ID, &mut words);
            let error = opened.map(drop).err();
            assert!(matches!(error, None | Some(SessionError::Store(StoreError::TooFew { .. }))));
            error.is_none()
        });
        exactly(MASKED.masked, |words| {
            let (mut room, mut windows) = (vec![0; MASKED.store / 4], windows());
            let mut store = filled(&mut room, &mut windows).unwrap();
            let set = Masked256x16::ID;
            let opened = MaskedSession::open(bundle, &mut store, SCHEDULE, set, ID, words);
            opened.map(|session| assert_eq!(size_of_val(&session), MASKED.session)).is_ok()
        });
        let mut windows = windows();
        windows.pop();
        assert!(filled(&mut vec![0; MASKED.store], &mut windows).is_none(), "a window a group");
    });
}

#[test]
fn direct_and_mixed_sessions_take_what_is_said() {
    with_bundle(|bundle| {
        let (words, key) = (DirectMemory::words::<Direct4096>(), Direct4096::N);
        assert_eq!(DIRECT.direct, 4 * words + key);
        let seed = || Seed::from_bytes([4; 32]);
        exactly(DIRECT.direct - key, |words| {
            let memory = DirectMemory { words, key: &mut vec![0; key] };
            let opened: Result<DirectSession<'_, Direct4096, Scalar>, _> =
                DirectSession::open(bundle, SCHEDULE, ID, seed(), memory);
            opened.map(|session| assert_eq!(size_of_val(&session), DIRECT.session)).is_ok()
        });
        assert_eq!((MIXED.direct, MIXED.masked), (DIRECT.direct, MASKED.masked));
        exactly(MIXED.direct - 4 * words, |key| {
            let (mut room, mut windows) = (vec![0; MIXED.store / 4], windows());
            let mut store = filled(&mut room, &mut windows).unwrap();
            let (mut words, mut masked) = (vec![0; words], vec![0; MIXED.masked / 4]);
            let memory = DirectMemory { words: &mut words, key };
            let opened: Result<MixedSession<'_, _, Direct4096, Scalar>, _> = MixedSession::open(
                bundle,
                &mut store,
                SCHEDULE,
                ID,
                seed(),
                3,
                &mut masked,
                memory,
            );
            opened.map(|session| assert_eq!(size_of_val(&session), MIXED.session)).is_ok()
        });
    });
}

#[test]
fn units_take_what_is_said() {
    fn of<S: MaskedSet>(bundle: &DeviceBundle<'_>, sizes: &Sizes, keys: u8) {
        let form = UnitForm { keys, ..UnitForm::default() };
        exactly(sizes.preparation - S::N, |words| {
            let workspace = UnitWorkspace { words, noise: &mut vec![0; S::N] };
            let seed = Seed::from_bytes([5; 32]);
            Unit::<'_, S, Scalar>::open(bundle, GroupId(0), seed, form, workspace).is_ok()
        });
        exactly(sizes.preparation_part, |frame: &mut [u8]| {
            let (mut words, mut noise) = (vec![0; unit_words::<S>(keys.into())], vec![0; S::N]);
            let unit = UnitWorkspace { words: &mut words, noise: &mut noise };
            let memory = PrepareMemory { unit, frame, max_payload: MAX_PAYLOAD };
            let (mut words, mut windows) = (vec![0; MASKED.store / 4], windows());
            let mut store = WindowStore::new(&CONFIG, &mut windows, &mut words).unwrap();
            let units = [GroupId(0)];
            let outcome = block_on(prepare::<S, Scalar, _, _, _>(
                Nobody,
                bundle,
                &mut store,
                &units,
                form,
                &mut Sevens,
                memory,
                |_| {},
            ));
            // With memory enough it is the host that fails.
            outcome != Err(PrepareError::Unit(UnitError::Workspace))
        });
    }
    with_bundle(|bundle| {
        of::<Masked256x16>(bundle, &MASKED, 1);
        of::<Masked4096x1>(bundle, &MIXED, 4);
    });
}

#[test]
fn preparations_through_direct_mode_take_what_is_said() {
    with_bundle(|bundle| {
        let rule = preparation_rule::<Direct4096>(bundle).unwrap();
        let sizes = MASKED.prepared_direct::<Direct4096>(&rule);
        assert_eq!((sizes.preparation_part, sizes.online()), (PART_BYTES, MASKED.online()));
        exactly(sizes.preparation - DIRECT.direct, |words| {
            let mut room = vec![0; DirectMemory::words::<Direct4096>()];
            let memory = DirectMemory { words: &mut room, key: &mut vec![0; Direct4096::N] };
            let seed = Seed::from_bytes([6; 32]);
            let opened: Result<DirectPreparation<'_, Direct4096, Scalar>, _> =
                DirectPreparation::open(bundle, seed, memory, words, MAX_PAYLOAD);
            opened.is_ok()
        });
    });
}

#[test]
fn sums() {
    assert_eq!(MASKED.decoder(), MASKED.cache + MASKED.activations + MASKED.choice);
    assert_eq!(MASKED.online(), MASKED.masked + MASKED.session + PART_BYTES);
    assert_eq!(DIRECT.online(), DIRECT.direct + DIRECT.session + PART_BYTES);
    assert_eq!(MIXED.online(), MIXED.masked + MIXED.direct + MIXED.session + PART_BYTES);
    assert_eq!((DIRECT.masked, DIRECT.offline(), DIRECT.store), (0, 0, 0));
    assert_eq!(DIRECT.decoder(), MASKED.decoder());
    assert!(MASKED.protocol() == MASKED.online() && MASKED.online() > MASKED.offline());
    assert!(MIXED.protocol() == MIXED.offline() && MIXED.offline() > MIXED.online());
    assert_eq!(DIRECT.protocol(), DIRECT.online());
}

/// A product's bytes are those that the two sides move.
#[test]
fn products_take_the_frames_that_the_mode_makes() {
    use kernel::wire::{BLOCK_PREFIX_BYTES, HEADER_BYTES};
    let (id, pair) = (GroupId(4), HEADER_BYTES + BLOCK_PREFIX_BYTES);
    let shape = CONFIG.shape(id).unwrap();
    assert_eq!((shape.rows, shape.columns), (1024, 256));
    let masked = Traffic::masked(shape, 8);
    assert_eq!(
        masked,
        Traffic { up: (pair + 4 * 8 * 256) as u64, down: (pair + 4 * 8 * 1024) as u64 }
    );
    // One ciphertext for four tokens of 1024 outputs up, one result down: two in a frame.
    let direct = Traffic::direct::<Direct4096>(shape, 8);
    assert_eq!(direct.up, (pair + 2 * 4096 * 83 / 8) as u64);
    assert!(direct.down > 2 * 4096 * 3 && direct.down < direct.up, "{direct:?}");
    let keys = Traffic::session_keys::<Direct4096>(&CONFIG, &SCHEDULE);
    let each = (pair + 4096 * 83 / 8) as u64;
    assert_eq!((keys.up % (10 * each), keys.down), (0, 0));
    assert!(keys.up > 0);
    let sum: Traffic = [masked, direct].into_iter().sum();
    assert_eq!(sum, Traffic { up: masked.up + direct.up, down: masked.down + direct.down });
}
