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

/// A unit is opened with the memory that its keys need, and no other.
#[test]
fn units_of_other_sizes_are_refused() {
    let norms = [GroupBounds { norm2_squared: 900, norm1: 100 }; 5].to_vec();
    let (words, length) = bundle_words(norms);
    let bundle = DeviceBundle::parse(&bytemuck::cast_slice(&words)[..length]).unwrap();
    let open = |group, keys, words: usize, noise: usize| {
        let (mut words, mut noise) = (vec![0; words], vec![0; noise]);
        let workspace = UnitWorkspace { words: &mut words, noise: &mut noise };
        let (seed, form) = (Seed::from_bytes([1; 32]), UnitForm { keys, ..UnitForm::default() });
        let unit = Unit::<Set, Scalar>::open(&bundle, GroupId(group), seed, form, workspace);
        unit.map(|unit| unit.announcement().keys).map_err(|error| error == UnitError::Workspace)
    };
    let (n, of) = (Set::N, unit_words::<Set>);
    for keys in [1, 2, 3, 16] {
        let words = of(keys.into());
        assert_eq!(open(0, keys, words, n), Ok(keys));
        for (group, keys, words, noise) in [
            (5, keys, words, n),
            (0, keys, words + 1, n),
            (0, keys, words - 1, n),
            (0, keys, words, n - 1),
            (0, keys + 1, words, n),
            (0, keys - 1, words, n),
        ] {
            assert_eq!(open(group, keys, words, noise), Err(true));
        }
    }
    for keys in [0, 17, 255] {
        assert_eq!(open(0, keys, of(keys.into()), n), Err(true));
    }
}

/// Rows are not awaited before all bodies have left, and a part needs room.
#[test]
fn bodies_leave_before_rows_come() {
    let norms = [GroupBounds { norm2_squared: 900, norm1: 100 }; 5].to_vec();
    let (words, length) = bundle_words(norms);
    let bundle = DeviceBundle::parse(&bytemuck::cast_slice(&words)[..length]).unwrap();
    let (mut words, mut noise) = (vec![0; unit_words::<Set>(2)], [0; Set::N]);
    let columns = CONFIG.shape(GroupId(0)).unwrap().columns;
    for sent in [0, 1, 2 * columns, 4 * columns - 1, 4 * columns] {
        let workspace = UnitWorkspace { words: &mut words, noise: &mut noise };
        let (seed, form) = (Seed::from_bytes([1; 32]), UnitForm { keys: 2, ..UnitForm::default() });
        let mut unit =
            Unit::<Set, Scalar>::open(&bundle, GroupId(0), seed, form, workspace).unwrap();
        assert_eq!(unit.bodies(8 + 119), Err(WireError::Length.into()));
        let (block, length) = unit.bodies(8 + 2 * 120 + 119).unwrap().unwrap();
        assert_eq!((block, length), (Block { index: 0, count: 2 }, 8 + 240));
        assert_eq!(unit.body_part(&mut [0; 63]), Err(UnitError::Workspace));
        let mut part = [0; 64];
        let sizes = (0..sent).map(|_| unit.body_part(&mut part).unwrap()).sum::<usize>();
        assert_eq!(sizes, sent / 2 * 120 + sent % 2 * 64);
        let all = sent == 4 * columns;
        assert_eq!(unit.bodies(MAX_PAYLOAD).unwrap().is_none(), all);
        if all {
            assert_eq!(unit.body_part(&mut part), Err(UnitError::Workspace));
        }
        let rows = unit.into_rows().map(|rows| rows.is_complete());
        assert_eq!(rows, if all { Ok(false) } else { Err(UnitError::Workspace) });
    }
    // Dropped, whenever it was, it leaves nothing.
    assert!(words.iter().all(|&word| word == 0) && noise.iter().all(|&e| e == 0));
}
