//! Key switching: digits times a key.

use super::arithmetic::{Field, with_field};
use super::keys::{Key, run};
use super::modulus::Modulus;
use super::set::Set;
use crate::arch::lanes::Lanes;
use core::ops::Range;

/// Mask and body of a sum of digits times a key, before its permutation, in the slots `slots`
/// of a limb: `sum_e digit_e key_e`.
///
/// Digits are settled, and at most sixteen: as many products with residues lazy sums hold.
#[inline(always)]
pub(super) fn multiply<L: Lanes>(
    lanes: L,
    set: &Set,
    (limb, slots): (usize, Range<usize>),
    digits: &[u32],
    key: &Key,
    out: [&mut [u32]; 2],
) {
    let modulus = &set.limbs[limb].modulus;
    with_field!(lanes, modulus, field => multiply_in(field, set, (limb, slots), digits, key, out));
}

#[inline(always)]
fn multiply_in<L: Lanes>(
    field: impl Field<L>,
    set: &Set,
    (limb, slots): (usize, Range<usize>),
    digits: &[u32],
    key: &Key,
    [mask, body]: [&mut [u32]; 2],
) {
    let lanes = field.lanes();
    let (run, elements) = (run(set.degree), set.gadget());
    let digits = digits.chunks_exact(set.stride());
    let runs = key.limb(limb).chunks_exact(elements * 2 * run).skip(slots.start / run);
    let places = slots.step_by(run).zip(runs);
    let outs = mask.chunks_exact_mut(run).zip(body.chunks_exact_mut(run));
    for ((place, key), (mask, body)) in places.zip(outs) {
        let vectors = L::vectors_mut(mask).iter_mut().zip(L::vectors_mut(body));
        for (i, (mask, body)) in vectors.enumerate() {
            let mut sums = [field.zero(); 2];
            for (digit, element) in digits.clone().zip(key.chunks_exact(2 * run)) {
                let digit = lanes.load(L::at(digit, place + i * L::COUNT));
                let (mask, body) = element.split_at(run);
                let key = lanes.load(&L::vectors(mask)[i]);
                sums[0] = field.mul_add(sums[0], digit, key);
                let key = lanes.load(&L::vectors(body)[i]);
                sums[1] = field.mul_add(sums[1], digit, key);
            }
            lanes.store(field.residues(sums[0]), mask);
            lanes.store(field.residues(sums[1]), body);
        }
    }
}

/// `to += what`, residues.
#[inline(always)]
pub(super) fn add<L: Lanes>(lanes: L, modulus: &Modulus, to: &mut [u32], what: &[u32]) {
    with_field!(lanes, modulus, field => {
        for (to, what) in L::vectors_mut(to).iter_mut().zip(L::vectors(what)) {
            lanes.store(field.add(lanes.load(to), lanes.load(what)), to);
        }
    });
}

/// `out[i] = input[source[i]]`.
#[inline(always)]
pub(super) fn permute(source: &[u16], input: &[u32], out: &mut [u32]) {
    for (out, &source) in out.iter_mut().zip(source) {
        *out = input[usize::from(source)];
    }
}
