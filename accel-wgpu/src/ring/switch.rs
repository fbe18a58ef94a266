use super::set::{RingParams, Set};
use crate::commands::Commands;
use crate::context::Context;
use crate::params::params;
use crate::pool::{Lease, View};
use crate::shader::Shader;
use kernel::accel::AccelError;
use kernel::direct::{BODY_BITS, MASK_BITS};
use kernel::trace::Layout;

params! {
    /// The parameters of `modulus_switch.wgsl`.
    SwitchParams for MODULUS_SWITCH {
        ring: RingParams,
        factors: [u32; 4],
        reciprocals: [[u32; 4]; 4],
        numbers: u32,
        rows: u32,
        fold: u32,
        free: u32,
        shift: u32,
        polynomials: u32,
        first: u32,
        stride: u32,
    }
}

/// The half of ciphertexts that is switched.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Half {
    /// All numbers of the masks.
    Mask,
    /// Of the bodies the outputs alone.
    Body,
}

/// Numbers modulo a power of two, two words each, from the coefficients of so many ciphertexts.
pub(super) fn modulus_switch(
    context: &Context,
    commands: &mut Commands<'_>,
    set: &Set,
    layout: &Layout,
    half: Half,
    coefficients: View<'_>,
    count: usize,
) -> Result<Lease, AccelError> {
    let (bits, first) = match half {
        Half::Mask => (MASK_BITS, 0),
        Half::Body => (BODY_BITS, set.words()),
    };
    let (rows, fold) = match half {
        Half::Mask => (set.degree, 1),
        Half::Body => (layout.rows(), layout.fold()),
    };
    let numbers = numbers(set, layout, half);
    let mut params = SwitchParams {
        ring: set.params(),
        factors: [0; 4],
        reciprocals: [[0; 4]; 4],
        numbers: numbers as u32,
        rows: rows as u32,
        fold: fold as u32,
        free: (layout.degree() / layout.tokens()) as u32,
        shift: 64 - bits,
        polynomials: count as u32,
        first: first as u32,
        stride: (2 * set.words()) as u32,
    };
    for (i, limb) in set.limbs.iter().enumerate() {
        params.factors[i] = limb.switch_factor();
        params.reciprocals[i] = limb.reciprocal();
    }
    let out = context.words(2 * count * numbers)?;
    let buffers = [coefficients, out.view()];
    commands.dispatch_each(Shader::MODULUS_SWITCH, &params, &buffers, count * numbers)?;
    Ok(out)
}

/// Numbers of one ciphertext that are wanted.
pub(super) fn numbers(set: &Set, layout: &Layout, half: Half) -> usize {
    match half {
        Half::Mask => set.degree,
        Half::Body => layout.rows() * layout.tokens(),
    }
}
