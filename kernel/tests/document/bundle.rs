//! What the page says in words about the device bundle, by reading a file at the offsets it gives.

use kernel::bundle::{
    CHECK_REPETITIONS, DeviceManifest, DeviceParts, ElementType, ModelDigest, SectionKind,
    write_device,
};
use kernel::model::ModelConfig;
use kernel::quant::GroupBounds;
use kernel::stream::Seed;
use sha2::{Digest, Sha256};

fn file(bos: Option<u32>) -> Vec<u8> {
    let config = ModelConfig {
        vocab: 300,
        hidden: 4,
        layers: 1,
        heads: 2,
        kv_heads: 1,
        head_dim: 2,
        intermediate: 6,
        context: 128,
        rms_eps: 1e-5,
    };
    let columns: usize = config.groups().map(|g| config.shape(g).unwrap().columns).sum();
    write_device(&DeviceParts {
        manifest: DeviceManifest { config, digest: ModelDigest([3; 32]), bos },
        norms: vec![1.0; 12],
        embedding_type: ElementType::F16,
        embeddings: vec![0; 300 * 4 * 2],
        tokens: vec![b"ab".to_vec(); 300],
        row_scales: vec![0.5; config.total_rows()],
        row_biases: vec![0.25; config.total_rows() - 300],
        bounds: vec![GroupBounds { norm2_squared: 7, norm1: 5 }; 5],
        rotary: vec![1.0],
        stop_tokens: vec![2],
        check_seed: Seed::from_bytes([9; 32]),
        check_vectors: vec![6; CHECK_REPETITIONS * columns],
    })
    .unwrap()
}

fn word(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(bytes[at..at + 8].try_into().unwrap())
}

/// (kind, element type, contents) of every section.
fn sections(file: &[u8]) -> Vec<(u64, u64, &[u8])> {
    let count = (word(file, 8) >> 32) as usize;
    let entries = file[64..].chunks_exact(32).take(count);
    entries
        .map(|entry| {
            let (kind, element) = (word(entry, 0) & 0xffff_ffff, word(entry, 0) >> 32);
            let (offset, length) = (word(entry, 8) as usize, word(entry, 16) as usize);
            assert!(offset.is_multiple_of(64) && word(entry, 24) == 0);
            (kind, element, &file[offset..offset + length])
        })
        .collect()
}

#[test]
fn a_device_bundle_is_laid_out_as_the_page_says() {
    let file = file(Some(300));
    assert_eq!(&file[..8], b"subrosaD");
    assert_eq!((word(&file, 8) & 0xffff_ffff, word(&file, 24)), (1, 0));
    assert_eq!(word(&file, 16), file.len() as u64);
    let rest = [&file[..32], &file[64..]].concat();
    assert_eq!(file[32..64], Sha256::digest(&rest)[..]);

    let sections = sections(&file);
    let kinds: Vec<_> = sections.iter().map(|(kind, ..)| *kind).collect();
    assert_eq!(kinds, SectionKind::ALL.map(|kind| kind as u64));
    assert_eq!(sections[2].1, 4); // embeddings in f16

    // The shape, nine numbers; the digest; the token that begins a text.
    let mut manifest = vec![0xac, 2, 4, 1, 2, 1, 2, 6, 0x80, 1];
    manifest.extend(1e-5_f32.to_le_bytes());
    manifest.extend([3; 32]);
    let start = manifest.clone();
    manifest.extend([1, 0xac, 2]);
    assert_eq!(sections[0].2, manifest);
    let without = self::file(None);
    assert_eq!(self::sections(&without)[0].2, [&start[..], &[0]].concat());

    let table = sections[3].2;
    assert_eq!(table.len(), 4 * 301 + 600);
    assert_eq!(table[4..8], 2_u32.to_le_bytes());
    assert_eq!(table[4 * 301..][..4], *b"abab");
    assert_eq!((word(sections[5].2, 0), word(sections[5].2, 8)), (7, 5)); // norm2^2, norm1
    assert_eq!(sections[8].2, [9; 32]);
}
