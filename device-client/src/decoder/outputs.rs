/// One row of a response with what turns it into floats.
#[derive(Clone, Copy)]
pub(super) struct Outputs<'y> {
    y: &'y [i32],
    scales: &'y [f32],
    factor: f32,
}

impl<'y> Outputs<'y> {
    /// Integers of the row, the scales of the matrix's rows, and the factor of the row's x.
    pub(super) fn new(y: &'y [i32], scales: &'y [f32], factor: f32) -> Self {
        Self { y, scales, factor }
    }

    /// The first `at` outputs and the others.
    pub(super) fn split_at(self, at: usize) -> (Self, Self) {
        let (y, y_rest) = self.y.split_at(at);
        let (scales, scales_rest) = self.scales.split_at(at);
        (Self { y, scales, ..self }, Self { y: y_rest, scales: scales_rest, ..self })
    }

    /// The floats: `y[i] as f32 * (scale[i] * factor)`.
    pub(super) fn iter(self) -> impl Iterator<Item = f32> + use<'y> {
        let factor = self.factor;
        self.y.iter().zip(self.scales).map(move |(&y, &scale)| y as f32 * (scale * factor))
    }

    /// Writes the floats.
    pub(super) fn write(self, out: &mut [f32]) {
        out.iter_mut().zip(self.iter()).for_each(|(out, y)| *out = y);
    }
}
