//! Units under the model's seed: what a host keeps changes its work, and not a bit of its answers.

#![allow(clippy::unwrap_used, reason = "a helper that fails is a failed test")]

use host_server::engine::{Engine, UnitJob, UnitTile};
use kernel::accel::hooked::{Call, Hooked, Hooks, Output};
use kernel::accel::{AccelError, Capabilities, Reference, RowSource};
use kernel::bundle::ModelDigest;
use kernel::model::{GroupId, ModelConfig};
use kernel::params::{MASKED_LIMBS, ParameterId};
use kernel::stream::PublicSeed;
use kernel::wire::{Block, MaskSeed, RowForm, UnitOpen, body_bytes, pack_residues};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

const DIGEST: ModelDigest = ModelDigest([6; 32]);
/// The head's rows make several blocks of work in every set but that of tests.
const CONFIG: ModelConfig = ModelConfig {
    vocab: 2100,
    hidden: 4,
    layers: 1,
    heads: 1,
    kv_heads: 1,
    head_dim: 4,
    intermediate: 4,
    context: 32,
    rms_eps: 1e-5,
};
const HEAD: GroupId = GroupId(4);
const GROUPS: [GroupId; 5] = [GroupId(0), GroupId(1), GroupId(2), GroupId(3), HEAD];
const SMALL: ParameterId = ParameterId::Masked256x16;
const LARGE: ParameterId = ParameterId::Masked4096x1;
const PLENTY: u64 = 1 << 30;

/// Counts the words of the products of masks.
#[derive(Default)]
struct Words(AtomicU64);

impl Hooks for Words {
    fn around<T>(
        &self,
        call: Call,
        output: Output<'_>,
        run: impl FnOnce(Output<'_>) -> Result<T, AccelError>,
    ) -> Result<T, AccelError> {
        if let (Call::ProductSeeded { .. }, Output::Words(out)) = (call, &output) {
            self.0.fetch_add(out.len() as u64, Relaxed);
        }
        run(output)
    }

    fn capabilities(&self, _: Capabilities) -> Capabilities {
        Capabilities::new("counting", 100)
    }
}

/// The reference, whose products of masks are counted.
type Counting = Hooked<Reference, Words>;

/// Rows that all differ, of one group.
struct Rows(u32);

impl RowSource for Rows {
    fn next_row(&mut self, row: &mut [i8]) -> Result<(), AccelError> {
        for weight in row {
            self.0 = self.0.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            *weight = (self.0 >> 24) as i8;
        }
        Ok(())
    }
}

struct Host {
    engine: Engine,
    counter: Arc<Counting>,
}

impl Host {
    fn keeping(bytes: u64) -> Self {
        let counter = Arc::new(Counting::new(Arc::default(), Words::default()));
        let rows = |group: GroupId| Some(Rows(group.0));
        let engine = Engine::load(counter.clone(), CONFIG, DIGEST, rows).unwrap();
        Self { engine: engine.with_mask_memory(bytes), counter }
    }

    /// The rows of a unit of one key, whose bodies come from `number`, in frames of `payload` bytes.
    fn unit(
        &self,
        unit: (GroupId, ParameterId),
        seed: MaskSeed,
        number: u32,
        payload: usize,
    ) -> Vec<u8> {
        self.unit_of_keys(unit, seed, 1, number, payload)
    }

    /// The same of any number of keys.
    fn unit_of_keys(
        &self,
        (group, set): (GroupId, ParameterId),
        seed: MaskSeed,
        keys: u8,
        number: u32,
        payload: usize,
    ) -> Vec<u8> {
        let open = UnitOpen { group: group.0, seed, rows: RowForm::Full, keys };
        let mut job = UnitJob::new(&self.engine, &open, set, payload).unwrap();
        job.set_aside().unwrap();
        let (degree, _) = set.degree_and_rank();
        let (columns, row_bytes) = (job.shape().columns * usize::from(keys), job.row().row_bytes());
        let at_once = (1 + payload % 3).min(columns);
        for first in (0..columns).step_by(at_once) {
            let count = at_once.min(columns - first);
            let mut bodies = Block { index: first as u32, count: count as u32 }.encode().to_vec();
            for j in first..first + count {
                bodies.extend(body(degree, number + j as u32));
            }
            assert_eq!(job.receive(&bodies).unwrap(), first + count == columns);
        }
        let mut rows = Vec::new();
        loop {
            match job.step(&self.engine).unwrap() {
                UnitTile::Computed => {}
                UnitTile::Rows(payload) => {
                    let (block, packed) = Block::split(&payload).unwrap();
                    assert_eq!(block.index as usize * row_bytes, rows.len());
                    rows.extend(packed);
                }
                UnitTile::Finished => break,
            }
        }
        assert_eq!(rows.len(), job.shape().rows * row_bytes);
        rows
    }

    /// Words of the products of masks since it was asked last.
    fn worked(&self) -> u64 {
        self.counter.hooks().0.swap(0, Relaxed)
    }
}

/// A packed body of any words.
fn body(degree: usize, number: u32) -> Vec<u8> {
    let mut out = vec![0; body_bytes(degree)];
    let (plain, scale) = out.split_at_mut(4 * degree);
    for (p, bytes) in MASKED_LIMBS.into_iter().zip([plain, scale]) {
        let words: Vec<u32> = (0..degree as u32)
            .map(|i| (i + 1).wrapping_mul(0x9e37_79b9 ^ number) % p.value())
            .collect();
        pack_residues(p, &words, bytes).unwrap();
    }
    out
}

/// Words of W A.
fn mask_words(group: GroupId, set: ParameterId) -> u64 {
    let (degree, rank) = set.degree_and_rank();
    (2 * CONFIG.shape(group).unwrap().rows * degree * rank) as u64
}

#[test]
fn answers_are_the_same_to_the_byte_whatever_is_kept() {
    let (keeps, forgets) = (Host::keeping(PLENTY), Host::keeping(0));
    for (group, set) in [(HEAD, SMALL), (HEAD, LARGE), (GroupId(1), LARGE), (GroupId(1), SMALL)] {
        let own = MaskSeed::Unit(PublicSeed::of_model(DIGEST, set).0);
        for (number, payload) in [(1, 1 << 20), (1, 100_000), (77, 65_537)] {
            let expected = forgets.unit((group, set), own, number, 1 << 20);
            for host in [&keeps, &forgets] {
                let rows = host.unit((group, set), MaskSeed::Model, number, payload);
                assert!(rows == expected, "{group:?} {set:?}, {payload} bytes a frame");
            }
        }
    }
}

#[test]
fn the_masks_of_a_group_and_set_are_multiplied_once() {
    let host = Host::keeping(PLENTY);
    for set in [SMALL, LARGE] {
        for group in GROUPS {
            let words = mask_words(group, set);
            for expected in [words, 0, 0] {
                host.unit((group, set), MaskSeed::Model, 5, 1 << 20);
                assert_eq!(host.worked(), expected);
            }
            // A unit with a seed of its own neither finds nor leaves anything, were it the same one.
            let own = MaskSeed::Unit(PublicSeed::of_model(DIGEST, set).0);
            host.unit((group, set), own, 5, 1 << 20);
            assert_eq!(host.worked(), words);
        }
    }
}

/// What one unit has left, units of any number of keys find: the masks are the same.
#[test]
fn units_of_any_number_of_keys_share_the_products_of_masks() {
    let alone = Host::keeping(0);
    // Blocks of a unit of 16 keys have fewer rows.
    for (group, first, then) in [(HEAD, 1, 16), (HEAD, 16, 1), (GroupId(1), 2, 3)] {
        let (host, unit) = (Host::keeping(PLENTY), (group, SMALL));
        host.unit_of_keys(unit, MaskSeed::Model, first, 5, 1 << 20);
        assert_eq!(host.worked(), mask_words(group, SMALL));
        let rows = host.unit_of_keys(unit, MaskSeed::Model, then, 9, 1 << 20);
        assert_eq!(host.worked(), 0, "{then} keys after {first}");
        let expected = alone.unit_of_keys(unit, MaskSeed::Model, then, 9, 1 << 20);
        assert!(rows == expected, "{then} keys after {first}");
    }
}

#[test]
fn no_more_is_kept_than_there_is_memory_for() {
    // A block holds up to half a buffer of 64 MiB.
    const BLOCK: u64 = 32 << 20;
    let all: u64 = GROUPS.iter().map(|&group| 4 * mask_words(group, SMALL)).sum();
    for memory in [0, 300, 1 << 20, all / 2, 4 * mask_words(HEAD, SMALL), 2 * all] {
        let host = Host::keeping(memory);
        let mut kept = 0;
        for round in 0..2 {
            kept = 0;
            for group in GROUPS.into_iter().rev() {
                host.unit((group, SMALL), MaskSeed::Model, round, 1 << 20);
                kept += 4 * (mask_words(group, SMALL) - host.worked());
            }
        }
        assert!(kept <= memory, "{kept} of {all} bytes in {memory}");
        assert!(kept == all || kept + BLOCK > memory, "{kept} of {all} bytes in {memory}");
    }
}

#[test]
fn units_at_the_same_time_share_what_is_kept() {
    let host = Host::keeping(40 << 20);
    let alone = Host::keeping(0);
    let units = [(HEAD, SMALL), (GroupId(0), SMALL), (GroupId(2), LARGE), (HEAD, SMALL)];
    std::thread::scope(|scope| {
        for (number, unit) in (0..).zip(units) {
            let (host, alone) = (&host, &alone);
            scope.spawn(move || {
                let expected = alone.unit(unit, MaskSeed::Model, number, 1 << 20);
                for payload in [1 << 20, 70_000] {
                    assert!(host.unit(unit, MaskSeed::Model, number, payload) == expected);
                }
            });
        }
    });
}
