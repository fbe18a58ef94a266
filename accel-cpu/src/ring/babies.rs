//! The baby steps of a ciphertext.

use super::Ciphertext;
use super::decompose::Digits;
use super::key_switch::{add, multiply, permute};
use super::keys::{Key, Keys};
use super::scratch::Scratch;
use super::set::Set;
use super::shape::Shape;
use crate::arch::lanes::Lanes;
use crate::team::Team;
use kernel::accel::AccelError;

/// Slots for which the keys of all fine steps, in one limb, stay in a cache while the coarse steps
/// pass by.
const CHUNK: usize = 1024;

/// All baby steps of one ciphertext: for each limb and block of places, baby step by baby step,
/// a vector of the mask and a vector of the body; then a vector of nothing, so that a baby step's
/// places in all blocks do not compete for the same lines of a cache.
pub(super) struct Babies {
    words: Scratch,
    /// Words of a limb, and of a block of places.
    limb: usize,
    block: usize,
}

impl Babies {
    /// Those of one block of places in one limb.
    pub(super) fn block(&self, limb: usize, block: usize, words: usize) -> &[u32] {
        &self.words[limb * self.limb + block * self.block..][..words]
    }

    /// # Errors
    /// [`AccelError::MissingKey`].
    pub(super) fn new<L: Lanes>(
        lanes: L,
        team: &Team,
        shape: &Shape<'_>,
        keys: &Keys,
        x: &Ciphertext,
    ) -> Result<Self, AccelError> {
        let (set, plan) = (shape.set, shape.plan);
        let (count, fine) = (plan.babies(), plan.fine());
        let firsts = (0..count).step_by(fine);
        let coarse_keys = firsts.skip(1).map(|first| keys.get(plan.baby(first)));
        let coarse_keys = coarse_keys.collect::<Result<Vec<_>, _>>()?;
        let fine_keys = (1..fine).map(|i| keys.get(plan.baby(i)));
        let fine_keys = fine_keys.collect::<Result<Vec<_>, _>>()?;

        let mut coarse = vec![x.copy(set)?];
        let mut digits = Digits::new(set, count / fine)?;
        if count > 1 {
            digits.cut(lanes, team, set, core::iter::once(&x.mask[..]));
            coarse.extend(switched(lanes, team, set, x, &digits, &coarse_keys)?);
        }
        if fine > 1 && coarse.len() > 1 {
            digits.cut(lanes, team, set, coarse.iter().map(|coarse| &coarse.mask[..]));
        }
        let switched = fine_steps(lanes, team, set, &digits, coarse.len(), &fine_keys)?;
        arranged(lanes, team, shape, &coarse, &switched, &fine_keys)
    }
}

/// The images of one ciphertext under several automorphisms, from its digits.
fn switched<L: Lanes>(
    lanes: L,
    team: &Team,
    set: &Set,
    x: &Ciphertext,
    digits: &Digits,
    keys: &[&Key],
) -> Result<Vec<Ciphertext>, AccelError> {
    let images: Result<Vec<_>, _> = keys.iter().map(|_| Ciphertext::new(set)).collect();
    let mut images = images?;
    let tasks = images.iter_mut().zip(keys).flat_map(|(image, &key)| {
        image.limbs_mut(set).enumerate().map(move |(limb, image)| (limb, image, key))
    });
    team.for_each(tasks, |(limb, [mask, body], key)| {
        let degree = set.degree;
        let mut sums = vec![0; 2 * degree];
        let (sum_mask, sum_body) = sums.split_at_mut(degree);
        lanes.run(
            #[inline(always)]
            || {
                let place = (limb, 0..degree);
                let digits = digits.of(0, limb);
                multiply(lanes, set, place, digits, key, [&mut *sum_mask, &mut *sum_body]);
                let modulus = &set.limbs[limb].modulus;
                add(lanes, modulus, sum_body, &x.body[limb * degree..][..degree]);
                permute(&key.source, sum_mask, mask);
                permute(&key.source, sum_body, body);
            },
        );
    });
    Ok(images)
}

/// For each limb and chunk of slots, coarse step by coarse step and fine step by fine step, mask and
/// body before the permutation and without the body of the coarse step.
fn fine_steps<L: Lanes>(
    lanes: L,
    team: &Team,
    set: &Set,
    digits: &Digits,
    coarse: usize,
    keys: &[&Key],
) -> Result<Scratch, AccelError> {
    let chunk = CHUNK.min(set.degree);
    let mut switched = Scratch::new(set.words() * 2 * coarse * keys.len())?;
    if keys.is_empty() {
        return Ok(switched);
    }
    let chunks = switched.chunks_exact_mut(2 * chunk * coarse * keys.len()).enumerate();
    team.for_each(chunks, |(index, out)| {
        let (limb, first) = (index / (set.degree / chunk), index % (set.degree / chunk) * chunk);
        lanes.run(
            #[inline(always)]
            || {
                for (mask, out) in out.chunks_exact_mut(2 * chunk * keys.len()).enumerate() {
                    for (&key, out) in keys.iter().zip(out.chunks_exact_mut(2 * chunk)) {
                        let (out_mask, out_body) = out.split_at_mut(chunk);
                        let place = (limb, first..first + chunk);
                        let digits = digits.of(mask, limb);
                        multiply(lanes, set, place, digits, key, [out_mask, out_body]);
                    }
                }
            },
        );
    });
    Ok(switched)
}

/// The permutation of all fine steps, and their arrangement with the coarse ones.
fn arranged<L: Lanes>(
    lanes: L,
    team: &Team,
    shape: &Shape<'_>,
    coarse: &[Ciphertext],
    switched: &[u32],
    fine_keys: &[&Key],
) -> Result<Babies, AccelError> {
    let (set, degree) = (shape.set, shape.set.degree);
    let fine = 1 + fine_keys.len();
    let count = coarse.len() * fine;
    let chunk = CHUNK.min(degree);
    let chunk_words = 2 * chunk * coarse.len() * fine_keys.len();
    // The slots that every place takes its words from, for each fine step.
    let sources: Vec<Vec<u16>> = fine_keys
        .iter()
        .map(|key| shape.slots.iter().map(|&slot| key.source[usize::from(slot)]).collect())
        .collect();
    let blocks = degree / L::COUNT;
    let block = (2 * count + 1) * L::COUNT;
    let mut words = Scratch::new(set.limbs.len() * blocks * block)?;
    let pieces = if team.threads() == 1 { 1 } else { blocks.min(4) };
    let piece = degree / pieces;
    let tasks = words.chunks_exact_mut(blocks / pieces * block).enumerate();
    team.for_each(tasks, |(index, out)| {
        let (limb, first) = (index / pieces, index % pieces * piece);
        let places = first..first + piece;
        let modulus = &set.limbs[limb].modulus;
        let mut whole = [vec![0; degree], vec![0; degree]];
        lanes.run(
            #[inline(always)]
            || {
                for (c, coarse) in coarse.iter().enumerate() {
                    let base = [coarse.mask(set, limb), coarse.body(set, limb)];
                    scatter::<L>(&shape.slots[places.clone()], base, out, block, c * fine);
                    for (f, sources) in sources.iter().enumerate() {
                        let step = c * fine_keys.len() + f;
                        for (half, whole) in whole.iter_mut().enumerate() {
                            let pieces = (0..degree / chunk).map(|piece| {
                                let start = (limb * (degree / chunk) + piece) * chunk_words;
                                &switched[start + (2 * step + half) * chunk..][..chunk]
                            });
                            for (to, from) in whole.chunks_exact_mut(chunk).zip(pieces) {
                                to.copy_from_slice(from);
                            }
                        }
                        let [mask, body] = &mut whole;
                        add(lanes, modulus, body, base[1]);
                        let sources = &sources[places.clone()];
                        scatter::<L>(sources, [mask, body], out, block, c * fine + f + 1);
                    }
                }
            },
        );
    });
    Ok(Babies { words, limb: blocks * block, block })
}

/// Writes `mask[source[i]]` and `body[source[i]]` to their places for a baby step in each block.
#[inline(always)]
fn scatter<L: Lanes>(
    source: &[u16],
    [mask, body]: [&[u32]; 2],
    out: &mut [u32],
    block: usize,
    baby: usize,
) {
    for (out, source) in out.chunks_exact_mut(block).zip(source.chunks_exact(L::COUNT)) {
        let out = &mut out[2 * baby * L::COUNT..][..2 * L::COUNT];
        let (to_mask, to_body) = out.split_at_mut(L::COUNT);
        permute(source, mask, to_mask);
        permute(source, body, to_body);
    }
}
