/// The gated unit: `out[i] = silu(gate[i]) * up[i]` with `silu(g) = g / (1 + exp(-g))`.
pub(super) fn gate(
    gates: impl Iterator<Item = f32>,
    ups: impl Iterator<Item = f32>,
    out: &mut [f32],
) {
    for ((out, g), up) in out.iter_mut().zip(gates).zip(ups) {
        *out = g / (1.0 + libm::expf(-g)) * up;
    }
}
