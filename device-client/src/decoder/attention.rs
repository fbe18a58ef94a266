use kernel::model::ModelConfig;

/// How the heads are cut: query head h reads key/value head `h / (heads / kv_heads)`.
#[derive(Clone, Copy)]
pub(super) struct Heads {
    /// Query heads that share one key/value head.
    group: usize,
    /// Width of a head.
    width: usize,
    /// Width of all key heads, or of all value heads.
    kv_width: usize,
    /// `1 / sqrt(width)`.
    scale: f32,
}

impl Heads {
    pub(super) fn of(config: &ModelConfig) -> Self {
        let width = config.head_dim as usize;
        Self {
            group: (config.heads / config.kv_heads) as usize,
            width,
            kv_width: config.kv_width(),
            scale: 1.0 / libm::sqrtf(width as f32),
        }
    }
}

/// Attention of one token over `keys` and `values`, those of its own position last.
///
/// `query` and `out` hold all query heads; `scores` has room for every position. A head's weights
/// are `exp(score - largest score)`; the weighted sum of the values, in order of positions, is
/// divided by the sum of the weights.
pub(super) fn attend(
    heads: Heads,
    query: &[f32],
    keys: &[f32],
    values: &[f32],
    scores: &mut [f32],
    out: &mut [f32],
) {
    let Heads { group, width, kv_width, scale } = heads;
    let scores = &mut scores[..keys.len() / kv_width];
    let outs = out.chunks_exact_mut(width);
    for (head, (query, out)) in query.chunks_exact(width).zip(outs).enumerate() {
        let at = head / group * width;
        for (score, key) in scores.iter_mut().zip(keys.chunks_exact(kv_width)) {
            *score = dot(query, &key[at..at + width]) * scale;
        }
        let total = soften(scores);
        out.fill(0.0);
        for (weight, value) in scores.iter().zip(values.chunks_exact(kv_width)) {
            for (out, v) in out.iter_mut().zip(&value[at..at + width]) {
                *out += weight * v;
            }
        }
        out.iter_mut().for_each(|out| *out /= total);
    }
}

/// Replaces scores by `exp(score - largest)` and returns their sum.
fn soften(scores: &mut [f32]) -> f32 {
    let mut largest = f32::NEG_INFINITY;
    for &score in scores.iter() {
        if score > largest {
            largest = score;
        }
    }
    let mut total = 0.0;
    for score in scores {
        *score = libm::expf(*score - largest);
        total += *score;
    }
    total
}

fn dot(a: &[f32], b: &[f32]) -> f32 {
    let mut sum = 0.0;
    for (a, b) in a.iter().zip(b) {
        sum += a * b;
    }
    sum
}
