//! Two accelerators as one: equal to the reference wherever the first one fails.

#![allow(clippy::unwrap_used, reason = "a helper that fails is a failed test")]

use host_server::fallback::{Fallback, Placement, Share};
use kernel::accel::hooked::{Call, Hooked, Hooks, Output};
use kernel::accel::ring::{Ciphertexts, KeysId, RingAccelerator, automorphisms};
use kernel::accel::{
    AccelError, Accelerator, Capabilities, InPlace, MatrixId, Reference, RowSource, SharedRows,
    rows_in_place,
};
use kernel::conformance::{Faults, residues, weights};
use kernel::direct::DirectShape;
use kernel::params::{DirectSet, InsecureDirect64 as Set, ParameterSet};
use kernel::prime::PrimeId;
use kernel::stream::PublicSeed;
use kernel::trace::Layout;
use kernel::{accelerator_suite, ring_accelerator_suite};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

const SEED: PublicSeed = PublicSeed([4; 32]);
const M: usize = 70;
const N: usize = 33;

type Kind = fn(&Call) -> bool;

const KINDS: [(&str, Kind); 10] = [
    ("any", |_| true),
    ("load", |call| matches!(call, Call::Load { .. })),
    ("unload", |call| matches!(call, Call::Unload(_))),
    ("product", |call| matches!(call, Call::Product { .. })),
    ("seeded", |call| matches!(call, Call::ProductSeeded { .. })),
    ("open keys", |call| matches!(call, Call::OpenKeys(_))),
    ("add key", |call| matches!(call, Call::AddKey(_))),
    ("close keys", |call| matches!(call, Call::CloseKeys(_))),
    ("encode", |call| matches!(call, Call::Encode(_))),
    ("trace product", |call| matches!(call, Call::TraceProduct(_))),
];

fn reference() -> Arc<Reference> {
    Arc::default()
}

/// A reference whose numbers of things are others than a fresh one's.
fn used() -> Arc<Reference> {
    let used = reference();
    used.load(1, 1, &mut Once(vec![1].into_iter())).unwrap();
    for _ in 0..2 {
        used.open_keys(Set::ID, &SEED).unwrap();
    }
    used
}

fn over_reference(first: Arc<dyn RingAccelerator>) -> Fallback {
    Fallback::new(first, used())
}

/// The first fails at its third call of any kind.
fn lost_early(error: AccelError) -> Fallback {
    over_reference(Arc::new(Faults::at(3, error, |_| true).on_reference()))
}

accelerator_suite!(both, Some(over_reference(reference())));
accelerator_suite!(lost, Some(lost_early(AccelError::DeviceLost)));
accelerator_suite!(short_of_memory, Some(lost_early(AccelError::OutOfMemory)));
accelerator_suite!(of_two, Some(over_reference(Arc::new(over_reference(reference())))));
ring_accelerator_suite!(ring_both, Some(over_reference(reference())));
ring_accelerator_suite!(ring_lost, Some(lost_early(AccelError::DeviceLost)));
ring_accelerator_suite!(ring_short_of_memory, Some(lost_early(AccelError::OutOfMemory)));

/// Rows that can be read once.
struct Once(std::vec::IntoIter<i8>);

impl RowSource for Once {
    fn next_row(&mut self, row: &mut [i8]) -> Result<(), AccelError> {
        for weight in row {
            *weight = self.0.next().ok_or(AccelError::Rows)?;
        }
        Ok(())
    }
}

fn once(seed: u64) -> Once {
    Once(weights(seed, M * N).into_iter())
}

fn bodies(seed: u64, polynomials: usize) -> Vec<u32> {
    let limbs = DirectShape::of_set::<Set>();
    let moduli: Vec<u32> = limbs.limbs().iter().map(|limb| limb.modulus).collect();
    let word = |i: usize, modulus: u32| {
        ((i as u64 + seed).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 33) as u32 % modulus
    };
    (0..polynomials * moduli.len() * Set::N)
        .map(|i| word(i, moduli[i / Set::N % moduli.len()]))
        .collect()
}

/// Everything that calls have returned.
#[derive(Debug, Eq, PartialEq)]
enum Heard {
    Words(Result<(), AccelError>, Vec<u32>),
    Numbers(Result<(), AccelError>, Vec<u64>, Vec<u64>),
    Done(Result<(), AccelError>),
}

struct Script<'a> {
    on: &'a dyn RingAccelerator,
    heard: Vec<Heard>,
}

impl Script<'_> {
    fn products(&mut self, matrix: MatrixId, seed: u64) {
        for (p, columns) in [(PrimeId::T, 1), (PrimeId::Delta, 5)] {
            let mut out = vec![7; 40 * columns];
            let x = residues(p, seed, N * columns);
            let done = self.on.product(matrix, 30..70, p, &x, columns, &mut out);
            self.heard.push(Heard::Words(done, out));
        }
        let mut out = vec![7; M * 3];
        let done = self.on.product_seeded(matrix, 0..M, PrimeId::T, &SEED, 4..7, &mut out);
        self.heard.push(Heard::Words(done, out));
    }

    fn layout() -> Layout {
        Layout::fitting(Set::N, M, N, 1)
    }

    fn keys(&mut self) -> KeysId {
        let keys = self.on.open_keys(Set::ID, &SEED).unwrap();
        for (i, automorphism) in automorphisms(&[Self::layout()]).into_iter().enumerate() {
            let added = self.on.add_key(keys, automorphism, &bodies(i as u64, Set::GADGET));
            self.heard.push(Heard::Done(added));
        }
        keys
    }

    fn trace(&mut self, matrix: MatrixId, keys: KeysId, seed: u64) {
        let layout = Self::layout();
        let bodies = bodies(seed, layout.input_blocks(N));
        let input = Ciphertexts { seed: &SEED, first: seed, bodies: &bodies };
        let results = layout.output_blocks(M);
        let mut masks = vec![7; results * Set::N];
        let mut out = vec![7; results * layout.rows() * layout.tokens()];
        let done = self.on.trace_product(matrix, keys, &layout, &input, &mut masks, &mut out);
        self.heard.push(Heard::Numbers(done, masks, out));
    }

    /// A bit of everything, sessions one inside the other; a caller's own mistakes among it.
    fn run(mut self) -> Vec<Heard> {
        let a = self.on.load(M, N, &mut once(1)).unwrap();
        let rows = rows_in_place(M, N, &mut once(2)).unwrap();
        let b = self.on.load(M, N, &mut InPlace::new(rows)).unwrap();
        self.products(a, 3);
        let outer = self.keys();
        self.trace(a, outer, 5);
        // What it says of its memory is a backend's own.
        let _ = self.on.encode(a, Set::ID, &Self::layout());
        self.trace(a, outer, 6);
        let inner = self.keys();
        self.trace(b, inner, 7);
        self.trace(a, inner, 8);
        let mut out = [7; 1];
        let wrong = self.on.product(a, 0..1, PrimeId::T, &[u32::MAX; N], 1, &mut out);
        self.heard.push(Heard::Done(wrong));
        let wrong = self.on.product(a, 0..2, PrimeId::T, &[0; N], 1, &mut out);
        self.heard.push(Heard::Done(wrong));
        self.heard.push(Heard::Done(self.on.close_keys(inner)));
        self.heard.push(Heard::Done(self.on.close_keys(inner)));
        self.heard.push(Heard::Done(self.on.unload(a)));
        self.products(b, 9);
        self.trace(b, outer, 10);
        self.heard.push(Heard::Done(self.on.close_keys(outer)));
        self.heard.push(Heard::Done(self.on.unload(b)));
        self.heard.push(Heard::Done(self.on.unload(b)));
        self.heard
    }
}

fn script(on: &dyn RingAccelerator) -> Vec<Heard> {
    Script { on, heard: Vec::new() }.run()
}

/// Whichever call fails, of whatever kind and for whatever reason, the caller hears what the reference says.
#[test]
fn results_are_the_references_wherever_the_first_fails() {
    let expected = script(&Reference::default());
    let errors = [
        AccelError::DeviceLost,
        AccelError::OutOfMemory,
        AccelError::UnknownSet,
        AccelError::UnknownMatrix,
        AccelError::UnknownKeys,
        AccelError::Rows,
    ];
    let mut tried = 0;
    for (name, kind) in KINDS {
        let whole = Arc::new(Faults::none(kind).on_reference());
        assert!(script(&over_reference(whole.clone())) == expected, "{name}: no fault");
        let calls = whole.hooks().calls();
        assert!(calls > 0, "{name}");
        for (error, at) in
            errors.into_iter().flat_map(|error| (0..calls).map(move |at| (error, at)))
        {
            let fault = Faults::at(at, error, kind);
            // One half of the calls that fail is made all the same.
            let fault = if (tried / 2) % 2 == 0 { fault.before() } else { fault };
            let first = Arc::new(fault.on_reference());
            let both = over_reference(first.clone());
            assert!(script(&both) == expected, "{error:?} at {name} {at}");
            assert_eq!(both.is_lost(), error == AccelError::DeviceLost, "{error:?} at {name} {at}");
            if both.is_lost() {
                assert_eq!(first.hooks().calls(), at + 1, "the lost one was asked again");
            }
            tried += 1;
        }
    }
    assert!(tried > 200, "{tried}");
}

/// A caller's own mistakes are heard at once, and say nothing about the accelerator.
#[test]
fn mistakes_are_the_callers() {
    let first = Arc::new(Faults::none(|_| true).on_reference());
    let second = Arc::new(Faults::none(|_| true).on_reference());
    let both = Fallback::new(first, second.clone());
    let matrix = both.load(M, N, &mut once(1)).unwrap();
    let keys = both.open_keys(Set::ID, &SEED).unwrap();
    let before = second.hooks().calls();
    let mut out = [0; M];
    let product = |out: &mut [u32]| both.product(matrix, 0..M, PrimeId::T, &[u32::MAX; N], 1, out);
    assert_eq!(product(&mut out), Err(AccelError::Residue));
    assert_eq!(product(&mut out[1..]), Err(AccelError::Shape));
    let layout = Script::layout();
    let bodies = bodies(1, layout.input_blocks(N));
    let input = Ciphertexts { seed: &SEED, first: 0, bodies: &bodies };
    let mut masks = vec![0; layout.output_blocks(M) * Set::N];
    let mut results = vec![0; layout.output_blocks(M) * layout.rows() * layout.tokens()];
    let missing = both.trace_product(matrix, keys, &layout, &input, &mut masks, &mut results);
    assert_eq!(missing, Err(AccelError::MissingKey));
    assert_eq!(second.hooks().calls(), before, "the second was asked");
    assert!(!both.is_lost());
}

/// Neither keeps what is given up.
#[test]
fn what_is_given_up_is_gone_from_both() {
    let gone: Kind = |call| matches!(call, Call::Unload(_) | Call::CloseKeys(_));
    let [first, second] = [(); 2].map(|()| Arc::new(Faults::none(gone).on_reference()));
    script(&Fallback::new(first.clone(), second.clone()));
    // Two matrices and two sets of keys.
    assert_eq!((first.hooks().calls(), second.hooks().calls()), (4, 4));
}

/// Room for a number of matrices; what encoded forms it holds.
#[derive(Default)]
struct Small {
    room: usize,
    loaded: AtomicUsize,
    encodings: AtomicUsize,
    products: AtomicUsize,
}

impl Hooks for Small {
    fn around<T>(
        &self,
        call: Call,
        output: Output<'_>,
        run: impl FnOnce(Output<'_>) -> Result<T, AccelError>,
    ) -> Result<T, AccelError> {
        match call {
            Call::Load { .. } if self.loaded.fetch_add(1, SeqCst) >= self.room => {
                return Err(AccelError::OutOfMemory);
            }
            Call::Encode(_) => drop(self.encodings.fetch_add(1, SeqCst)),
            Call::Product { .. } => drop(self.products.fetch_add(1, SeqCst)),
            _ => {}
        }
        run(output)
    }

    fn capabilities(&self, inner: Capabilities) -> Capabilities {
        Capabilities::new(
            if self.room == usize::MAX { "large" } else { "small" },
            inner.preferred_columns + 1,
        )
    }
}

fn small(room: usize) -> Arc<Hooked<Reference, Small>> {
    Arc::new(Hooked::new(Arc::default(), Small { room, ..Small::default() }))
}

/// What does not fit is the second's, and is counted so.
#[test]
fn matrices_beyond_the_budget_are_the_seconds() {
    let (first, second) = (small(2), small(usize::MAX));
    let both = Fallback::new(first.clone(), second.clone());
    let ids: Vec<_> = (0..5).map(|i| both.load(M, N, &mut once(i)).unwrap()).collect();
    let share = |matrices: usize| Share { matrices, bytes: (matrices * M * N) as u64 };
    assert_eq!(both.placement(), Placement { on_first: share(2), on_second: share(3) });
    for (i, &id) in ids.iter().enumerate() {
        let (mut got, mut expected) = (vec![1; M], vec![2; M]);
        let x = residues(PrimeId::T, i as u64, N);
        both.product(id, 0..M, PrimeId::T, &x, 1, &mut got).unwrap();
        let reference = Reference::default();
        let alone = reference.load(M, N, &mut once(i as u64)).unwrap();
        reference.product(alone, 0..M, PrimeId::T, &x, 1, &mut expected).unwrap();
        assert_eq!(got, expected);
    }
    let products = |of: &Hooked<Reference, Small>| of.hooks().products.load(SeqCst);
    assert_eq!((products(&first), products(&second)), (2, 3));
    both.unload(ids[0]).unwrap();
    both.unload(ids[4]).unwrap();
    assert_eq!(both.placement(), Placement { on_first: share(1), on_second: share(2) });
}

/// A matrix is encoded in one place at a time; when the first is lost, in the second once it is needed.
#[test]
fn encoded_forms_are_held_once() {
    let second = small(usize::MAX);
    let first = Arc::new(
        Faults::at(2, AccelError::DeviceLost, |call| matches!(call, Call::TraceProduct(_)))
            .on_reference(),
    );
    let both = Fallback::new(first, second.clone());
    let encodings = || second.hooks().encodings.load(SeqCst);
    let mut script = Script { on: &both, heard: Vec::new() };
    let keys = script.keys();
    let [a, b, c] = [1, 2, 3].map(|seed| both.load(M, N, &mut once(seed)).unwrap());
    both.encode(a, Set::ID, &Script::layout()).unwrap();
    both.encode(b, Set::ID, &Script::layout()).unwrap();
    script.trace(a, keys, 1);
    script.trace(c, keys, 1);
    assert_eq!((encodings(), both.is_lost()), (0, false));
    script.trace(a, keys, 1);
    assert_eq!((encodings(), both.is_lost()), (1, true));
    script.trace(a, keys, 1);
    script.trace(c, keys, 1);
    assert_eq!(encodings(), 1, "what was not encoded is not, and nothing is twice");
    script.trace(b, keys, 1);
    assert_eq!(encodings(), 2);
    let again = [0, 2, 3].map(|i| &script.heard[script.heard.len() - 6 + i]);
    assert!(again.iter().all(|heard| *heard == again[0]));
    // What comes to be encoded now is the second's.
    both.encode(c, Set::ID, &Script::layout()).unwrap();
    assert_eq!(encodings(), 3);
}

/// What is said of both is what is in use.
#[test]
fn capabilities_are_of_the_one_in_use() {
    let lost = Faults::at(0, AccelError::DeviceLost, |call| matches!(call, Call::Product { .. }));
    let first = Hooked::new(small(9), lost);
    let both = Fallback::new(Arc::new(first), small(usize::MAX));
    let id = both.load(M, N, &mut once(1)).unwrap();
    assert_eq!(both.capabilities().name, "small");
    both.product(id, 0..M, PrimeId::T, &[0; N], 1, &mut [0; M]).unwrap();
    assert_eq!(both.capabilities().name, "large");
    assert_eq!(both.placement().on_first, Share::default());
}

/// Lends its rows, and hands out none.
struct Lender(Arc<dyn SharedRows>);

impl RowSource for Lender {
    fn next_row(&mut self, _: &mut [i8]) -> Result<(), AccelError> {
        Err(AccelError::Rows)
    }

    fn shared(&self) -> Option<Arc<dyn SharedRows>> {
        Some(self.0.clone())
    }
}

/// A source that shares its rows is not copied.
#[test]
fn shared_rows_are_used_where_they_are() {
    let rows = rows_in_place(M, N, &mut once(1)).unwrap();
    let both = over_reference(reference());
    let id = both.load(M, N, &mut Lender(rows)).unwrap();
    let mut out = [7; M];
    both.product(id, 0..M, PrimeId::T, &[0; N], 1, &mut out).unwrap();
    assert_eq!(out, [0; M]);
}
