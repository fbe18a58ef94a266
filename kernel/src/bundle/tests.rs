use super::format::{DIGEST_AT, ENTRY_BYTES, HEADER_BYTES, contents_digest};
use super::*;
use crate::model::{GroupId, ModelConfig};
use crate::quant::GroupBounds;
use crate::stream::Seed;
use std::vec;
use std::vec::Vec;

fn parts() -> DeviceParts {
    let config = ModelConfig {
        vocab: 5,
        hidden: 8,
        layers: 2,
        heads: 2,
        kv_heads: 1,
        head_dim: 4,
        intermediate: 12,
        context: 16,
        rms_eps: 1e-5,
    };
    let columns: usize = config.groups().map(|g| config.shape(g).unwrap().columns).sum();
    let numbers = |n: usize| (0..n).map(|i| i as f32 * 0.5).collect::<Vec<_>>();
    DeviceParts {
        manifest: DeviceManifest { config, digest: ModelDigest([3; 32]), bos: Some(1) },
        norms: numbers(5 * 8),
        embedding_type: ElementType::Bf16,
        embeddings: numbers(40)
            .iter()
            .flat_map(|v| half::bf16::from_f32(*v).to_le_bytes())
            .collect(),
        tokens: vec![b"a".to_vec(), vec![], b"xyz".to_vec(), vec![0xff], b" b".to_vec()],
        row_scales: numbers(config.total_rows()),
        row_biases: Vec::new(),
        bounds: (0..9).map(|g| GroupBounds { norm2_squared: 1000 + g, norm1: 100 + g }).collect(),
        rotary: numbers(2),
        stop_tokens: vec![4, 0],
        check_seed: Seed::from_bytes([8; 32]),
        check_vectors: (0..2 * columns as u32).collect(),
    }
}

/// A bias for every row but those of the head.
fn biases() -> Vec<f32> {
    (0..parts().manifest.config.total_rows() - 5).map(|i| i as f32 - 7.5).collect()
}

/// The file in memory that is aligned as a device would have it.
fn aligned(file: &[u8]) -> Vec<u64> {
    let mut words = vec![0_u64; file.len().div_ceil(8)];
    bytemuck::cast_slice_mut::<u64, u8>(&mut words)[..file.len()].copy_from_slice(file);
    words
}

fn outcome(file: &[u8]) -> Result<(), BundleError> {
    let words = aligned(file);
    DeviceBundle::parse(&bytemuck::cast_slice(&words)[..file.len()]).map(|_| ())
}

fn sign(file: &mut [u8]) {
    let digest = contents_digest(file);
    file[DIGEST_AT..HEADER_BYTES].copy_from_slice(&digest);
}

#[test]
fn what_is_written_is_read() {
    let parts = parts();
    let file = write_device(&parts).unwrap();
    let words = aligned(&file);
    let bundle = DeviceBundle::parse(&bytemuck::cast_slice(&words)[..file.len()]).unwrap();
    let config = bundle.config();
    assert_eq!(config, &parts.manifest.config);
    assert_eq!(bundle.bos(), Some(1));
    assert_eq!(bundle.stop_tokens(), [4, 0]);
    assert_eq!(bundle.mlp_norm(1), &parts.norms[24..32]);
    assert_eq!(bundle.final_norm(), &parts.norms[32..]);
    let mut row = [0.0; 8];
    bundle.embed(4, &mut row);
    assert_eq!(row, core::array::from_fn(|i| (32 + i) as f32 * 0.5));
    assert_eq!(bundle.token_text(2), b"xyz");
    assert_eq!(bundle.token_text(3), [0xff]);
    assert_eq!(bundle.token_text(5), b"");
    let head = GroupId(8);
    assert_eq!(bundle.row_scales(head), &parts.row_scales[config.total_rows() - 5..]);
    assert_eq!(bundle.bounds(head), parts.bounds[8]);
    let v = bundle.check_vector(head, 1);
    assert_eq!(v, &parts.check_vectors[parts.check_vectors.len() - 8..]);
    assert_eq!(bundle.check_seed().expose(), &[8; 32]);
}

/// One flipped bit anywhere is noticed.
#[test]
fn every_damaged_byte_is_noticed() {
    let file = write_device(&parts()).unwrap();
    assert_eq!(outcome(&file), Ok(()));
    for at in 0..file.len() {
        let mut bad = file.clone();
        bad[at] ^= 1 << (at % 8);
        assert!(outcome(&bad).is_err(), "byte {at}");
    }
    for length in 0..file.len() {
        assert!(outcome(&file[..length]).is_err());
    }
}

#[test]
fn biases_and_the_rotary_factor_may_be_left_out() {
    let mut parts = parts();
    let config = parts.manifest.config;
    let check = |parts: &mut DeviceParts, biases: &[f32], factor: f32| {
        parts.row_biases = biases.to_vec();
        let file = write_device(parts).unwrap();
        let words = aligned(&file);
        let bundle = DeviceBundle::parse(&bytemuck::cast_slice(&words)[..file.len()]).unwrap();
        assert_eq!(bundle.rotary_frequencies(), [0.0, 0.5]);
        assert_eq!(bundle.rotary_factor(), factor);
        let mut next = biases;
        for group in config.groups().take(8) {
            let rows = if biases.is_empty() { 0 } else { bundle.shape(group).rows };
            let (expected, rest) = next.split_at(rows);
            assert_eq!(bundle.row_biases(group), expected);
            next = rest;
        }
        assert!(next.is_empty());
        for none in [8, 9, u32::MAX] {
            assert_eq!(bundle.row_biases(GroupId(none)), [0.0; 0]);
        }
    };
    check(&mut parts, &[], 1.0);
    check(&mut parts, &biases(), 1.0);
    parts.rotary.push(1.25);
    check(&mut parts, &[], 1.25);
    check(&mut parts, &biases(), 1.25);

    let refused = |parts: &mut DeviceParts, biases: &[f32]| {
        parts.row_biases = biases.to_vec();
        outcome(&write_device(parts).unwrap()).unwrap_err()
    };
    let wrong = BundleError::Section(SectionKind::RowBiases);
    assert_eq!(refused(&mut parts, &biases()[1..]), wrong);
    assert_eq!(refused(&mut parts, &[biases(), vec![0.0; 5]].concat()), wrong);
    let wrong = BundleError::Section(SectionKind::RotaryFrequencies);
    parts.rotary.push(1.0);
    assert_eq!(refused(&mut parts, &[]), wrong);
    parts.rotary.truncate(1);
    assert_eq!(refused(&mut parts, &[]), wrong);
}

#[test]
fn sections_of_unknown_kinds_are_refused() {
    for kind in [0, 12, u32::MAX] {
        let mut bad = write_device(&DeviceParts { row_biases: biases(), ..parts() }).unwrap();
        let last = HEADER_BYTES + 10 * ENTRY_BYTES;
        assert_eq!(bad[last..last + 4], u32::to_le_bytes(11));
        bad[last..last + 4].copy_from_slice(&u32::to_le_bytes(kind));
        sign(&mut bad);
        assert_eq!(outcome(&bad), Err(BundleError::UnknownSection(kind)));
    }
}

/// A table that lies, under a digest that agrees, is refused without a panic.
#[test]
fn every_lying_table_entry_is_refused_or_harmless() {
    let file = write_device(&DeviceParts { row_biases: biases(), ..parts() }).unwrap();
    for entry in 0..SectionKind::ALL.len() {
        for field in (0..24).step_by(4) {
            for value in [0, 1, 2, 7, 64, 1 << 20, u32::MAX] {
                let mut bad = file.clone();
                let at = HEADER_BYTES + entry * ENTRY_BYTES + field;
                bad[at..at + 4].copy_from_slice(&u32::to_le_bytes(value));
                sign(&mut bad);
                let changed = bad != file;
                let result = outcome(&bad);
                // Stop tokens may have any number, so a shorter section is still well-formed.
                assert!(
                    !changed || result.is_err() || entry == 7 || entry == 3,
                    "{entry} {field} {value}"
                );
            }
        }
    }
    // With one section less there are no biases, and that is a model too.
    for count in [0, 9, 12, u32::MAX] {
        let mut bad = file.clone();
        bad[12..16].copy_from_slice(&u32::to_le_bytes(count));
        assert!(outcome(&bad).is_err());
    }
}

#[test]
fn heavy_matrices_are_refused_by_group() {
    let mut parts = parts();
    parts.bounds[3].norm1 = 1 << 30;
    let file = write_device(&parts).unwrap();
    assert!(matches!(outcome(&file), Err(BundleError::Bound { group: 3, .. })));
}
