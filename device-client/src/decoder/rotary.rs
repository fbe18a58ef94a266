/// Rotary embedding of all heads in `vector`, in place, in the layout of half-rotated heads.
///
/// A head has `d = 2 * frequencies.len()` floats. Its coordinates i and i + d/2 are turned by the
/// angle `position * frequencies[i]`; `factor` multiplies the cosine and the sine.
pub(super) fn rotate(frequencies: &[f32], factor: f32, position: usize, vector: &mut [f32]) {
    let half = frequencies.len();
    for (i, frequency) in frequencies.iter().enumerate() {
        let angle = position as f32 * frequency;
        let (sin, cos) = (libm::sinf(angle) * factor, libm::cosf(angle) * factor);
        for head in vector.chunks_exact_mut(2 * half) {
            let (a, b) = (head[i], head[i + half]);
            head[i] = a * cos - b * sin;
            head[i + half] = b * cos + a * sin;
        }
    }
}
