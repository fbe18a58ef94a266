/// RMS norm: `out[i] = x[i] * (1 / sqrt(mean(x^2) + eps)) * weight[i]`, from left to right.
pub(super) fn rms_norm(x: &[f32], weight: &[f32], eps: f32, out: &mut [f32]) {
    let mut squares = 0.0;
    for v in x {
        squares += v * v;
    }
    let scale = 1.0 / libm::sqrtf(squares / x.len() as f32 + eps);
    for ((out, v), w) in out.iter_mut().zip(x).zip(weight) {
        *out = v * scale * w;
    }
}
