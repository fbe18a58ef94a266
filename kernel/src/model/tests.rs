use super::*;

fn demo() -> ModelConfig {
    ModelConfig {
        vocab: 1024,
        hidden: 128,
        layers: 5,
        heads: 4,
        kv_heads: 2,
        head_dim: 32,
        intermediate: 352,
        context: 512,
        rms_eps: 1e-5,
    }
}

#[test]
fn groups_are_numbered_by_layer_and_the_head_is_last() {
    let config = demo();
    assert_eq!(config.check(), Ok(()));
    assert_eq!(config.group_count(), 21);
    for id in config.groups() {
        let (layer, kind) = config.kind(id).unwrap();
        assert_eq!(config.group(layer, kind), id);
    }
    assert_eq!(config.kind(GroupId(20)), Some((5, GroupKind::LmHead)));
    assert_eq!(config.kind(GroupId(21)), None);
    assert_eq!(config.shape(GroupId(u32::MAX)), None);
    assert_eq!(config.total_rows(), 7104);
    assert_eq!(config.largest(), GroupShape { rows: 1024, columns: 352 });
}

#[test]
fn bad_dimensions_are_named() {
    assert_eq!(
        ModelConfig { vocab: 0, ..demo() }.check(),
        Err(ModelError::Dimension("vocab_size"))
    );
    assert_eq!(ModelConfig { kv_heads: 3, ..demo() }.check(), Err(ModelError::HeadsNotGrouped));
    assert_eq!(ModelConfig { head_dim: 31, ..demo() }.check(), Err(ModelError::OddHeadDim));
    assert_eq!(ModelConfig { rms_eps: f32::NAN, ..demo() }.check(), Err(ModelError::Epsilon));
}
