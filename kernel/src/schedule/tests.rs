use super::*;
use proptest::prelude::*;

fn config(context: u32) -> ModelConfig {
    ModelConfig {
        vocab: 9,
        hidden: 8,
        layers: 2,
        heads: 2,
        kv_heads: 1,
        head_dim: 4,
        intermediate: 12,
        context,
        rms_eps: 1e-5,
    }
}

proptest! {
    /// The products add up to the demand, end with the head, and their number is as told.
    #[test]
    fn products_meet_the_demand(p in 1_u32..60, t in 1_u32..20, c in 1_u32..70) {
        let config = config(200);
        let schedule = Schedule::new(&config, p, t, c).unwrap();
        for group in config.groups() {
            let rows: u32 = schedule
                .products(&config)
                .filter(|product| product.group == group)
                .map(|product| product.tokens)
                .sum();
            prop_assert_eq!(rows, schedule.demand(&config, group));
        }
        prop_assert_eq!(
            schedule.products(&config).count() as u64,
            schedule.product_count(&config)
        );
        let last = schedule.products(&config).last().unwrap();
        prop_assert_eq!(last, ScheduledProduct { group: GroupId(8), tokens: 1 });
    }

    /// Within a bucket every prompt length has the same schedule.
    #[test]
    fn length_shows_only_as_its_bucket(a in 17_u32..=32, b in 17_u32..=32, t in 1_u32..50) {
        let config = config(100);
        let of = |p| Schedule::for_request(&config, p, t, 4).unwrap();
        prop_assert_eq!(of(a), of(b));
    }
}

#[test]
fn the_context_can_be_filled_and_not_exceeded() {
    let config = config(100);
    let full = Schedule::for_request(&config, 80, 21, 16).unwrap();
    assert_eq!(full.prompt_bucket(), 80);
    assert!(Schedule::for_request(&config, 80, 22, 16).is_err());
    assert_eq!(Schedule::for_request(&config, 0, 5, 16), Err(ScheduleError::Empty));
    assert!(Schedule::for_request(&config, u32::MAX, u32::MAX, 16).is_err());
    assert!(Schedule::new(&config, u32::MAX, u32::MAX, 1).is_err());
}
