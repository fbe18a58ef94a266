//! An independent forward pass in f64, straight from the definition of a Llama model: whole
//! sequence at once, no cache, no quantised activations.

use super::model::Model;
use kernel::model::{GroupId, GroupKind};

/// Which weights the forward pass takes.
#[derive(Clone, Copy, Eq, PartialEq)]
pub(crate) enum Weights {
    /// Those of the checkpoint.
    Checkpoint,
    /// Those that the int8 rows stand for.
    Int8,
}

/// Logits of all positions, `[position][vocab]`.
pub(crate) fn logits(model: &Model, tokens: &[u32], weights: Weights) -> Vec<f64> {
    let c = &model.config;
    let (hidden, dim) = (c.hidden as usize, c.head_dim as usize);
    let wide = |v: &[f32]| v.iter().map(|&v| f64::from(v)).collect::<Vec<f64>>();
    let mut states: Vec<Vec<f64>> =
        tokens.iter().map(|&t| wide(&model.embeddings[t as usize * hidden..][..hidden])).collect();
    let norm_weights = wide(&model.norms);
    let norm = |x: &[f64], index: usize| -> Vec<f64> {
        let mean = x.iter().map(|v| v * v).sum::<f64>() / hidden as f64;
        let root = (mean + f64::from(c.rms_eps)).sqrt();
        x.iter().zip(&norm_weights[index * hidden..]).map(|(v, w)| v / root * w).collect()
    };
    let times = |id: GroupId, x: &[f64]| -> Vec<f64> {
        let group = &model.groups[id.0 as usize];
        let weight = |row: usize, at: usize| match weights {
            Weights::Checkpoint => f64::from(group.weights[at]),
            Weights::Int8 => f64::from(group.rows[at]) * f64::from(group.scales[row]),
        };
        let n = group.columns;
        let output = |row: usize| {
            let bias = group.biases.get(row).map_or(0.0, |&bias| f64::from(bias));
            (0..n).map(|j| weight(row, row * n + j) * x[j]).sum::<f64>() + bias
        };
        (0..group.scales.len()).map(output).collect()
    };
    let rope = |head: &[f64], position: usize| -> Vec<f64> {
        let half = dim / 2;
        (0..dim)
            .map(|i| {
                let (sin, cos) = (position as f64 * f64::from(model.rotary[i % half])).sin_cos();
                let rotated = if i < half { -head[i + half] } else { head[i - half] };
                (head[i] * cos + rotated * sin) * f64::from(model.factor)
            })
            .collect()
    };

    for layer in 0..c.layers {
        let of = |kind| c.group(layer, kind);
        let qkv: Vec<_> = states
            .iter()
            .map(|x| times(of(GroupKind::AttnIn), &norm(x, 2 * layer as usize)))
            .collect();
        let (heads, kv_heads) = (c.heads as usize, c.kv_heads as usize);
        // Head number `h` of the stack of q heads, k heads, v heads, at one position.
        let head = |position: usize, h: usize| &qkv[position][h * dim..(h + 1) * dim];
        for position in 0..states.len() {
            let mut mixed = Vec::new();
            for h in 0..heads {
                let shared = h * kv_heads / heads;
                let q = rope(head(position, h), position);
                let scores: Vec<f64> = (0..=position)
                    .map(|p| {
                        let k = rope(head(p, heads + shared), p);
                        let dot: f64 = q.iter().zip(&k).map(|(a, b)| a * b).sum();
                        dot / (dim as f64).sqrt()
                    })
                    .collect();
                let largest = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
                let scores: Vec<f64> = scores.iter().map(|s| (s - largest).exp()).collect();
                let total: f64 = scores.iter().sum();
                mixed.extend((0..dim).map(|i| {
                    let v = |p: usize| head(p, heads + kv_heads + shared)[i];
                    scores.iter().enumerate().map(|(p, s)| s / total * v(p)).sum::<f64>()
                }));
            }
            add(&mut states[position], &times(of(GroupKind::AttnOut), &mixed));
        }
        for x in &mut states {
            let both = times(of(GroupKind::MlpIn), &norm(x, 2 * layer as usize + 1));
            let (gate, up) = both.split_at(c.intermediate as usize);
            let gated: Vec<f64> =
                gate.iter().zip(up).map(|(g, u)| g / (1.0 + (-g).exp()) * u).collect();
            add(x, &times(of(GroupKind::MlpOut), &gated));
        }
    }
    let head = c.group(0, GroupKind::LmHead);
    states.iter().flat_map(|x| times(head, &norm(x, 2 * c.layers as usize))).collect()
}

fn add(x: &mut [f64], y: &[f64]) {
    x.iter_mut().zip(y).for_each(|(x, y)| *x += y);
}
