use super::WorkspaceLen;

/// Why the decoder refused. Nothing has changed then.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum DecoderError {
    /// The context capacity is zero or above the model's.
    #[error("the context capacity must be from 1 to {largest} tokens")]
    Context {
        /// The model's longest context.
        largest: usize,
    },
    /// The chunk capacity is zero.
    #[error("the chunk capacity must be at least one row")]
    Chunk,
    /// The memory is too small.
    #[error("the decoder needs {} floats and {} integers of memory", .0.floats, .0.integers)]
    Workspace(WorkspaceLen),
    /// A step was begun before the one before it had finished.
    #[error("a step is under way")]
    StepUnderWay,
    /// A step has no rows, or more than the chunk capacity.
    #[error("a step must have from 1 to {largest} rows")]
    Rows {
        /// The chunk capacity.
        largest: usize,
    },
    /// The text would exceed the context capacity.
    #[error("the text does not fit the context of {context} tokens")]
    ContextFull {
        /// The context capacity.
        context: usize,
    },
    /// A token is beyond the vocabulary.
    #[error("token {index} of the step is beyond the vocabulary")]
    Token {
        /// Its index in the step.
        index: usize,
    },
}
