use super::*;
use crate::store::MemoryStore;
use alloc::vec;
use alloc::vec::Vec;
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
/// Tokens of a window, and of a unit.
const T: usize = 3;
const N: usize = 8;
const HEAD: GroupId = GroupId(4);
/// Rows of the head, and its columns.
const ROWS: u32 = 3;

fn windows() -> Vec<Window> {
    (0..CONFIG.group_count()).map(|_| Window::EMPTY).collect()
}

fn begin(store: &mut impl CorrelationStore, base: u32) -> Result<(), StoreError> {
    store.begin_unit(HEAD, N, Seed::from_bytes([base as u8; 32]))
}

fn put(store: &mut impl CorrelationStore, rows: u32, base: u32) {
    for row in 0..rows {
        let z: Vec<u32> = (0..N as u32).map(|token| base + 10 * token + row).collect();
        store.put_row(&z).unwrap();
    }
}

/// Reserves tokens of the head alone.
fn reserve(store: &mut impl CorrelationStore, tokens: u32) -> Result<(), StoreError> {
    store.reserve(&|group| if group == HEAD { tokens } else { 0 })
}

/// The next token of the head.
fn take(store: &mut impl CorrelationStore) -> Result<([u32; 4], [u32; 3]), StoreError> {
    let (mut r, mut z) = ([0; 4], [0; 3]);
    store.take(HEAD, &mut r, &mut z)?;
    Ok((r, z))
}

fn expected(base: u32, token: usize) -> ([u32; 4], [u32; 3]) {
    let mut r = [0; 4];
    one_time_mask(&Seed::from_bytes([base as u8; 32]), token, 0, &mut r);
    let first = base + 10 * token as u32;
    (r, [first, first + 1, first + 2])
}

#[test]
fn the_first_tokens_of_a_unit_are_kept_and_come_out_once() {
    let (mut windows, mut words) = (windows(), vec![9; WindowStore::words(&CONFIG, T) + 5]);
    let mut store = WindowStore::new(&CONFIG, &mut windows, &mut words).unwrap();
    assert_eq!(store.tokens(), T);
    begin(&mut store, 100).unwrap();
    assert_eq!(store.put_row(&[0; N - 1]), Err(StoreError::Order));
    put(&mut store, ROWS, 100);
    assert_eq!(store.put_row(&[0; N]), Err(StoreError::Order));
    store.hold_unit().unwrap();
    assert_eq!(store.available(HEAD), 0, "held, not settled");
    store.settle(true).unwrap();
    assert_eq!(store.available(HEAD), T as u32);
    assert_eq!(begin(&mut store, 50), Err(StoreError::Full), "there are tokens left");
    let too_few = StoreError::TooFew { group: 4, available: 3, needed: 4 };
    assert_eq!(reserve(&mut store, 4), Err(too_few));
    assert_eq!(take(&mut store), Err(StoreError::Order), "nothing is reserved");
    reserve(&mut store, 2).unwrap();
    assert_eq!(store.available(HEAD), 1);
    assert_eq!(take(&mut store).unwrap(), expected(100, 0));
    // What a reservation leaves over is burned by the next.
    reserve(&mut store, 1).unwrap();
    assert_eq!(take(&mut store).unwrap(), expected(100, 2));
    assert_eq!(take(&mut store), Err(StoreError::Order));
    assert!(store.words.iter().all(|&word| word == 0), "what was used or burned is erased");
    assert!(store.windows.iter().all(|window| window.masks.is_none()));
    // The window is used up: another unit fills it.
    begin(&mut store, 50).unwrap();
    put(&mut store, ROWS, 50);
    store.finish_unit(true).unwrap();
    reserve(&mut store, 3).unwrap();
    assert_eq!(take(&mut store).unwrap(), expected(50, 0));
}

#[test]
fn nothing_is_left_of_units_that_are_abandoned_refused_or_incomplete() {
    for end in 0..4 {
        let (mut windows, mut words) = (windows(), vec![9; WindowStore::words(&CONFIG, T)]);
        let mut store = WindowStore::new(&CONFIG, &mut windows, &mut words).unwrap();
        begin(&mut store, 100).unwrap();
        put(&mut store, if end == 1 { ROWS - 1 } else { ROWS }, 100);
        assert!(store.words.iter().any(|&word| word != 0));
        match end {
            0 => store.abandon(),
            1 => assert_eq!(store.finish_unit(true), Err(StoreError::Order)),
            2 => store.finish_unit(false).unwrap(),
            _ => {
                store.hold_unit().unwrap();
                store.abandon();
            }
        }
        assert!(store.windows.iter().all(|window| window.masks.is_none()), "{end}");
        assert_eq!(store.available(HEAD), 0);
        // A refused unit is erased here, and the others have been.
        assert_eq!(store.words.iter().any(|&word| word != 0), end == 2);
        reserve(&mut store, 0).unwrap();
        assert!(store.words.iter().all(|&word| word == 0), "{end}");
        assert_eq!(store.put_row(&[0; N]), Err(StoreError::Order));
        assert_eq!(store.hold_unit(), Err(StoreError::Order));
        begin(&mut store, 50).unwrap();
        put(&mut store, ROWS, 50);
        store.finish_unit(true).unwrap();
        assert_eq!(store.available(HEAD), T as u32);
    }
}

/// A unit that was begun before another has not ended is forgotten.
#[test]
fn a_unit_in_place_of_another() {
    let (mut windows, mut words) = (windows(), vec![9; WindowStore::words(&CONFIG, T)]);
    let mut store = WindowStore::new(&CONFIG, &mut windows, &mut words).unwrap();
    begin(&mut store, 100).unwrap();
    put(&mut store, ROWS, 100);
    begin(&mut store, 50).unwrap();
    assert_eq!(store.hold_unit(), Err(StoreError::Order), "the first unit's rows do not count");
    assert_eq!(begin(&mut store, 50), Ok(()));
    store.settle(true).unwrap();
    assert_eq!(store.available(HEAD), 0);
}

/// What a reset leaves in external memory is gone before anything is done with it, and so is what a
/// store leaves behind.
#[test]
fn a_store_begins_and_ends_erased() {
    let (mut windows, mut words) = (windows(), vec![9; WindowStore::words(&CONFIG, T) + 1]);
    let mut store = WindowStore::new(&CONFIG, &mut windows, &mut words).unwrap();
    assert!(store.words.iter().all(|&word| word == 0));
    begin(&mut store, 100).unwrap();
    put(&mut store, ROWS, 100);
    store.finish_unit(true).unwrap();
    drop(store);
    assert!(words.iter().all(|&word| word == 0));
    assert!(windows.iter().all(|window| window.masks.is_none() && window.left() == 0));
}

#[test]
fn a_store_without_room() {
    let mut few = vec![0; WindowStore::words(&CONFIG, 1) - 1];
    assert!(matches!(WindowStore::new(&CONFIG, &mut windows(), &mut few), Err(StoreError::Full)));
    let mut words = vec![0; WindowStore::words(&CONFIG, 1)];
    assert!(WindowStore::new(&CONFIG, &mut windows()[1..], &mut words).is_err());
    let (mut windows, unknown) = (windows(), GroupId(5));
    let mut store = WindowStore::new(&CONFIG, &mut windows, &mut words).unwrap();
    let seed = Seed::from_bytes([0; 32]);
    assert_eq!(store.begin_unit(unknown, N, seed), Err(StoreError::Order));
    assert_eq!(store.available(unknown), 0);
    assert_eq!(store.take(unknown, &mut [], &mut []), Err(StoreError::Order));
}

#[derive(Clone, Debug)]
enum Step {
    Unit { accept: bool },
    Abandon,
    Reserve(u32),
    Take,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        any::<bool>().prop_map(|accept| Step::Unit { accept }),
        Just(Step::Abandon),
        (0..4_u32).prop_map(Step::Reserve),
        Just(Step::Take),
        Just(Step::Take),
    ]
}

proptest! {
    /// As the store with an allocator, which is given no more units than there is room for, and units of
    /// T tokens.
    #[test]
    fn as_the_store_in_memory(steps in proptest::collection::vec(step(), 1..60)) {
        let (mut windows, mut words) = (windows(), vec![0; WindowStore::words(&CONFIG, N)]);
        let mut store = WindowStore::new(&CONFIG, &mut windows, &mut words).unwrap();
        let mut model = MemoryStore::new(&CONFIG);
        for (base, step) in (1..).zip(steps) {
            match step {
                Step::Unit { accept } => {
                    if begin(&mut store, base) == Err(StoreError::Full) {
                        continue;
                    }
                    begin(&mut model, base).unwrap();
                    put(&mut store, ROWS, base);
                    put(&mut model, ROWS, base);
                    store.finish_unit(accept).unwrap();
                    model.finish_unit(accept).unwrap();
                }
                Step::Abandon => {
                    if begin(&mut store, base) == Ok(()) {
                        put(&mut store, 1, base);
                    }
                    store.abandon();
                }
                Step::Reserve(tokens) => {
                    prop_assert_eq!(reserve(&mut store, tokens), reserve(&mut model, tokens));
                }
                Step::Take => prop_assert_eq!(take(&mut store), take(&mut model)),
            }
            prop_assert_eq!(store.available(HEAD), model.available(HEAD));
        }
    }
}
