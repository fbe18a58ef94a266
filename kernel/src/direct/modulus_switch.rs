use crate::params::{LimbVisitor, Limbs, ParameterSet};
use crate::prime::Prime;

/// The modulus of a result's mask is `2^MASK_BITS`.
pub const MASK_BITS: u32 = 42;
/// The modulus of a result's body is `2^BODY_BITS`.
pub const BODY_BITS: u32 = 36;

/// Rescales numbers modulo q to numbers modulo `2^bits`, `out_j = round(2^bits v_j / q)`.
///
/// *Shape and domain*: `limbs` holds `out.len()` residues modulo each prime of the set, limb-major, in
/// the coefficient domain; `bits` is at most 63.
///
/// With `y_l = v (q / q_l)^-1 mod q_l`, `v / q` is `sum_l y_l / q_l` less an integer. The fractions are
/// added in 64 bits: `y_l H_l + (y_l L_l >> 32)` modulo `2^64`, where `2^32 H_l + L_l =
/// floor(2^96 / q_l)`, each less than two units too small. So the rounding is exact unless v is
/// within `2^-61 q` of a tie, where it may be that of the neighbour; this formula is the specification.
///
/// ```
/// use kernel::direct::{MASK_BITS, switch_into};
/// use kernel::params::{Direct4096, Limbs, ParameterSet};
/// use kernel::prime::{Prime, Prime25, Prime26, T};
///
/// // 1, a third of q, and q - 1: limb by limb.
/// let numbers = [1, <Direct4096 as ParameterSet>::Chain::MODULUS / 3, u128::MAX];
/// let numbers = numbers.map(|v| v.min(<Direct4096 as ParameterSet>::Chain::MODULUS - 1));
/// let limbs: Vec<u32> = [T::VALUE, Prime26::VALUE, Prime25::VALUE]
///     .iter()
///     .flat_map(|&p| numbers.map(|v| (v % u128::from(p)) as u32))
///     .collect();
/// let mut out = [0; 3];
/// switch_into::<Direct4096>(MASK_BITS, &limbs, &mut out);
/// assert_eq!(out, [0, (1_u64 << MASK_BITS) / 3, 0]); // q - 1 wraps to 0
/// ```
pub fn switch_into<S: ParameterSet>(bits: u32, limbs: &[u32], out: &mut [u64]) {
    out.fill(0);
    S::Chain::visit(&mut AddFractions::<S> { limbs, out, set: core::marker::PhantomData });
    let shift = 64 - bits;
    for x in out {
        *x = (x.wrapping_add(1 << (shift - 1))) >> shift;
    }
}

struct AddFractions<'a, S> {
    limbs: &'a [u32],
    out: &'a mut [u64],
    set: core::marker::PhantomData<S>,
}

impl<S: ParameterSet> LimbVisitor for AddFractions<'_, S> {
    fn limb<P: Prime>(&mut self, index: usize) {
        let others = S::Chain::MODULUS / u128::from(P::VALUE) % u128::from(P::VALUE);
        let factor = P::inv(others as u32);
        let reciprocal = (1_u128 << 96) / u128::from(P::VALUE);
        let (high, low) = ((reciprocal >> 32) as u64, reciprocal as u32);
        let residues = &self.limbs[index * self.out.len()..][..self.out.len()];
        for (x, &v) in self.out.iter_mut().zip(residues) {
            let y = u64::from(P::mul(v, factor));
            let fraction = y.wrapping_mul(high).wrapping_add((y * u64::from(low)) >> 32);
            *x = x.wrapping_add(fraction);
        }
    }
}
