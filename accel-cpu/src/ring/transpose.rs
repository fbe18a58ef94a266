use crate::arch::lanes::Lanes;

/// Transposes the square of the first [`Lanes::COUNT`] vectors.
#[inline(always)]
pub(super) fn transpose<L: Lanes>(lanes: L, square: &mut [L::Vector; 16]) {
    // Written out, so that the vectors stay in registers.
    macro_rules! exchange {
        ($block:literal: $($a:literal $b:literal),+) => {
            $((square[$a], square[$b]) = lanes.exchange($block, square[$a], square[$b]);)+
        };
    }
    if L::COUNT >= 16 {
        exchange!(8: 0 8, 1 9, 2 10, 3 11, 4 12, 5 13, 6 14, 7 15);
        exchange!(4: 8 12, 9 13, 10 14, 11 15);
        exchange!(2: 8 10, 9 11, 12 14, 13 15);
        exchange!(1: 8 9, 10 11, 12 13, 14 15);
    }
    if L::COUNT >= 8 {
        exchange!(4: 0 4, 1 5, 2 6, 3 7);
        exchange!(2: 4 6, 5 7);
        exchange!(1: 4 5, 6 7);
    }
    exchange!(2: 0 2, 1 3);
    exchange!(1: 0 1, 2 3);
}
