/// One row of a response with what turns it into floats.
#[derive(Clone, Copy)]
pub(super) struct Outputs<'y> {
    y: &'y [i32],
    scales: &'y [f32],
    /// One for each row of the matrix, or none at all.
    biases: &'y [f32],
    factor: f32,
}

impl<'y> Outputs<'y> {
    /// Integers of the row, the scales and biases of the matrix's rows, and the factor of the
    /// row's x.
    pub(super) fn new(y: &'y [i32], scales: &'y [f32], biases: &'y [f32], factor: f32) -> Self {
        Self { y, scales, biases, factor }
    }

    /// The first `at` outputs and the others.
    pub(super) fn split_at(self, at: usize) -> (Self, Self) {
        let (y, y_rest) = self.y.split_at(at);
        let (scales, scales_rest) = self.scales.split_at(at);
        let (biases, biases_rest) = self.biases.split_at(at.min(self.biases.len()));
        (
            Self { y, scales, biases, ..self },
            Self { y: y_rest, scales: scales_rest, biases: biases_rest, ..self },
        )
    }

    /// The floats: `y[i] as f32 * (scale[i] * factor)`, plus `bias[i]` where there are biases.
    pub(super) fn iter(self) -> impl Iterator<Item = f32> + use<'y> {
        let Self { y, scales, biases, factor } = self;
        y.iter().zip(scales).enumerate().map(move |(i, (&y, &scale))| {
            let product = y as f32 * (scale * factor);
            biases.get(i).map_or(product, |bias| product + bias)
        })
    }

    /// Writes the floats.
    pub(super) fn write(self, out: &mut [f32]) {
        out.iter_mut().zip(self.iter()).for_each(|(out, y)| *out = y);
    }
}
