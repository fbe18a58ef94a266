//! The kernel against the independent model of `tests/vectors`, section by section.

#![allow(clippy::unwrap_used, reason = "a malformed vector is a failed test")]

mod arithmetic;
mod cases;
mod direct;
mod frames;
mod host;
mod hybrid;
mod online;
mod preparation;
mod quantisers;
mod randomness;
mod scheme;
mod shapes;
mod switched;
mod trace;
mod units;

use cases::{list, number};
use serde_json::{Map, Value};

const VECTORS: &str = include_str!("../../../tests/vectors/kernel.json");

/// Compares the kernel with one case.
type Compare = fn(&Value);

/// Every section, with what compares the kernel with one of its cases.
const SECTIONS: &[(&str, Compare)] = &[
    ("primes", arithmetic::primes),
    ("seeds", randomness::seeds),
    ("model_seeds", randomness::model_seeds),
    ("public_masks", randomness::public_masks),
    ("check_vectors", randomness::check_vectors),
    ("one_time_masks", randomness::one_time_masks),
    ("samplers", randomness::samplers),
    ("transforms", arithmetic::transforms),
    ("scheme", scheme::scheme),
    ("decryptions", scheme::decryptions),
    ("large_bodies", scheme::large_bodies),
    ("online", online::online),
    ("checks", online::checks),
    ("unit_checks", online::unit_checks),
    ("bounds", quantisers::bounds),
    ("weights", quantisers::weights),
    ("activations", quantisers::activations),
    ("headroom", quantisers::headroom),
    ("shapes", shapes::shapes),
    ("schedules", shapes::schedules),
    ("requests", shapes::requests),
    ("headers", frames::headers),
    ("bodies", frames::bodies),
    ("packed", frames::packed),
    ("automorphisms", direct::automorphisms),
    ("digits", direct::digits),
    ("encodings", direct::encodings),
    ("direct_bodies", direct::direct_bodies),
    ("evaluation_keys", direct::evaluation_keys),
    ("switches", direct::switches),
    ("switched_decryptions", direct::switched_decryptions),
    ("layouts", trace::layouts),
    ("reply_frames", trace::reply_frames),
    ("session_keys", trace::session_keys),
    ("trace_products", trace::trace_products),
    ("bit_packing", trace::bit_packing),
    ("hybrid_keys", hybrid::hybrid_keys),
    ("hybrid_switches", hybrid::hybrid_switches),
    ("hybrid_mod_downs", hybrid::hybrid_mod_downs),
    ("preparation_rules", preparation::preparation_rules),
    ("preparation_units", preparation::preparation_units),
    ("switched_rows", switched::switched_rows),
    ("switched_row_decryptions", switched::switched_row_decryptions),
    ("units", units::units),
];

fn sections() -> Map<String, Value> {
    serde_json::from_str(VECTORS).unwrap()
}

#[test]
fn the_kernel_agrees_with_the_model() {
    let sections = sections();
    let names: Vec<_> = sections.keys().map(String::as_str).collect();
    assert_eq!(names, SECTIONS.iter().map(|(name, _)| *name).collect::<Vec<_>>());
    let mut failed = Vec::new();
    for (name, compare) in SECTIONS {
        let cases = list(&sections[*name]);
        assert!(!cases.is_empty(), "section {name} is empty");
        for (i, case) in cases.iter().enumerate() {
            if std::panic::catch_unwind(|| compare(case)).is_err() {
                failed.push(format!("{name}[{i}]"));
            }
        }
    }
    assert!(failed.is_empty(), "{} cases differ: {}", failed.len(), failed.join(", "));
}

/// The vectors hold words that were rejected twice, in each family of uniform words.
#[test]
fn rare_rejections_are_covered() {
    let sections = sections();
    for name in ["public_masks", "check_vectors", "one_time_masks"] {
        for attempts in [0, 1, 2] {
            assert!(
                list(&sections[name]).iter().any(|c| number::<u64>(&c["attempts"]) == attempts)
            );
        }
    }
}
