//! Polynomials in and out of the NTT domain.

use super::set::{ELEMENTS, RingParams, Set};
use crate::commands::Commands;
use crate::context::Context;
use crate::params::params;
use crate::pool::{Lease, View};
use crate::shader::Shader;
use kernel::accel::AccelError;

params! {
    /// The parameters of `to_montgomery.wgsl`.
    MontgomeryParams for TO_MONTGOMERY {
        ring: RingParams,
        words: u32,
        padding0: u32,
        padding1: u32,
        padding2: u32,
    }
}

params! {
    /// The parameters of `ntt_inverse.wgsl`.
    InverseParams for NTT_INVERSE {
        ring: RingParams,
        groups: u32,
        input_first: u32,
        input_stride: u32,
        padding: u32,
    }
}

params! {
    /// The parameters of `decompose.wgsl`.
    DecomposeParams for DECOMPOSE {
        ring: RingParams,
        places: [[u32; 4]; ELEMENTS],
        masks: u32,
        padding0: u32,
        padding1: u32,
        padding2: u32,
    }
}

/// Residues times R, in place.
pub(super) fn to_montgomery(
    commands: &mut Commands<'_>,
    set: &Set,
    polynomials: View<'_>,
) -> Result<(), AccelError> {
    let words = (polynomials.bytes / 4) as usize;
    let params = MontgomeryParams {
        ring: set.params(),
        words: words as u32,
        padding0: 0,
        padding1: 0,
        padding2: 0,
    };
    commands.dispatch_each(Shader::TO_MONTGOMERY, &params, &[polynomials], words)
}

/// Coefficients of `groups` polynomials, the first of which begins at word `first`, and each other one `stride`
/// words further; theirs follow each other.
pub(super) fn ntt_inverse(
    context: &Context,
    commands: &mut Commands<'_>,
    set: &Set,
    input: View<'_>,
    groups: usize,
    (first, stride): (usize, usize),
) -> Result<Lease, AccelError> {
    let output = context.words(groups * set.words())?;
    let params = InverseParams {
        ring: set.params(),
        groups: groups as u32,
        input_first: first as u32,
        input_stride: stride as u32,
        padding: 0,
    };
    let buffers = [set.twiddles.view(), input, output.view()];
    commands.dispatch_groups(Shader::NTT_INVERSE, &params, &buffers, groups * set.limbs.len())?;
    Ok(output)
}

/// The digits of the masks of `count` ciphertexts from the `first` of a buffer on, in the NTT domain: for each mask and element of the gadget its
/// limbs.
pub(super) fn decompose(
    context: &Context,
    commands: &mut Commands<'_>,
    set: &Set,
    ciphertexts: View<'_>,
    (first, count): (usize, usize),
) -> Result<Lease, AccelError> {
    let pair = 2 * set.words();
    let masks = ntt_inverse(context, commands, set, ciphertexts, count, (first * pair, pair))?;
    let elements = set.elements();
    let digits = context.words(count * elements * set.words())?;
    let params = DecomposeParams {
        ring: set.params(),
        places: set.places(),
        masks: count as u32,
        padding0: 0,
        padding1: 0,
        padding2: 0,
    };
    let buffers = [set.twiddles.view(), masks.view(), digits.view()];
    let groups = count * elements * set.limbs.len();
    commands.dispatch_groups(Shader::DECOMPOSE, &params, &buffers, groups)?;
    Ok(digits)
}
