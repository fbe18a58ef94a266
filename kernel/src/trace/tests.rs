use super::*;
use proptest::prelude::*;
use std::collections::BTreeSet;
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
