use super::keys::Key;
use super::set::{RingParams, Set};
use super::transforms::decompose;
use crate::commands::Commands;
use crate::context::Context;
use crate::params::params;
use crate::pool::{Lease, View};
use crate::shader::Shader;
use kernel::accel::AccelError;
use kernel::galois::Automorphism;

params! {
    /// The parameters of `key_switch.wgsl`.
    KeySwitchParams for KEY_SWITCH {
        ring: RingParams,
        exponent: u32,
        ciphertexts: u32,
        input_first: u32,
        output_first: u32,
        output_step: u32,
        add: u32,
        base_first: u32,
        base_run: u32,
        base_step: u32,
        padding0: u32,
        padding1: u32,
        padding2: u32,
    }
}

/// Ciphertexts of a buffer: `run` in a row, and `step` from the first of a run to that of the next.
#[derive(Clone, Copy)]
pub(super) struct Addend<'a> {
    pub(super) of: View<'a>,
    pub(super) first: usize,
    pub(super) run: usize,
    pub(super) step: usize,
}

/// The automorphisms of so many ciphertexts of a buffer, from their digits: see `key_switch.wgsl`.
pub(super) struct KeySwitch<'a> {
    pub(super) set: &'a Set,
    pub(super) sigma: Automorphism,
    pub(super) key: &'a Key,
    pub(super) input: View<'a>,
    pub(super) first: usize,
    pub(super) count: usize,
    /// What the images are added to.
    pub(super) base: Option<Addend<'a>>,
}

impl KeySwitch<'_> {
    /// Writes them to the ciphertexts `first`, `first + step`, ... of `out`. `digits` are those of the ciphertexts, in
    /// their order.
    pub(super) fn run(
        &self,
        commands: &mut Commands<'_>,
        digits: &Lease,
        out: View<'_>,
        (first, step): (usize, usize),
    ) -> Result<(), AccelError> {
        let none = Addend { of: self.input, first: 0, run: 1, step: 0 };
        let base = self.base.unwrap_or(none);
        let params = KeySwitchParams {
            ring: self.set.params(),
            exponent: self.sigma.exponent(),
            ciphertexts: self.count as u32,
            input_first: self.first as u32,
            output_first: first as u32,
            output_step: step as u32,
            add: self.base.is_some().into(),
            base_first: base.first as u32,
            base_run: base.run as u32,
            base_step: base.step as u32,
            padding0: 0,
            padding1: 0,
            padding2: 0,
        };
        let key = View::whole(&self.key.words);
        let buffers = [digits.view(), self.input, key, base.of, out];
        let threads = self.count * self.set.words();
        commands.dispatch_each(Shader::KEY_SWITCH, &params, &buffers, threads)
    }

    /// `base + sigma(x)` for ciphertexts from the beginning of a buffer.
    pub(super) fn images(
        &self,
        context: &Context,
        commands: &mut Commands<'_>,
    ) -> Result<Lease, AccelError> {
        let masks = (self.first, self.count);
        let digits = decompose(context, commands, self.set, self.input, masks)?;
        let out = context.words(self.count * 2 * self.set.words())?;
        self.run(commands, &digits, out.view(), (0, 1))?;
        Ok(out)
    }
}
