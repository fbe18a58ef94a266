use clap::ValueEnum;
use kernel::model::ModelConfig;
use serde::Serialize;

/// A model's shape, for weights that are made up.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize, ValueEnum)]
pub(crate) enum Shape {
    /// Llama 2 7B: 6.6 GB of int8 weights
    #[value(name = "llama2-7b")]
    #[serde(rename = "llama2-7b")]
    Llama2_7b,
    /// Llama 3.2 1B: 1.2 GB
    #[value(name = "llama3.2-1b")]
    #[serde(rename = "llama3.2-1b")]
    Llama3_2_1b,
    /// TinyLlama 1.1B: 1.0 GB
    #[value(name = "tinyllama-1.1b")]
    #[serde(rename = "tinyllama-1.1b")]
    TinyLlama1_1b,
    /// Stories 15M: 15 MB
    #[value(name = "stories15m")]
    #[serde(rename = "stories15m")]
    Stories15m,
    /// The built-in demo model: 1 MB
    #[value(name = "demo")]
    #[serde(rename = "demo")]
    Demo,
}

impl Shape {
    /// The numbers of the published configuration.
    pub(crate) fn config(self) -> ModelConfig {
        let shape = |vocab, hidden, layers, heads, kv_heads, intermediate, context| ModelConfig {
            vocab,
            hidden,
            layers,
            heads,
            kv_heads,
            head_dim: hidden / heads,
            intermediate,
            context,
            rms_eps: 1e-5,
        };
        match self {
            Self::Llama2_7b => shape(32_000, 4096, 32, 32, 32, 11_008, 4096),
            Self::Llama3_2_1b => shape(128_256, 2048, 16, 32, 8, 8192, 131_072),
            Self::TinyLlama1_1b => shape(32_000, 2048, 22, 32, 4, 5632, 2048),
            Self::Stories15m => shape(32_000, 288, 6, 6, 6, 768, 256),
            Self::Demo => shape(1024, 128, 5, 4, 2, 352, 512),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use host_server::model::Checkpoint;
    use std::path::Path;

    fn weights(config: &ModelConfig) -> usize {
        let shapes = config.groups().filter_map(|group| config.shape(group));
        shapes.map(|shape| shape.rows * shape.columns).sum()
    }

    #[test]
    fn shapes_are_those_of_the_models() {
        for shape in Shape::value_variants() {
            shape.config().check().unwrap();
        }
        // All parameters but embeddings and norms.
        assert_eq!(weights(&Shape::Llama2_7b.config()), 6_607_077_376);
        assert_eq!(weights(&Shape::TinyLlama1_1b.config()), 1_034_420_224);
        let demo = Checkpoint::open(Path::new("models/demo")).unwrap();
        assert_eq!(Shape::Demo.config(), demo.config().model);
    }
}
