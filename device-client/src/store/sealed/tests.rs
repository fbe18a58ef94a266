//! Power cuts at every step: nothing is used twice, nothing finished is lost, nothing corrupt opens.

use super::*;
use alloc::collections::BTreeSet;
use alloc::rc::Rc;
use alloc::vec;
use core::cell::RefCell;
use core::convert::Infallible;
use kernel::bundle::{DeviceManifest, DeviceParts, ElementType, ModelDigest, write_device};
use kernel::quant::GroupBounds;
use proptest::prelude::*;

const CONFIG: ModelConfig = ModelConfig {
    vocab: 3,
    hidden: 4,
    layers: 1,
    heads: 1,
    kv_heads: 1,
    head_dim: 2,
    intermediate: 2,
    context: 8,
    rms_eps: 1e-5,
};
const GROUPS: u32 = 5;

/// The bytes of a device bundle, aligned.
fn bundle_words(digest: u8, seed: u8) -> (Vec<u64>, usize) {
    let shapes = shapes(&CONFIG);
    let columns: usize = shapes.iter().map(|s| s.columns).sum();
    let parts = DeviceParts {
        manifest: DeviceManifest { config: CONFIG, digest: ModelDigest([digest; 32]), bos: None },
        norms: vec![1.0; 12],
        embedding_type: ElementType::F32,
        embeddings: vec![0; 48],
        tokens: vec![Vec::new(); 3],
        row_scales: vec![1.0; CONFIG.total_rows()],
        row_biases: Vec::new(),
        bounds: vec![GroupBounds { norm2_squared: 1, norm1: 1 }; GROUPS as usize],
        rotary: vec![1.0],
        stop_tokens: Vec::new(),
        check_seed: Seed::from_bytes([seed; 32]),
        check_vectors: vec![0; 2 * columns],
    };
    let file = write_device(&parts).unwrap();
    let mut words = vec![0_u64; file.len().div_ceil(8)];
    for (word, bytes) in words.iter_mut().zip(file.chunks(8)) {
        let mut le = [0; 8];
        le[..bytes.len()].copy_from_slice(bytes);
        *word = u64::from_le_bytes(le);
    }
    (words, file.len())
}

fn with_bundle<R>(digest: u8, seed: u8, run: impl FnOnce(&DeviceBundle<'_>) -> R) -> R {
    let (words, length) = bundle_words(digest, seed);
    let bytes: Vec<u8> = words.iter().flat_map(|w| w.to_le_bytes()).collect();
    // Copy into place that is aligned to eight bytes.
    let mut aligned = vec![0_u8; bytes.len() + 8];
    let shift = aligned.as_ptr().align_offset(8);
    aligned[shift..shift + length].copy_from_slice(&bytes[..length]);
    run(&DeviceBundle::parse(&aligned[shift..shift + length]).unwrap())
}

/// A generator for the tests' choices, and for what stands in for entropy.
#[derive(Clone)]
struct Rng(u64);

impl Rng {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, n: u64) -> u64 {
        self.next() % n
    }
}

impl Entropy for Rng {
    type Error = Infallible;

    fn fill(&mut self, out: &mut [u8]) -> Result<(), Infallible> {
        out.iter_mut().for_each(|byte| *byte = self.next() as u8);
        Ok(())
    }
}

/// Storage that loses power at a given operation.
#[derive(Default)]
struct Disk {
    durable: Vec<u8>,
    pending: Vec<(u64, Vec<u8>)>,
    operations: u64,
    cut_at: Option<u64>,
    dead: bool,
    /// Newest sequence numbers, as another medium keeps them.
    witnessed: Option<u64>,
    full_beyond: Option<u64>,
}

impl Disk {
    /// One step of the outside world: fails from the cut on.
    fn step(&mut self) -> Result<(), MediumError> {
        if self.cut_at == Some(self.operations) {
            self.dead = true;
        }
        self.operations += 1;
        if self.dead { Err(MediumError::Failed) } else { Ok(()) }
    }

    fn apply(storage: &mut Vec<u8>, at: u64, bytes: &[u8]) {
        let end = at as usize + bytes.len();
        if storage.len() < end {
            storage.resize(end, 0);
        }
        storage[at as usize..end].copy_from_slice(bytes);
    }

    /// What is left after the cut: any part of any write that was not synchronised.
    fn lose_power(&mut self, rng: &mut Rng) {
        for (at, bytes) in core::mem::take(&mut self.pending) {
            match rng.below(4) {
                0 => {}
                1 => Self::apply(&mut self.durable, at, &bytes),
                2 => {
                    let length = rng.below(bytes.len() as u64 + 1) as usize;
                    Self::apply(&mut self.durable, at, &bytes[..length]);
                }
                _ => {
                    // Single sectors, in no order.
                    for (i, sector) in bytes.chunks(64).enumerate() {
                        if rng.below(2) == 0 {
                            Self::apply(&mut self.durable, at + 64 * i as u64, sector);
                        }
                    }
                }
            }
        }
        self.dead = false;
        self.cut_at = None;
    }
}

#[derive(Clone, Default)]
struct Shared(Rc<RefCell<Disk>>);

impl Medium for Shared {
    fn read(&mut self, at: u64, out: &mut [u8]) -> Result<(), MediumError> {
        let disk = self.0.borrow();
        let mut now = disk.durable.clone();
        for (at, bytes) in &disk.pending {
            Disk::apply(&mut now, *at, bytes);
        }
        let bytes = now.get(at as usize..at as usize + out.len()).ok_or(MediumError::Failed)?;
        out.copy_from_slice(bytes);
        Ok(())
    }

    fn write(&mut self, at: u64, bytes: &[u8]) -> Result<(), MediumError> {
        let mut disk = self.0.borrow_mut();
        if disk.full_beyond.is_some_and(|end| at + bytes.len() as u64 > end) {
            return Err(MediumError::Full);
        }
        // The write that the cut falls into may be on the medium in part.
        let outcome = disk.step();
        disk.pending.push((at, bytes.to_vec()));
        outcome
    }

    fn sync(&mut self) -> Result<(), MediumError> {
        let mut disk = self.0.borrow_mut();
        disk.step()?;
        for (at, bytes) in core::mem::take(&mut disk.pending) {
            let mut durable = core::mem::take(&mut disk.durable);
            Disk::apply(&mut durable, at, &bytes);
            disk.durable = durable;
        }
        Ok(())
    }
}

impl Witness for Shared {
    fn newest(&mut self, _: &[u8; 16]) -> Result<Option<u64>, MediumError> {
        Ok(self.0.borrow().witnessed)
    }

    fn remember(&mut self, _: &[u8; 16], sequence: u64) -> Result<(), MediumError> {
        let mut disk = self.0.borrow_mut();
        disk.step()?;
        disk.witnessed = Some(sequence);
        Ok(())
    }
}

type Store = SealedStore<Shared, Shared, Rng>;

/// What the outside world knows: what may be handed out, and what has been.
#[derive(Default)]
struct Ledger {
    /// Tokens of finished units that are not reserved, at least and at most.
    least: [u32; GROUPS as usize],
    most: [u32; GROUPS as usize],
    /// Every mask that was ever handed out.
    masks: BTreeSet<Vec<u32>>,
    next_unit: u64,
    /// What was being settled when the power went.
    together: Option<Together>,
}

/// Tokens that were available, and units that are settled together: group and tokens of each.
type Together = (Vec<u32>, Vec<(usize, u32)>);

/// Begins a unit of a random group, and all its rows: how many tokens of which group.
fn receive(
    store: &mut Store,
    ledger: &mut Ledger,
    rng: &mut Rng,
) -> Result<(usize, u32), StoreError> {
    let group = rng.below(u64::from(GROUPS)) as usize;
    let tokens = 1 + rng.below(3) as usize;
    ledger.next_unit += 1;
    let mut seed = [0; 32];
    seed[..8].copy_from_slice(&ledger.next_unit.to_le_bytes());
    store.begin_unit(GroupId(group as u32), tokens, Seed::from_bytes(seed))?;
    for row in 0..shapes(&CONFIG)[group].rows {
        // z says which unit, token and row it is.
        let z: Vec<u32> = (0..tokens)
            .map(|token| (ledger.next_unit as u32) * 1000 + (token * 20 + row) as u32)
            .collect();
        store.put_row(&z)?;
    }
    Ok((group, tokens as u32))
}

/// Several units that are held, then settled together, or abandoned.
#[expect(clippy::panic_in_result_fn, reason = "test code")]
fn hold_some(store: &mut Store, ledger: &mut Ledger, rng: &mut Rng) -> Result<(), StoreError> {
    let before: Vec<u32> = (0..GROUPS).map(|group| store.available(GroupId(group))).collect();
    let mut held = Vec::new();
    let outcome = (0..1 + rng.below(3)).try_for_each(|_| {
        held.push(receive(store, ledger, rng)?);
        store.hold_unit()
    });
    let unchanged = |store: &Store| {
        before.iter().zip(0..).all(|(&tokens, group)| store.available(GroupId(group)) == tokens)
    };
    assert!(unchanged(store), "a held unit is available");
    let fate = if outcome.is_ok() { rng.below(4) } else { 3 };
    match fate {
        0 | 1 => {
            for &(group, tokens) in &held {
                ledger.most[group] += tokens;
            }
            // All of them or none: no state in between may open.
            ledger.together = Some((before, held.clone()));
            store.settle(true)?;
            ledger.together = None;
            for (group, tokens) in held {
                ledger.least[group] += tokens;
            }
        }
        2 => {
            store.settle(false)?;
            assert!(unchanged(store), "a refused unit is available");
        }
        _ => store.abandon(),
    }
    outcome
}

/// One random operation; an error means that the power is gone.
#[expect(clippy::panic_in_result_fn, reason = "test code")]
fn operate(store: &mut Store, ledger: &mut Ledger, rng: &mut Rng) -> Result<(), StoreError> {
    let choice = rng.below(6);
    if choice < 2 {
        return hold_some(store, ledger, rng);
    }
    if choice < 4 {
        let (group, tokens) = receive(store, ledger, rng)?;
        ledger.most[group] += tokens;
        store.finish_unit(true)?;
        ledger.least[group] += tokens;
    } else {
        let wanted: Vec<u32> = (0..GROUPS)
            .map(|g| rng.below(u64::from(store.available(GroupId(g))) + 1) as u32)
            .collect();
        for (least, wanted) in ledger.least.iter_mut().zip(&wanted) {
            *least = least.saturating_sub(*wanted);
        }
        store.reserve(&|g| wanted[g.0 as usize])?;
        for (g, &wanted) in wanted.iter().enumerate() {
            ledger.most[g] -= wanted;
            let shape = shapes(&CONFIG)[g];
            for _ in 0..rng.below(u64::from(wanted) + 1) {
                let (mut r, mut z) = (vec![0; shape.columns], vec![0; shape.rows]);
                store.take(GroupId(g as u32), &mut r, &mut z)?;
                let (unit, token) = (z[0] / 1000, z[0] % 1000 / 20);
                let images: Vec<u32> =
                    (0..shape.rows as u32).map(|row| unit * 1000 + token * 20 + row).collect();
                assert_eq!(z, images, "the images of one token of one unit");
                let mut expected = vec![0; shape.columns];
                let mut seed = [0; 32];
                seed[..8].copy_from_slice(&u64::from(unit).to_le_bytes());
                one_time_mask(&Seed::from_bytes(seed), token as usize, 0, &mut expected);
                assert_eq!(r, expected, "the mask that belongs to the images");
                let fresh = ledger.masks.insert([vec![g as u32], r].concat());
                assert!(fresh, "a mask was handed out twice");
            }
        }
    }
    Ok(())
}

/// A life of a store with a power cut at operation `cut_at` of each of its sittings.
fn live(seed: u64, sittings: usize, cut_at: impl Fn(usize, &mut Rng) -> u64) -> u64 {
    with_bundle(1, 2, |bundle| {
        let mut rng = Rng(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
        let disk = Shared::default();
        drop(Store::create(disk.clone(), disk.clone(), rng.clone(), bundle, 30).unwrap());
        let mut ledger = Ledger::default();
        let mut operations = 0;
        for sitting in 0..sittings {
            let entropy = Rng(rng.next() | 1);
            let mut store = Store::open(disk.clone(), disk.clone(), entropy, bundle)
                .expect("a store opens after every power cut");
            for group in 0..GROUPS {
                let available = store.available(GroupId(group));
                let index = group as usize;
                assert!(available >= ledger.least[index], "a finished unit is lost");
                assert!(available <= ledger.most[index], "a reserved token came back");
                (ledger.least[index], ledger.most[index]) = (available, available);
            }
            if let Some((mut tokens, held)) = ledger.together.take() {
                let now: Vec<u32> = (0..GROUPS).map(|g| store.available(GroupId(g))).collect();
                let none = now == tokens;
                held.iter().for_each(|&(group, more)| tokens[group] += more);
                assert!(none || now == tokens, "some units of a session came without the others");
            }
            disk.0.borrow_mut().operations = 0;
            let cut = cut_at(sitting, &mut rng);
            disk.0.borrow_mut().cut_at = Some(cut);
            for _ in 0..12 {
                match operate(&mut store, &mut ledger, &mut rng) {
                    Ok(()) | Err(StoreError::Full) => {}
                    Err(error) => {
                        assert!(disk.0.borrow().dead, "{error} while there was power");
                        break;
                    }
                }
            }
            operations = disk.0.borrow().operations;
            disk.0.borrow_mut().lose_power(&mut rng);
        }
        operations
    })
}

/// Small stores: a cut at every operation of a life, each several times with other losses.
#[test]
fn a_cut_at_every_operation_is_survived() {
    for seed in 1..=6 {
        let length = live(seed, 1, |_, _| u64::MAX);
        assert!(length > 20, "the life has {length} operations");
        for cut in 0..length {
            for loss in 0..4 {
                live(
                    seed | (loss << 32),
                    3,
                    |sitting, _| if sitting == 0 { cut } else { u64::MAX },
                );
            }
        }
    }
}

/// Random lives with a random cut in every sitting. `SUBROSA_POWER_CUTS` sets how many.
#[test]
fn random_cuts_are_survived() {
    let cuts: u64 = option_env_or(20_000);
    let sittings = 10;
    for seed in 0..cuts / sittings {
        live(1_000_000 + seed, sittings as usize, |_, rng| rng.below(60));
    }
}

fn option_env_or(default: u64) -> u64 {
    std::env::var("SUBROSA_POWER_CUTS").ok().and_then(|n| n.parse().ok()).unwrap_or(default)
}

fn new_store(disk: &Shared, bundle: &DeviceBundle<'_>) -> Store {
    let mut store = Store::create(disk.clone(), disk.clone(), Rng(5), bundle, 30).unwrap();
    for group in 0..GROUPS {
        let rows = shapes(&CONFIG)[group as usize].rows;
        let z: Vec<u32> = (0..2 * rows as u32).collect();
        store.put_unit(GroupId(group), 2, Seed::from_bytes([group as u8; 32]), &z).unwrap();
    }
    store
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    /// A changed byte anywhere that counts is an error, at the latest when the token is taken.
    #[test]
    fn damage_is_never_served(at: prop::sample::Index, bit in 0_u32..8) {
        with_bundle(1, 2, |bundle| {
            let disk = Shared::default();
            drop(new_store(&disk, bundle));
            let at = at.index(disk.0.borrow().durable.len());
            disk.0.borrow_mut().durable[at] ^= 1 << bit;
            let Ok(mut store) = Store::open(disk.clone(), disk.clone(), Rng(9), bundle) else {
                return;
            };
            if store.reserve(&|_| 2).is_err() {
                return;
            }
            for group in 0..GROUPS {
                let shape = shapes(&CONFIG)[group as usize];
                for token in 0..2 {
                    let (mut r, mut z) = (vec![0; shape.columns], vec![0; shape.rows]);
                    if store.take(GroupId(group), &mut r, &mut z).is_ok() {
                        let rows = shape.rows as u32;
                        let expected: Vec<u32> = (token * rows..(token + 1) * rows).collect();
                        assert_eq!(z, expected);
                    }
                }
            }
        });
    }
}

#[test]
fn other_devices_models_and_old_copies_are_refused() {
    let disk = Shared::default();
    let old = Shared::default();
    with_bundle(1, 2, |bundle| {
        let mut store = new_store(&disk, bundle);
        old.0.borrow_mut().durable = disk.0.borrow().durable.clone();
        store.reserve(&|_| 1).unwrap();
        drop(store);
        let open = |disk: &Shared| Store::open(disk.clone(), disk.clone(), Rng(9), bundle).err();
        assert_eq!(open(&disk), None);
        // A copy from before the reservation: its masks are used up.
        old.0.borrow_mut().witnessed = disk.0.borrow().witnessed;
        assert_eq!(open(&old), Some(SealedError::RolledBack));
        assert_eq!(open(&Shared::default()), Some(SealedError::NotAStore));
    });
    with_bundle(1, 3, |other| {
        let result = Store::open(disk.clone(), disk.clone(), Rng(9), other);
        assert_eq!(result.err(), Some(SealedError::Sealed));
    });
    with_bundle(7, 2, |other| {
        let result = Store::open(disk.clone(), disk.clone(), Rng(9), other);
        assert_eq!(result.err(), Some(SealedError::OtherModel));
    });
}

#[test]
fn a_full_medium_keeps_what_there_is_and_space_is_used_again() {
    with_bundle(1, 2, |bundle| {
        let disk = Shared::default();
        let mut store = new_store(&disk, bundle);
        let length = disk.0.borrow().durable.len() as u64;
        disk.0.borrow_mut().full_beyond = Some(length);
        let rows = shapes(&CONFIG)[2].rows;
        let z = vec![7; 2 * rows];
        let put = |store: &mut Store, byte| {
            store.put_unit(GroupId(2), 2, Seed::from_bytes([byte; 32]), &z)
        };
        assert_eq!(put(&mut store, 40), Err(StoreError::Full));
        assert_eq!(store.available(GroupId(2)), 2);
        // Reserved tokens are still to be read: their place is not free yet.
        store.reserve(&|_| 2).unwrap();
        assert_eq!(put(&mut store, 41), Err(StoreError::Full));
        // The next reservation burns them, and the place is used again.
        store.reserve(&|_| 0).unwrap();
        put(&mut store, 42).unwrap();
        assert_eq!(disk.0.borrow().durable.len() as u64, length);
        assert_eq!(store.available(GroupId(2)), 2);
    });
}

/// Held units take room and place, and neither shows before they are settled.
#[test]
fn held_units_share_their_fate() {
    with_bundle(1, 2, |bundle| {
        let disk = Shared::default();
        let mut store = new_store(&disk, bundle);
        let room = store.room();
        let rows = shapes(&CONFIG)[1].rows;
        let hold = |store: &mut Store, byte: u8| {
            store.begin_unit(GroupId(1), 2, Seed::from_bytes([byte; 32])).unwrap();
            (0..rows).for_each(|row| store.put_row(&[row as u32, u32::from(byte)]).unwrap());
            store.hold_unit()
        };
        let reopened = || {
            Store::open(disk.clone(), disk.clone(), Rng(9), bundle).unwrap().available(GroupId(1))
        };
        hold(&mut store, 50).unwrap();
        hold(&mut store, 51).unwrap();
        assert_eq!((store.room(), store.available(GroupId(1))), (room - 2, 2));
        let z = vec![7; 2 * rows];
        let put = store.put_unit(GroupId(1), 2, Seed::from_bytes([52; 32]), &z);
        assert_eq!(put, Err(StoreError::Order), "whole units are not mixed with held ones");
        // A reservation in between does not settle them, nor does it write over them.
        store.reserve(&|_| 1).unwrap();
        assert_eq!((store.available(GroupId(1)), reopened()), (1, 1));
        store.settle(true).unwrap();
        assert_eq!((store.available(GroupId(1)), reopened()), (5, 5));
        let length = disk.0.borrow().durable.len();
        for accept in [false, true] {
            hold(&mut store, 60).unwrap();
            if accept {
                store.abandon();
            } else {
                store.settle(false).unwrap();
            }
            assert_eq!((store.room(), store.available(GroupId(1))), (room - 2, 5));
            assert_eq!(reopened(), 5);
        }
        // The place of what was refused or abandoned is used again.
        hold(&mut store, 61).unwrap();
        store.settle(true).unwrap();
        assert!(disk.0.borrow().durable.len() <= length + 2 * (4 * rows + 16));
        store.reserve(&|group| if group == GroupId(1) { 7 } else { 0 }).unwrap();
        let (mut r, mut z) = (vec![0; shapes(&CONFIG)[1].columns], vec![0; rows]);
        for (byte, token) in [(1_u8, 1), (50, 0), (50, 1), (51, 0), (51, 1), (61, 0), (61, 1)] {
            store.take(GroupId(1), &mut r, &mut z).unwrap();
            let mut expected = vec![0; r.len()];
            one_time_mask(&Seed::from_bytes([byte; 32]), token, 0, &mut expected);
            assert_eq!(r, expected);
        }
        assert_eq!(store.take(GroupId(1), &mut r, &mut z), Err(StoreError::Order));
        // There is room for as many as the state names, held ones among them.
        for byte in 0..store.room() {
            hold(&mut store, 70 + byte as u8).unwrap();
        }
        assert_eq!(hold(&mut store, 200), Err(StoreError::Full));
    });
}

/// A unit that is kept and one that is refused cost the same operations, in the same places.
#[test]
fn a_verdict_does_not_show_in_the_writes() {
    with_bundle(1, 2, |bundle| {
        let writes = |accept: bool| {
            let disk = Shared::default();
            let mut store = new_store(&disk, bundle);
            let before = disk.0.borrow().operations;
            store.begin_unit(GroupId(1), 3, Seed::from_bytes([9; 32])).unwrap();
            for _ in 0..shapes(&CONFIG)[1].rows {
                store.put_row(&[1, 2, 3]).unwrap();
            }
            store.finish_unit(accept).unwrap();
            let available = store.available(GroupId(1));
            let disk = disk.0.borrow();
            (disk.operations - before, disk.durable.len(), available)
        };
        let (kept, refused) = (writes(true), writes(false));
        assert_eq!((kept.0, kept.1), (refused.0, refused.1));
        assert_eq!((kept.2, refused.2), (5, 2));
    });
}
