use super::*;
use crate::arch::portable_lanes::PortableLanes;
use crate::matrix::Matrix;
use crate::ring::set::Set;
use kernel::accel::RowSource;
use kernel::conformance::weights;
use kernel::params::ParameterId;
use kernel::trace::Layout;

struct Source<'a>(core::slice::ChunksExact<'a, i8>);

impl RowSource for Source<'_> {
    fn next_row(&mut self, row: &mut [i8]) -> Result<(), AccelError> {
        row.copy_from_slice(self.0.next().ok_or(AccelError::Rows)?);
        Ok(())
    }
}

/// Both ways to encode a block of `m x n` weights, with one thread and with three.
fn compare<L: Lanes>(lanes: L, id: ParameterId, layout: Layout, m: usize, n: usize) {
    let set = Set::of(id).unwrap();
    let all = weights((m + n) as u64, m * n);
    let matrix = Matrix::load(m, n, &mut Source(all.chunks_exact(n))).unwrap();
    let block = Block { matrix: matrix.rows().unwrap(), rows: 0..m, columns: 0..n };

    let plane = Shape::new(&set, &layout, L::COUNT);
    assert!(plane.orbits.is_some(), "{layout:?} is not one for two dimensions");
    let slots = (0..set.degree as u16).collect();
    let definition = Shape { orbits: None, slots, ..plane.clone() };
    let words = plane.weights(set.words());
    let mut expected = zeros(words).unwrap();
    encode(lanes, Team::ALONE, &definition, &block, &mut expected).unwrap();
    for threads in [1, 3] {
        let mut got = vec![u32::MAX; words];
        encode(lanes, &Team::new(threads), &plane, &block, &mut got).unwrap();
        let limbs = got.chunks_exact(words / 3).zip(expected.chunks_exact(words / 3));
        for (limb, (got, expected)) in limbs.enumerate() {
            let words = plane.weights(L::COUNT);
            for (place, &slot) in plane.slots.iter().enumerate() {
                let slot = usize::from(slot);
                for giant in 0..plane.giants() {
                    for baby in 0..plane.plan.babies() {
                        let at = plane.weight(giant, baby, L::COUNT);
                        let got = got[place / L::COUNT * words + at + place % L::COUNT];
                        let expected = expected[slot / L::COUNT * words + at + slot % L::COUNT];
                        assert_eq!(
                            got, expected,
                            "{layout:?}, limb {limb}, slot {slot}, giant {giant}, baby {baby}"
                        );
                    }
                }
            }
        }
    }
}

#[test]
fn two_dimensions_equal_the_definition() {
    let layouts = [(64, 64, 1), (32, 64, 1), (32, 32, 2), (16, 32, 2), (16, 16, 4)];
    for (rows, columns, tokens) in layouts {
        let layout = Layout::new(64, rows, columns, tokens).unwrap();
        for (m, n) in [(rows, columns), (rows - 3, columns - 5), (1, 1)] {
            compare(PortableLanes::<4>, ParameterId::InsecureDirect64, layout, m, n);
            compare(PortableLanes::<8>, ParameterId::InsecureDirect64, layout, m, n);
        }
    }
}

#[test]
fn two_dimensions_equal_the_definition_on_vectors() {
    let layouts = [(512, 1024, 1), (2048, 1024, 1), (1024, 512, 2), (256, 512, 4), (256, 256, 16)];
    for (rows, columns, tokens) in layouts {
        let layout = Layout::new(4096, rows, columns, tokens).unwrap();
        let (m, n) = (rows.min(70), columns - 3);
        #[cfg(target_arch = "x86_64")]
        {
            use crate::arch::x86_64::{Avx2Lanes, Avx512Lanes};
            if let Some(lanes) = Avx2Lanes::detect() {
                compare(lanes, ParameterId::Direct4096, layout, m, n);
            }
            if let Some(lanes) = Avx512Lanes::detect() {
                compare(lanes, ParameterId::Direct4096, layout, m, n);
                continue;
            }
        }
        compare(PortableLanes::<8>, ParameterId::Direct4096, layout, m, n);
    }
}
