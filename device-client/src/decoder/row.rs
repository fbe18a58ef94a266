//! What happens to one row between two products.

use super::Decoder;
use super::attention::{Heads, attend};
use super::feed_forward::gate;
use super::norm::rms_norm;
use super::outputs::Outputs;
use super::rotary::rotate;
use kernel::model::{GroupId, GroupKind};
use kernel::quant::ActivationQuantiser;

impl Decoder<'_> {
    /// Computes what one row of a response leads to: a new residual, the logits, or the input of
    /// the group that follows.
    pub(super) fn absorb(&mut self, group: GroupId, layer: u32, kind: GroupKind, row: usize) {
        let config = self.bundle.config();
        let hidden = config.hidden as usize;
        let w = &mut self.workspace;
        let scales = self.bundle.row_scales(group);
        let y = &w.y[row * scales.len()..][..scales.len()];
        let y = Outputs::new(y, scales, self.bundle.row_biases(group), w.factors[row]);
        match kind {
            GroupKind::AttnIn => {
                let heads = Heads::of(config);
                let position = self.position - self.live + row;
                let width = config.kv_width();
                let (q, kv) = y.split_at(config.query_width());
                let (k, v) = kv.split_at(width);
                let cache = &mut w.cache[layer as usize * 2 * self.context * width..];
                let (keys, values) = cache.split_at_mut(self.context * width);
                let (query, seen) = (&mut w.query[..], (position + 1) * width);
                q.write(query);
                k.write(&mut keys[position * width..seen]);
                v.write(&mut values[position * width..seen]);
                let frequencies = self.bundle.rotary_frequencies();
                let factor = self.bundle.rotary_factor();
                rotate(frequencies, factor, position, query);
                rotate(frequencies, factor, position, &mut keys[position * width..seen]);
                attend(heads, query, &keys[..seen], &values[..seen], w.scores, w.input);
            }
            GroupKind::MlpIn => {
                let width = config.intermediate as usize;
                let (gates, ups) = y.split_at(width);
                gate(gates.iter(), ups.iter(), &mut w.input[..width]);
            }
            GroupKind::AttnOut | GroupKind::MlpOut => {
                let residual = &mut w.residual[row * hidden..][..hidden];
                residual.iter_mut().zip(y.iter()).for_each(|(r, y)| *r += y);
            }
            GroupKind::LmHead => y.write(w.logits),
        }
    }

    /// Quantises the input of `group` for one row: a norm of the residual where the group begins
    /// half a layer, otherwise what [`Decoder::absorb`] left.
    pub(super) fn prepare(&mut self, group: GroupId, row: usize) {
        let config = self.bundle.config();
        let Some((layer, kind)) = config.kind(group) else { return };
        let hidden = config.hidden as usize;
        let w = &mut self.workspace;
        let columns = self.bundle.shape(group).columns;
        let input = &mut w.input[..columns];
        let residual = &w.residual[row * hidden..][..hidden];
        let eps = config.rms_eps;
        match kind {
            GroupKind::AttnIn => rms_norm(residual, self.bundle.attention_norm(layer), eps, input),
            GroupKind::MlpIn => rms_norm(residual, self.bundle.mlp_norm(layer), eps, input),
            GroupKind::LmHead => rms_norm(w.newest, self.bundle.final_norm(), eps, input),
            GroupKind::AttnOut | GroupKind::MlpOut => {}
        }
        let x = &mut w.x[row * columns..][..columns];
        w.factors[row] = match ActivationQuantiser::new(&self.bundle.bounds(group), columns) {
            Ok(quantiser) => quantiser.quantise(input, x),
            // Not in a bundle that was parsed.
            Err(_) => {
                x.fill(0);
                0.0
            }
        };
    }
}
