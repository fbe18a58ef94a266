use crate::fixtures::{ALL, Copy, Counting, RawTensor, SHARDED_F16, TIED_F32, UNTIED_BF16};
use crate::fixtures::{fixture, floats, ignore, read_tensors};
use host_server::engine::Engine;
use host_server::model::{DEVICE_BUNDLE, HostBundle, MappedFile, convert_device, convert_host};
use kernel::accel::{AccelError, Reference, RowSource};
use kernel::bundle::{CHECK_REPETITIONS, DeviceBundle};
use kernel::model::{GroupId, GroupKind};
use kernel::prime::{Prime, T};
use kernel::quant::quantise_row;
use kernel::stream::check_vector;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::Arc;
use tempfile::TempDir;

/// Both bundles of a checkpoint, in `host` and `device` of a new folder.
fn convert(checkpoint: &Path) -> TempDir {
    let out = TempDir::new().unwrap();
    let host = convert_host(checkpoint, &out.path().join("host"), &mut ignore).unwrap();
    let device = out.path().join("device");
    let device = convert_device(checkpoint, &device, &mut Counting(1), &mut ignore).unwrap();
    assert_eq!(host.digest, device.digest);
    assert_eq!(host.config, device.config);
    out
}

fn host(out: &TempDir) -> HostBundle {
    HostBundle::open(&out.path().join("host")).unwrap()
}

fn device(out: &TempDir) -> MappedFile {
    MappedFile::open(&out.path().join("device").join(DEVICE_BUNDLE)).unwrap()
}

/// All tensors of a fixture, whatever file they are in.
fn tensors(name: &str) -> BTreeMap<String, RawTensor> {
    let files = fs::read_dir(fixture(name)).unwrap().map(|entry| entry.unwrap().path());
    files
        .filter(|path| path.file_name().unwrap().to_string_lossy().starts_with("model"))
        .filter(|path| path.extension().unwrap() == "safetensors")
        .flat_map(|path| read_tensors(&path))
        .collect()
}

/// The names as they are in the files, written out once more.
fn stacked(layer: u32, kind: GroupKind, tied: bool) -> Vec<String> {
    let parts: &[&str] = match kind {
        GroupKind::AttnIn => &["self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj"],
        GroupKind::AttnOut => &["self_attn.o_proj"],
        GroupKind::MlpIn => &["mlp.gate_proj", "mlp.up_proj"],
        GroupKind::MlpOut => &["mlp.down_proj"],
        GroupKind::LmHead if tied => return vec!["model.embed_tokens.weight".into()],
        GroupKind::LmHead => return vec!["lm_head.weight".into()],
    };
    parts.iter().map(|part| format!("model.layers.{layer}.{part}.weight")).collect()
}

#[test]
fn rows_are_the_quantised_tensors_in_manifest_order() {
    for name in ALL {
        let out = convert(&fixture(name));
        let (host, file, tensors) = (host(&out), device(&out), tensors(name));
        let device = DeviceBundle::parse(file.bytes()).unwrap();
        let mut hash = Sha256::new();
        for group in host.config().groups() {
            let (layer, kind) = host.config().kind(group).unwrap();
            let shape = host.config().shape(group).unwrap();
            let names = stacked(layer, kind, name == TIED_F32);
            let all: Vec<f32> = names.iter().flat_map(|name| floats(&tensors[name])).collect();
            assert_eq!(all.len(), shape.rows * shape.columns);

            let rows = host.rows(group).unwrap();
            assert_eq!((rows.rows(), rows.columns()), (shape.rows, shape.columns));
            let (mut norm1, mut norm2_squared) = (0, 0);
            for (i, row) in all.chunks(shape.columns).enumerate() {
                let mut expected = vec![0; shape.columns];
                let scale = quantise_row(row, &mut expected).unwrap();
                assert_eq!(rows.row(i).unwrap(), expected);
                assert_eq!(device.row_scales(group)[i], scale);
                let wide = expected.iter().map(|&w| i64::from(w));
                norm1 = norm1.max(wide.clone().map(i64::abs).sum());
                norm2_squared = norm2_squared.max(wide.map(|w| w * w).sum());
                hash.update(expected.iter().map(|&w| w as u8).collect::<Vec<_>>());
            }
            assert_eq!(device.bounds(group).norm1, norm1 as u64);
            assert_eq!(device.bounds(group).norm2_squared, norm2_squared as u64);
            let entry = &host.manifest().groups[group.0 as usize];
            assert_eq!(entry.bounds(), device.bounds(group));
        }
        assert_eq!(host.digest().0, <[u8; 32]>::from(hash.finalize()));
        assert_eq!(device.digest(), host.digest());
        host.verify().unwrap();
    }
}

#[test]
fn check_vectors_are_products_with_the_rows() {
    for name in ALL {
        let out = convert(&fixture(name));
        let (host, file) = (host(&out), device(&out));
        let device = DeviceBundle::parse(file.bytes()).unwrap();
        let mut seen = Vec::new();
        for group in host.config().groups() {
            let rows = host.rows(group).unwrap();
            for repetition in 0..CHECK_REPETITIONS {
                let mut u = vec![0; rows.rows()];
                check_vector(device.check_seed(), repetition as u8, group.0, 0, &mut u);
                let naive: Vec<u32> = (0..rows.columns())
                    .map(|j| {
                        let terms = u.iter().enumerate();
                        let sum: i128 = terms
                            .map(|(i, &u)| i128::from(u) * i128::from(rows.row(i).unwrap()[j]))
                            .sum();
                        sum.rem_euclid(i128::from(T::VALUE)) as u32
                    })
                    .collect();
                assert_eq!(device.check_vector(group, repetition), naive);
                seen.push(naive);
            }
        }
        seen.sort();
        seen.dedup();
        assert_eq!(seen.len(), CHECK_REPETITIONS * host.config().group_count() as usize);
    }
}

#[test]
fn rows_are_padded_aligned_and_shared_in_place() {
    let out = convert(&fixture(UNTIED_BF16));
    let host = host(&out);
    let file = fs::read(out.path().join("host/rows.bin")).unwrap();
    assert_eq!(file.len() as u64, host.manifest().rows_bytes);
    let mut used = vec![false; file.len()];
    for group in host.config().groups() {
        let entry = &host.manifest().groups[group.0 as usize];
        assert_eq!(entry.offset % 4096, 0);
        let mut source = host.rows(group).unwrap();
        let shared = source.shared().unwrap();
        assert_eq!(shared.stride() % 64, 0);
        assert_eq!(shared.bytes().as_ptr().align_offset(64), 0);
        assert_eq!(shared.bytes().len(), source.rows() * shared.stride());
        let mut row = vec![0; source.columns()];
        for i in 0..source.rows() {
            source.next_row(&mut row).unwrap();
            let (weights, padding) =
                shared.bytes()[i * shared.stride()..][..shared.stride()].split_at(row.len());
            assert_eq!(weights, row);
            assert!(padding.iter().all(|&w| w == 0));
            let at = entry.offset as usize + i * shared.stride();
            used[at..at + row.len()].fill(true);
        }
        assert_eq!(source.next_row(&mut row), Err(AccelError::Rows));
        let mut again = host.rows(group).unwrap();
        assert_eq!(again.next_row(&mut row[1..]), Err(AccelError::Shape));
    }
    assert!(file.iter().zip(&used).all(|(&byte, &used)| used || byte == 0));
    // A width of 160 needs padding, so the fixture tests it.
    let mlp_out = host.rows(host.config().group(0, GroupKind::MlpOut)).unwrap();
    assert_eq!(mlp_out.columns() % 64, 32);
    assert!(host.rows(GroupId(9)).is_none());
    assert!(host.rows(GroupId(u32::MAX)).is_none());
}

#[test]
fn device_bundles_hold_the_light_half() {
    for name in ALL {
        let out = convert(&fixture(name));
        let (file, tensors) = (device(&out), tensors(name));
        let device = DeviceBundle::parse(file.bytes()).unwrap();
        let config = *device.config();
        let norm = |name: &str| floats(&tensors[name]);
        assert_eq!(device.final_norm(), norm("model.norm.weight"));
        for layer in 0..config.layers {
            let name = |part| format!("model.layers.{layer}.{part}.weight");
            assert_eq!(device.attention_norm(layer), norm(&name("input_layernorm")));
            assert_eq!(device.mlp_norm(layer), norm(&name("post_attention_layernorm")));
        }
        let embeddings = norm("model.embed_tokens.weight");
        for (token, expected) in embeddings.chunks(config.hidden as usize).enumerate() {
            let mut row = vec![0.0; expected.len()];
            device.embed(token as u32, &mut row);
            assert_eq!(row, expected);
        }
        assert_eq!((device.bos(), device.stop_tokens()), (Some(0), &[1][..]));
        let theta = if name == SHARDED_F16 { 500_000_f64 } else { 10_000.0 };
        for (i, &frequency) in device.rotary_frequencies().iter().enumerate() {
            let exact = theta.powf(-(i as f64) / 8.0);
            assert!((f64::from(frequency) / exact - 1.0).abs() < 1e-7);
        }
        // Special tokens have no text; all bytes that occur in UTF-8 are tokens.
        assert_eq!((device.token_text(0), device.token_text(1)), (&b""[..], &b""[..]));
        let single: usize = (0..256).filter(|&t| device.token_text(t).len() == 1).count();
        assert_eq!(single, 256 - 13);
        assert!((0..256).any(|t| device.token_text(t) == b" the"));
    }
}

#[test]
fn checkpoints_need_no_tokenizer_and_no_alignment() {
    let copy = Copy::of(TIED_F32);
    fs::remove_file(copy.file("tokenizer.json")).unwrap();
    let reference = convert(&fixture(TIED_F32));
    for padding in 1..4 {
        copy.edit_tensors("model.safetensors", padding, |_| ());
        let out = TempDir::new().unwrap();
        let summary =
            convert_device(copy.path(), out.path(), &mut Counting(1), &mut ignore).unwrap();
        assert!(!summary.has_token_texts);
        assert_eq!(summary.tokens_without_text, 256);
        assert_eq!(summary.digest, host(&reference).digest());
        assert_eq!(fs::read_dir(out.path()).unwrap().count(), 1);
    }
}

#[test]
fn checkpoints_may_say_the_same_in_other_words() {
    use serde_json::json;
    let reference = host(&convert(&fixture(UNTIED_BF16))).digest();
    let copy = Copy::of(UNTIED_BF16);
    copy.remove("rope_scaling");
    copy.remove("rope_theta");
    copy.remove("head_dim");
    copy.set("attention_bias", json!(null));
    copy.set("rope_parameters", json!({"rope_type": "default", "rope_theta": 500.0}));
    copy.set("eos_token_id", json!([7, 1]));
    copy.set("bos_token_id", json!(null));
    let generation = json!({"eos_token_id": [1, 3], "bos_token_id": 2});
    fs::write(copy.file("generation_config.json"), generation.to_string()).unwrap();
    // Tensors that follow from others are passed over.
    copy.edit_tensors("model.safetensors", 0, |tensors| {
        let tensor = RawTensor { dtype: "F32".into(), shape: vec![1], bytes: vec![0; 4] };
        tensors.insert("model.layers.0.self_attn.rotary_emb.inv_freq".into(), tensor);
    });
    let out = convert(copy.path());
    assert_eq!(host(&out).digest(), reference);
    let file = device(&out);
    let device = DeviceBundle::parse(file.bytes()).unwrap();
    assert_eq!((device.bos(), device.stop_tokens()), (Some(2), &[1, 3, 7][..]));
    assert!((device.rotary_frequencies()[4] * 500_f32.sqrt() - 1.0).abs() < 1e-6);
    let beside = out.path().join("device/generation_config.json");
    assert_eq!(fs::read_to_string(beside).unwrap(), generation.to_string());
}

/// An engine takes a bundle's rows as they are, and its products pass the device's checks.
#[test]
fn products_with_the_host_bundle_pass_the_checks_of_the_device_bundle() {
    let out = convert(&fixture(SHARDED_F16));
    let (host, file) = (host(&out), device(&out));
    let device = DeviceBundle::parse(file.bytes()).unwrap();
    let reference = Arc::new(Reference::default());
    let engine =
        Engine::load(reference, *host.config(), host.digest(), |group| host.rows(group)).unwrap();
    let dot = |a: &[u32], b: &[u32]| a.iter().zip(b).fold(0, |s, (&a, &b)| T::add(s, T::mul(a, b)));
    for group in host.config().groups() {
        let shape = device.shape(group);
        let x: Vec<u32> = (1..=shape.columns as u32).map(|j| T::mul(j, 0xdead_beef)).collect();
        let y = engine.product(group, 1, &x).unwrap();
        for repetition in 0..CHECK_REPETITIONS {
            let mut u = vec![0; shape.rows];
            check_vector(device.check_seed(), repetition as u8, group.0, 0, &mut u);
            assert_eq!(dot(&u, &y), dot(device.check_vector(group, repetition), &x));
        }
    }
}

#[test]
fn every_device_has_check_vectors_of_its_own() {
    let out = TempDir::new().unwrap();
    let mut entropy = Counting(1);
    let files = ["a", "b"].map(|name| {
        let folder = out.path().join(name);
        convert_device(&fixture(TIED_F32), &folder, &mut entropy, &mut ignore).unwrap();
        MappedFile::open(&folder.join(DEVICE_BUNDLE)).unwrap()
    });
    let [a, b] = files.each_ref().map(|file| DeviceBundle::parse(file.bytes()).unwrap());
    assert_ne!(a.check_seed().expose(), b.check_seed().expose());
    assert_ne!(a.check_vector(GroupId(0), 0), b.check_vector(GroupId(0), 0));
    assert_eq!(a.digest(), b.digest());
}

#[test]
fn progress_goes_from_the_first_row_to_the_last() {
    let out = TempDir::new().unwrap();
    let mut calls = Vec::new();
    let mut progress = |done, total| calls.push((done, total));
    let manifest = convert_host(&fixture(TIED_F32), out.path(), &mut progress).unwrap();
    let total = manifest.config.total_rows();
    assert!(calls.is_sorted() && calls.iter().all(|call| call.1 == total));
    assert_eq!(calls.last(), Some(&(total, total)));
}
