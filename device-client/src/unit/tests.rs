use super::*;
use crate::direct::tests::{CONFIG, bundle_words};
use kernel::params::InsecureMasked16x1 as Set;
use kernel::params::ParameterSet;
use kernel::quant::GroupBounds;
use kernel::ring::Scalar;
use std::vec;

#[test]
fn groups_that_are_too_heavy_to_switch_get_full_rows() {
    let norms = [100, 2_396_160, 2_396_161, 6_389_760, 100];
    let (words, length) =
        bundle_words(norms.map(|norm1| GroupBounds { norm2_squared: 900, norm1 }).to_vec());
    let bundle = DeviceBundle::parse(&bytemuck::cast_slice(&words)[..length]).unwrap();
    let allowed = [true, true, false, false, true];
    for (group, allowed) in CONFIG.groups().zip(allowed) {
        for wanted in [RowForm::Full, RowForm::Switched] {
            let expected = if allowed { wanted } else { RowForm::Full };
            assert_eq!(row_form(&bundle, group, wanted), Some(expected));
            let (mut words, mut noise) = (vec![0; unit_words::<Set>(1)], [0; Set::N]);
            let workspace = UnitWorkspace { words: &mut words, noise: &mut noise };
            let seed = Seed::from_bytes([1; 32]);
            let form = UnitForm { rows: wanted, ..UnitForm::default() };
            let unit = Unit::<Set, Scalar>::open(&bundle, group, seed, form, workspace).unwrap();
            assert_eq!(unit.announcement().rows, expected);
        }
    }
    assert_eq!(row_form(&bundle, GroupId(5), RowForm::Switched), None);
}
