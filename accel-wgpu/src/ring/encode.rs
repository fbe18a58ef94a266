//! Weights as a product takes them: for each giant and baby step a polynomial.

use super::set::{RingParams, Set};
use crate::commands::Commands;
use crate::context::Context;
use crate::matrix::{CHUNK, Matrix};
use crate::params::params;
use crate::pool::{Lease, View};
use crate::shader::Shader;
use core::ops::Range;
use kernel::accel::AccelError;
use kernel::trace::{Layout, Plan};
use std::sync::Arc;

params! {
    /// The parameters of `encode_columns.wgsl`.
    ColumnsParams for ENCODE_COLUMNS {
        ring: RingParams,
        limb: u32,
        row_words: u32,
        rows: u32,
        first_row: u32,
        first_column: u32,
        columns: u32,
        first_exponent: u32,
        fold: u32,
        add: u32,
        padding0: u32,
        padding1: u32,
        padding2: u32,
    }
}

params! {
    /// The parameters of `encode_weights.wgsl`.
    WeightsParams for ENCODE_WEIGHTS {
        ring: RingParams,
        limb: u32,
        step: u32,
        giants: u32,
        babies: u32,
        first_giant: u32,
        side: u32,
        generator: u32,
        inverse: u32,
        baby: u32,
        columns: u32,
        lanes: u32,
        coarse: u32,
        fine: u32,
        stride: u32,
        tokens: u32,
        padding: u32,
    }
}

/// A matrix in a layout, block by block: for each block of outputs all blocks of inputs.
#[derive(Debug)]
pub(crate) struct Encoded {
    pub(super) blocks: Vec<Block>,
    /// Bytes that were taken of the memory.
    bytes: u64,
    context: Arc<Context>,
}

impl Drop for Encoded {
    fn drop(&mut self) {
        self.context.give_back(self.bytes);
    }
}

/// The weights of one block, in windows of giant steps.
#[derive(Debug)]
pub(super) struct Block {
    pub(super) windows: Vec<Window>,
}

/// The weights of some giant steps: for each of them and each baby step the limbs of a polynomial, times R.
#[derive(Debug)]
pub(super) struct Window {
    pub(super) giants: Range<usize>,
    pub(super) words: Lease,
}

/// What the products of one layout have in common.
#[derive(Clone, Copy, Debug)]
pub(super) struct Shape {
    pub(super) layout: Layout,
    pub(super) plan: Plan,
}

impl Shape {
    pub(super) fn new(layout: &Layout) -> Self {
        Self { layout: *layout, plan: Plan::new(layout) }
    }

    /// Sides of the main sum.
    pub(super) const fn sides(&self) -> usize {
        if self.plan.two_sided() { 2 } else { 1 }
    }

    /// Giant steps of all sides: those of the negative one come last.
    pub(super) const fn giants(&self) -> usize {
        self.sides() * self.plan.giants()
    }
}

impl Encoded {
    /// Bytes that it takes.
    pub(crate) const fn bytes(&self) -> u64 {
        self.bytes
    }

    /// All blocks of a matrix.
    ///
    /// # Errors
    /// [`AccelError::OutOfMemory`], [`AccelError::DeviceLost`].
    pub(super) fn new(
        context: &Arc<Context>,
        set: &Set,
        matrix: &Matrix,
        layout: &Layout,
    ) -> Result<Self, AccelError> {
        let shape = Shape::new(layout);
        let (inputs, outputs) = (layout.input_blocks(matrix.n), layout.output_blocks(matrix.m));
        let bytes = 4 * (inputs * outputs * layout.sum() * set.words()) as u64;
        context.take(bytes)?;
        let mut encoded = Self { blocks: Vec::new(), bytes, context: Arc::clone(context) };
        for output in 0..outputs {
            for input in 0..inputs {
                encoded.blocks.push(Block::new(context, set, matrix, &shape, output, input)?);
                // What one block needs is free for the next.
                Commands::new(context).finish()?;
            }
        }
        Ok(encoded)
    }
}

impl Block {
    /// One block of a matrix.
    ///
    /// # Errors
    /// [`AccelError::OutOfMemory`], [`AccelError::DeviceLost`].
    pub(super) fn new(
        context: &Context,
        set: &Set,
        matrix: &Matrix,
        shape: &Shape,
        output: usize,
        input: usize,
    ) -> Result<Self, AccelError> {
        let layout = &shape.layout;
        let part = |index: usize, size: usize, all: usize| {
            (index * size).min(all)..((index + 1) * size).min(all)
        };
        let rows = part(output, layout.rows(), matrix.m);
        let columns = part(input, layout.columns(), matrix.n);
        let giant_words = shape.plan.babies() * set.words();
        // A power of two, as are baby steps and degrees: such buffers are no larger than what they hold.
        let most = 1 << (context.binding_bytes as usize / (4 * giant_words)).max(1).ilog2();
        let all = 0..shape.giants();
        let windows = all.clone().step_by(most).map(|first| first..all.end.min(first + most));
        let windows = windows.map(|giants| {
            let words = context.words(giants.len() * giant_words)?;
            Ok(Window { giants, words })
        });
        let block = Self { windows: windows.collect::<Result<_, AccelError>>()? };
        for limb in 0..set.limbs.len() {
            let values = column_values(context, set, matrix, layout, limb, &rows, &columns)?;
            block.weights(context, set, shape, limb, columns.len(), &values)?;
        }
        Ok(block)
    }

    /// The weights in one limb, from the columns' values. Each dispatch multiplies at most `columns sqrt(sum) N`
    /// times, which is 2^30: no driver's watchdog stirs.
    fn weights(
        &self,
        context: &Context,
        set: &Set,
        shape: &Shape,
        limb: usize,
        columns: usize,
        values: &Lease,
    ) -> Result<(), AccelError> {
        let (layout, plan) = (&shape.layout, &shape.plan);
        let sum = layout.sum();
        // About the root of the sum, and its complement.
        let fine = 1 << (sum.ilog2() / 2);
        let coarse = sum / fine;
        let lanes = layout.columns() / sum;
        let params = |step: u32, giants: &Range<usize>| WeightsParams {
            ring: set.params(),
            limb: limb as u32,
            step,
            giants: giants.len() as u32,
            babies: plan.babies() as u32,
            first_giant: giants.start as u32,
            side: plan.giants() as u32,
            generator: plan.generator().exponent(),
            inverse: plan.generator().inverse().exponent(),
            baby: if plan.babies() > 1 { plan.baby(1).exponent() } else { 1 },
            columns: columns as u32,
            lanes: lanes as u32,
            coarse: coarse as u32,
            fine: fine as u32,
            stride: (layout.degree() / layout.tokens() / sum) as u32,
            tokens: layout.tokens() as u32,
            padding: 0,
        };
        let mut commands = Commands::new(context);
        let partial = if fine == 1 {
            None
        } else {
            let parts = fine * coarse * lanes;
            let partial = context.words(parts * set.degree)?;
            let buffers = [set.powers.view(), values.view(), partial.view()];
            let params = params(1, &(0..0));
            commands.dispatch_each(
                Shader::ENCODE_WEIGHTS,
                &params,
                &buffers,
                parts * set.degree,
            )?;
            Some(partial)
        };
        let sums = partial.as_ref().unwrap_or(values).view();
        for window in &self.windows {
            let buffers = [set.powers.view(), sums, window.words.view()];
            let threads = window.giants.len() * plan.babies() * set.degree;
            let params = params(2, &window.giants);
            commands.dispatch_each(Shader::ENCODE_WEIGHTS, &params, &buffers, threads)?;
        }
        commands.submit();
        Ok(())
    }
}

/// For each column of a block the values of `sum_i W_ij X^(fold i)` in one limb.
fn column_values(
    context: &Context,
    set: &Set,
    matrix: &Matrix,
    layout: &Layout,
    limb: usize,
    rows: &Range<usize>,
    columns: &Range<usize>,
) -> Result<Lease, AccelError> {
    let values = context.words(columns.len() * set.degree)?;
    let mut commands = Commands::new(context);
    let mut done = 0;
    for (window, rows) in matrix.windows(rows.clone()) {
        let params = ColumnsParams {
            ring: set.params(),
            limb: limb as u32,
            row_words: (matrix.chunks * CHUNK / 4) as u32,
            rows: rows.len() as u32,
            first_row: rows.start as u32,
            first_column: columns.start as u32,
            columns: columns.len() as u32,
            first_exponent: (layout.fold() * done) as u32,
            fold: layout.fold() as u32,
            add: (done > 0).into(),
            padding0: 0,
            padding1: 0,
            padding2: 0,
        };
        done += rows.len();
        let buffers = [set.twiddles.view(), View::whole(window), values.view()];
        commands.dispatch_groups(Shader::ENCODE_COLUMNS, &params, &buffers, columns.len())?;
    }
    commands.submit();
    Ok(values)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::gpu;
    use kernel::accel::RowSource;
    use kernel::params::ParameterId;

    struct Ones;

    impl RowSource for Ones {
        fn next_row(&mut self, row: &mut [i8]) -> Result<(), AccelError> {
            row.fill(1);
            Ok(())
        }
    }

    #[test]
    fn what_is_held_is_what_is_counted() {
        let Some(gpu) = gpu() else { return };
        let context = &gpu.context;
        let set = Set::new(context, ParameterId::Direct4096).unwrap();
        for (m, n) in [(5, 7), (4000, 3), (3, 300)] {
            let matrix = Matrix::load(context, m, n, &mut Ones).unwrap();
            let layout = Layout::fitting(set.degree, m, n, 1);
            let encoded = Encoded::new(context, &set, &matrix, &layout).unwrap();
            let windows = encoded.blocks.iter().flat_map(|block| &block.windows);
            let held: u64 = windows.map(|window| window.words.size()).sum();
            assert_eq!(held, encoded.bytes(), "{m} x {n}");
        }
    }
}
