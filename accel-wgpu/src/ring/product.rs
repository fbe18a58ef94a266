//! The trace product from end to end.

use super::encode::{Block, Encoded, Shape};
use super::key_switch::{Addend, KeySwitch};
use super::keys::{Keys, expand};
use super::set::{RingParams, Set};
use super::switch::{Half, modulus_switch, numbers};
use super::transforms::{decompose, ntt_inverse};
use crate::commands::Commands;
use crate::context::Context;
use crate::matrix::Matrix;
use crate::params::params;
use crate::pool::{Lease, View};
use crate::shader::Shader;
use core::ops::Range;
use kernel::accel::AccelError;
use kernel::accel::ring::{Ciphertexts, automorphisms};
use kernel::trace::Layout;

params! {
    /// The parameters of `inner_product.wgsl`.
    InnerParams for INNER_PRODUCT {
        ring: RingParams,
        giants: u32,
        first_giant: u32,
        babies: u32,
        result: u32,
        results: u32,
        add: u32,
        padding0: u32,
        padding1: u32,
    }
}

/// Groups of ciphertexts whose baby steps are held at once: they share the encoding of weights.
const GROUPS: usize = 8;
/// Bytes of inner sums, or of digits, that are held at once.
const SUMS: usize = 256 << 20;

/// Everything that a product is made of.
pub(super) struct TraceProduct<'a> {
    context: &'a Context,
    keys: &'a Keys,
    set: &'a Set,
    matrix: &'a Matrix,
    encoded: Option<&'a Encoded>,
    shape: Shape,
}

/// The inner sums of results: for each giant step and result a ciphertext.
struct Inner {
    sums: Lease,
    results: usize,
}

impl<'a> TraceProduct<'a> {
    /// # Errors
    /// [`AccelError::MissingKey`].
    pub(super) fn new(
        context: &'a Context,
        keys: &'a Keys,
        matrix: &'a Matrix,
        encoded: Option<&'a Encoded>,
        layout: &Layout,
    ) -> Result<Self, AccelError> {
        for automorphism in automorphisms(&[*layout]) {
            keys.get(automorphism)?;
        }
        let shape = Shape::new(layout);
        Ok(Self { context, keys, set: &keys.set, matrix, encoded, shape })
    }

    /// Computes it: some groups of ciphertexts at a time, and for these some results.
    ///
    /// # Errors
    /// [`AccelError::OutOfMemory`], [`AccelError::DeviceLost`].
    pub(super) fn run(
        &self,
        input: &Ciphertexts<'_>,
        groups: usize,
        masks: &mut [u64],
        bodies: &mut [u64],
    ) -> Result<(), AccelError> {
        let layout = &self.shape.layout;
        let (inputs, outputs) =
            (layout.input_blocks(self.matrix.n), layout.output_blocks(self.matrix.m));
        // Of each result the inner sums, or the digits of both sides' masks where these are more.
        let polynomials = (2 * self.shape.giants()).max(self.shape.sides() * self.set.elements());
        let each = 4 * polynomials * self.set.words();
        let room = SUMS.min(self.context.binding_bytes as usize) / each;
        let together = GROUPS.min(room.max(1));
        for first in (0..groups).step_by(together) {
            let held = together.min(groups - first);
            let babies = (first * inputs..(first + held) * inputs)
                .map(|index| self.babies(input, index))
                .collect::<Result<Vec<_>, _>>()?;
            let step = (room / held).max(1);
            for some in (0..outputs).step_by(step) {
                let some = some..(some + step).min(outputs);
                let inner = self.inner(&some, &babies, held)?;
                let (mask, body) = self.finish(&inner)?;
                for (i, output) in some.enumerate() {
                    for group in 0..held {
                        let (from, to) = (i * held + group, (first + group) * outputs + output);
                        copy(&mask, from, masks, to, numbers(self.set, layout, Half::Mask));
                        copy(&body, from, bodies, to, numbers(self.set, layout, Half::Body));
                    }
                }
            }
        }
        Ok(())
    }

    /// All baby steps of ciphertext `index`: coarse ones from it, fine ones from the coarse.
    fn babies(&self, input: &Ciphertexts<'_>, index: usize) -> Result<Lease, AccelError> {
        let (context, set, plan) = (self.context, self.set, &self.shape.plan);
        let pair = 2 * set.words();
        let (count, fine) = (plan.babies(), plan.fine());
        let x = context.words(pair)?;
        let body = &input.bodies[index * set.words()..][..set.words()];
        context.write(&x, 4 * set.words() as u64, bytemuck::cast_slice(body))?;
        let mut commands = Commands::new(context);
        let coordinate = input.first.wrapping_add(index as u64);
        expand(&mut commands, set, input.seed, coordinate, 1, x.view())?;

        let coarse = context.words(count / fine * pair)?;
        commands.copy((x.view(), 0), (coarse.view(), 0), pair);
        if count > fine {
            let digits = decompose(context, &mut commands, set, x.view(), (0, 1))?;
            for (i, first) in (fine..count).step_by(fine).enumerate() {
                let switch = self.baby(first, x.view(), 1)?;
                switch.run(&mut commands, &digits, coarse.view(), (i + 1, 1))?;
            }
        }
        let babies = context.words(count * pair)?;
        for i in 0..count / fine {
            commands.copy((coarse.view(), i * pair), (babies.view(), i * fine * pair), pair);
        }
        if fine > 1 {
            let digits = decompose(context, &mut commands, set, coarse.view(), (0, count / fine))?;
            for i in 1..fine {
                let switch = self.baby(i, coarse.view(), count / fine)?;
                switch.run(&mut commands, &digits, babies.view(), (i, fine))?;
            }
        }
        commands.submit();
        Ok(babies)
    }

    /// The step to baby step `number` of so many ciphertexts.
    fn baby<'b>(
        &'b self,
        number: usize,
        input: View<'b>,
        count: usize,
    ) -> Result<KeySwitch<'b>, AccelError> {
        let sigma = self.shape.plan.baby(number);
        let key = self.keys.get(sigma)?;
        Ok(KeySwitch { set: self.set, sigma, key, input, first: 0, count, base: None })
    }

    /// The inner sums of output blocks, of each group, from the baby steps of each group's inputs.
    fn inner(
        &self,
        outputs: &Range<usize>,
        babies: &[Lease],
        groups: usize,
    ) -> Result<Inner, AccelError> {
        let (context, set, shape) = (self.context, self.set, &self.shape);
        let inputs = babies.len() / groups;
        let results = outputs.len() * groups;
        let sums = context.words(shape.giants() * results * 2 * set.words())?;
        for (i, output) in outputs.clone().enumerate() {
            for input in 0..inputs {
                let made;
                let block = match self.encoded {
                    Some(encoded) => &encoded.blocks[output * inputs + input],
                    None => {
                        made = Block::new(context, set, self.matrix, shape, output, input)?;
                        &made
                    }
                };
                let mut commands = Commands::new(context);
                for group in 0..groups {
                    let babies = &babies[group * inputs + input];
                    for window in &block.windows {
                        let params = InnerParams {
                            ring: set.params(),
                            giants: window.giants.len() as u32,
                            first_giant: window.giants.start as u32,
                            babies: shape.plan.babies() as u32,
                            result: (i * groups + group) as u32,
                            results: results as u32,
                            add: (input > 0).into(),
                            padding0: 0,
                            padding1: 0,
                        };
                        let buffers = [window.words.view(), babies.view(), sums.view()];
                        let threads = window.giants.len() * set.words();
                        commands.dispatch_each(
                            Shader::INNER_PRODUCT,
                            &params,
                            &buffers,
                            threads,
                        )?;
                    }
                }
                commands.submit();
            }
        }
        Ok(Inner { sums, results })
    }

    /// Giant steps by Horner's rule, the final trace and the modulus switch: masks and bodies.
    fn finish(&self, inner: &Inner) -> Result<(Vec<u64>, Vec<u64>), AccelError> {
        let (context, set, shape, keys) = (self.context, self.set, &self.shape, self.keys);
        let (plan, results, pair) = (&shape.plan, inner.results, 2 * set.words());
        let mut commands = Commands::new(context);

        // Both sides at once: the last giant step's sums to begin with.
        let count = shape.sides() * results;
        let last = plan.giants() - 1;
        let mut sum = context.words(count * pair)?;
        for side in 0..shape.sides() {
            let from = (side * plan.giants() + last) * results * pair;
            let to = side * results * pair;
            commands.copy((inner.sums.view(), from), (sum.view(), to), results * pair);
        }
        for j in (0..last).rev() {
            let sigma = plan.generator();
            let step = plan.giants() * results;
            let base = Addend { of: inner.sums.view(), first: j * results, run: results, step };
            let switch = KeySwitch {
                set,
                sigma,
                key: keys.get(sigma)?,
                input: sum.view(),
                first: 0,
                count,
                base: Some(base),
            };
            sum = switch.images(context, &mut commands)?;
        }
        let conjugation = plan.two_sided().then(|| (plan.conjugation(), results));
        let folds = shape.layout.folds().map(|sigma| (sigma, 0));
        // The negative side is behind the positive one; a fold adds to what it is taken of.
        for (sigma, first) in conjugation.into_iter().chain(folds) {
            let base = Addend { of: sum.view(), first: 0, run: results, step: 0 };
            let switch = KeySwitch {
                set,
                sigma,
                key: keys.get(sigma)?,
                input: sum.view(),
                first,
                count: results,
                base: Some(base),
            };
            sum = switch.images(context, &mut commands)?;
        }
        let words = set.words();
        let coefficients =
            ntt_inverse(context, &mut commands, set, sum.view(), 2 * results, (0, words))?;
        let mut switch = |half| {
            let coefficients = coefficients.view();
            modulus_switch(context, &mut commands, set, &shape.layout, half, coefficients, results)
        };
        let (mask, body) = (switch(Half::Mask)?, switch(Half::Body)?);
        let mask = commands.read(mask.view())?;
        let body = Commands::new(context).read(body.view())?;
        Ok((mask.finish(to_u64)?, body.finish(to_u64)?))
    }
}

/// Numbers of two words, the low one first.
fn to_u64(words: &[u32]) -> Vec<u64> {
    let number = |&[low, high]: &[u32; 2]| u64::from(high) << 32 | u64::from(low);
    words.as_chunks().0.iter().map(number).collect()
}

/// Copies the numbers of one result.
fn copy(from: &[u64], index: usize, to: &mut [u64], place: usize, numbers: usize) {
    to[place * numbers..][..numbers].copy_from_slice(&from[index * numbers..][..numbers]);
}
