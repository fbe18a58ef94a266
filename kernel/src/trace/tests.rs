use super::*;
use crate::direct::DirectShape;
use crate::model::{GroupId, GroupShape, ModelConfig};
use crate::schedule::Schedule;
use crate::wire::MAX_PAYLOAD;
use proptest::prelude::*;
use std::collections::{BTreeSet, HashSet};
use std::vec::Vec;

proptest! {
    /// The sum's automorphisms are one lift each of those of the subring, and fix the tokens.
    #[test]
    fn plans_walk_through_the_whole_group(log in 2_u32..=12, t in 0_u32..=12, m in 0_u32..=12, n in 0_u32..=12) {
        let degree = 1 << log;
        let tokens = 1_usize << t.min(log);
        let free = log - t.min(log);
        let layout = Layout::new(degree, 1 << m.min(free), 1 << n.min(free), tokens).unwrap();
        let plan = Plan::new(&layout);
        let sides: &[bool] = if plan.two_sided() { &[false, true] } else { &[false] };
        let mut classes = BTreeSet::new();
        for &negative in sides {
            for j in 0..plan.giants() {
                for i in 0..plan.babies() {
                    let h = plan.giant(j, negative).compose(plan.baby(i)).exponent() as usize;
                    prop_assert_eq!(h % (2 * tokens), 1);
                    classes.insert(h % (2 * tokens * layout.sum()));
                }
            }
        }
        prop_assert_eq!(classes.len(), layout.sum());
        let keys: Vec<_> = plan.automorphisms().chain(layout.folds()).collect();
        prop_assert!(keys.iter().all(|sigma| !sigma.is_identity()));
        let distinct: BTreeSet<_> = keys.iter().collect();
        prop_assert_eq!(distinct.len(), keys.len());
    }

    /// Inputs and outputs have places of their own.
    #[test]
    fn places_are_distinct(log in 2_u32..=8, t in 0_u32..=8, m in 0_u32..=8, n in 0_u32..=8) {
        let degree = 1 << log;
        let tokens = 1_usize << t.min(log);
        let free = log - t.min(log);
        let layout = Layout::new(degree, 1 << m.min(free), 1 << n.min(free), tokens).unwrap();
        let mut inputs = BTreeSet::new();
        let mut outputs = BTreeSet::new();
        for token in 0..tokens {
            inputs.extend((0..layout.columns()).map(|j| layout.input_exponent(j, token)));
            outputs.extend((0..layout.rows()).map(|i| layout.output_exponent(i, token)));
        }
        prop_assert_eq!(inputs.len(), tokens * layout.columns());
        prop_assert_eq!(outputs.len(), tokens * layout.rows());
        prop_assert!(inputs.iter().chain(&outputs).all(|&e| e < degree));
    }
}

#[test]
fn layouts_that_do_not_fit_are_refused() {
    assert!(Layout::new(64, 64, 64, 1).is_some());
    assert!(Layout::new(64, 64, 64, 2).is_none());
    assert!(Layout::new(64, 128, 1, 1).is_none());
    assert!(Layout::new(64, 3, 1, 1).is_none());
    assert!(Layout::new(64, 1, 1, 128).is_none());
    assert_eq!(Layout::fitting(64, 1000, 1000, 1), Layout::new(64, 64, 64, 1).unwrap());
    assert_eq!(Layout::fitting(64, 1, 5, 3), Layout::new(64, 1, 8, 4).unwrap());
}

/// A model of this shape; query heads as wide as the hidden state.
fn model(vocab: u32, hidden: u32, layers: u32, intermediate: u32) -> ModelConfig {
    let (heads, kv_heads, head_dim) = (hidden / 8, hidden / 16, 8);
    let (context, rms_eps) = (64, 1e-5);
    ModelConfig { vocab, hidden, layers, heads, kv_heads, head_dim, intermediate, context, rms_eps }
}

fn direct_sets() -> [DirectShape; 3] {
    use crate::params::ParameterId::{Direct4096, InsecureDirect8, InsecureDirect64};
    [Direct4096, InsecureDirect64, InsecureDirect8].map(|set| DirectShape::of(set).unwrap())
}

/// The bytes of a session, counted frame by frame, for a T that need not be the rule's.
fn counted(config: &ModelConfig, set: &DirectShape, tokens: usize) -> Option<usize> {
    let mut keys = BTreeSet::new();
    let mut bytes = 0;
    for shape in config.groups().map(|group| config.shape(group).unwrap()) {
        let width = set.degree / tokens;
        let rows = shape.rows.next_power_of_two().min(width);
        let columns = shape.columns.next_power_of_two().min(width);
        let layout = Layout::new(set.degree, rows, columns, tokens).unwrap();
        keys.extend(Plan::new(&layout).automorphisms());
        keys.extend(layout.folds());
        let limbs =
            |count: usize| set.limbs().iter().map(move |l| (l.bits as usize * count).div_ceil(8));
        let up = shape.columns.div_ceil(columns) * limbs(set.degree).sum::<usize>();
        let result = (42 * set.degree).div_ceil(8) + (36 * rows * tokens).div_ceil(8);
        if up + 8 > 1 << 20 {
            return None;
        }
        let mut unit = 40 + up;
        let mut left = shape.rows.div_ceil(rows);
        while left > 0 {
            let held = left.min(((1 << 20) - 16) / result);
            unit += 48 + held * result;
            left -= held;
        }
        bytes += 1024_usize.div_ceil(tokens) * unit;
    }
    let body = set.limbs().iter().map(|l| (l.bits as usize * set.degree).div_ceil(8));
    Some(bytes + keys.len() * set.elements() * (40 + body.sum::<usize>()))
}

/// The rule's T is the smallest of those that move nearly the fewest bytes, and its counts are those
/// of the frames.
#[test]
fn preparations_move_as_few_bytes_as_they_can() {
    let mut chosen = BTreeSet::new();
    for set in &direct_sets() {
        for config in [
            model(1024, 128, 5, 352),
            model(32_000, 64, 2, 1000),
            model(300, 512, 12, 1536),
            model(3000, 512, 4, 1400),
            model(29, 16, 1, 12),
            model(1 << 18, 64, 1, 64),
            model(32_000, 4096, 32, 11_008),
        ] {
            let all = (0..=set.degree.ilog2()).map(|log| counted(&config, set, 1 << log));
            let all: Vec<_> = all.collect();
            let enough = |log: usize| 1 << log >= least_tokens(set.degree);
            let all: Vec<_> = all
                .into_iter()
                .enumerate()
                .map(|(log, bytes)| bytes.filter(|_| enough(log)))
                .collect();
            let least = all.iter().flatten().min().copied();
            let expected = least.map(|least| {
                let near = |bytes: &Option<usize>| bytes.is_some_and(|b| b <= least + least / 8);
                all.iter().position(near).unwrap()
            });
            let rule = PreparationRule::new(&config, set);
            let found = rule.map(|rule| {
                let (up, down) = rule.bytes(1024);
                assert_eq!(counted(&config, set, rule.tokens()), Some(up + down));
                assert!(rule.largest_payload(1 << 20) <= 1 << 20);
                let keys: Vec<_> = rule.automorphisms().collect();
                assert!(keys.is_sorted() && keys.windows(2).all(|pair| pair[0] != pair[1]));
                for group in config.groups() {
                    let layout = rule.layout(config.shape(group).unwrap());
                    let mut needed = Plan::new(&layout).automorphisms().chain(layout.folds());
                    assert!(needed.all(|sigma| keys.contains(&sigma)));
                }
                chosen.insert((set.degree, rule.tokens()));
                rule.tokens().ilog2() as usize
            });
            assert_eq!(found, expected, "{config:?}");
        }
    }
    assert!(chosen.contains(&(4096, 32)) && chosen.contains(&(64, 1)), "{chosen:?}");
}

/// More inputs than a request carries at any T; as many outputs are no matter.
#[test]
fn models_whose_requests_do_not_fit_a_frame_have_no_preparation() {
    let set = &direct_sets()[0];
    assert_eq!(PreparationRule::new(&model(29, 64, 1, 1 << 16), set), None);
    let rule = PreparationRule::new(&model(1 << 18, 64, 1, 64), set).unwrap();
    let shape = model(1 << 18, 64, 1, 64).shape(GroupId(4)).unwrap();
    let (_, head) = rule.payloads(shape, MAX_PAYLOAD);
    assert!(head.count() > 1 && head.bytes() > MAX_PAYLOAD);
}

/// Every number of rows in which the schedule asks for a group, and no other.
#[test]
fn the_products_of_a_session_are_those_of_its_schedule() {
    let config = model(300, 64, 2, 96);
    for (prompt, output, chunk) in [(16, 3, 16), (7, 2, 3), (9, 1, 4), (1, 1, 1), (12, 5, 4)] {
        let schedule = Schedule::new(&config, prompt, output, chunk).unwrap();
        let due = schedule.products(&config).map(|product| {
            (product.group, config.shape(product.group).unwrap(), product.tokens as usize)
        });
        let due: HashSet<_> = due.collect();
        let said: HashSet<_> = session_products(&config, &schedule).collect();
        // Steps of one row are counted in though the answer's first token is its last.
        let one = |product: &(GroupId, GroupShape, usize)| output == 1 && product.2 == 1;
        assert!(due.is_subset(&said));
        assert!(said.iter().all(|product| due.contains(product) || one(product)));
    }
}
