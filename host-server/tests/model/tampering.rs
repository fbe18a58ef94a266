use crate::fixtures::{UNTIED_BF16, fixture, ignore};
use host_server::model::{HostBundle, convert_host};
use serde_json::{Value, json};
use std::fs;
use std::path::PathBuf;
use tempfile::TempDir;

struct Bundle {
    folder: TempDir,
    manifest: Value,
}

impl Bundle {
    fn new() -> Self {
        let folder = TempDir::new().unwrap();
        convert_host(&fixture(UNTIED_BF16), folder.path(), &mut ignore).unwrap();
        let text = fs::read(folder.path().join("manifest.json")).unwrap();
        let manifest = serde_json::from_slice(&text).unwrap();
        Self { folder, manifest }
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn open_with(&self, manifest: &Value) -> Result<HostBundle, String> {
        fs::write(self.file("manifest.json"), manifest.to_string()).unwrap();
        HostBundle::open(self.folder.path()).map_err(|error| error.to_string())
    }

    fn edited(&self, pointer: &str, value: Value) -> Value {
        let mut manifest = self.manifest.clone();
        *manifest.pointer_mut(pointer).unwrap() = value;
        manifest
    }
}

#[test]
fn the_manifest_says_what_is_documented() {
    let bundle = Bundle::new();
    let manifest = &bundle.manifest;
    assert_eq!(manifest["format"], "subrosa-host-bundle");
    assert_eq!(manifest["version"], 1);
    assert_eq!(manifest["config"]["hidden"], 64);
    assert_eq!(manifest["digest"].as_str().unwrap().len(), 64);
    assert_eq!(manifest["groups"].as_array().unwrap().len(), 9);
    assert_eq!(manifest["groups"][5]["name"], "layers.1.attn_out");
    assert_eq!(manifest["groups"][8]["name"], "lm_head");
    assert_eq!(manifest["groups"][2]["rows"], 320);
    let open = bundle.open_with(manifest).unwrap();
    open.verify().unwrap();
    assert_eq!(open.digest().to_string(), manifest["digest"].as_str().unwrap());
    assert_eq!(open.config().rms_eps, 1e-5);
}

/// Whatever single value of the manifest is changed, something notices.
#[test]
fn every_value_of_the_manifest_matters() {
    let bundle = Bundle::new();
    let mut pointers: Vec<String> =
        ["/format", "/version", "/digest", "/rows_bytes", "/groups", "/config"]
            .map(String::from)
            .into();
    let config = bundle.manifest["config"].as_object().unwrap();
    pointers.extend(config.keys().map(|field| format!("/config/{field}")));
    for group in 0..9 {
        for field in ["name", "rows", "columns", "offset", "norm1", "norm2_squared"] {
            pointers.push(format!("/groups/{group}/{field}"));
        }
    }
    let max = json!(u64::MAX);
    let values = [
        json!(null),
        json!(0),
        json!(1),
        json!(-1),
        json!(4096),
        json!(2.5),
        max,
        json!("x"),
        json!([]),
    ];
    // These do not shape the rows: they must only be sane.
    let free = ["/config/context", "/config/rms_eps", "/config/heads", "/config/kv_heads"];
    for pointer in &pointers {
        for value in &values {
            let changed = bundle.edited(pointer, value.clone());
            if changed == bundle.manifest || free.contains(&&**pointer) {
                let _ = bundle.open_with(&changed);
                continue;
            }
            let outcome = bundle
                .open_with(&changed)
                .and_then(|open| open.verify().map_err(|error| error.to_string()));
            let message = outcome.expect_err(&format!("{pointer} = {value}"));
            assert!(message.contains(".json: ") || message.contains("rows.bin: "), "{message}");
        }
    }
}

#[test]
fn malformed_manifests_are_refused() {
    let bundle = Bundle::new();
    for bad in [json!([]), json!(null), json!("text"), json!({})] {
        assert!(bundle.open_with(&bad).unwrap_err().contains("not a host bundle's manifest"));
    }
    let newer = bundle.open_with(&bundle.edited("/version", json!(2))).unwrap_err();
    assert!(newer.contains("version 2 is not supported"), "{newer}");
    for digest in ["", "0", &"0".repeat(63), &"g".repeat(64), &"A".repeat(64), &"é".repeat(32)] {
        let outcome = bundle.open_with(&bundle.edited("/digest", json!(digest)));
        assert!(outcome.unwrap_err().contains("`digest`"));
    }
    let mut extra = bundle.manifest.clone();
    extra["comment"] = json!("hello");
    assert!(bundle.open_with(&extra).unwrap_err().contains("comment"));
    let mut fewer = bundle.manifest.clone();
    fewer["groups"].as_array_mut().unwrap().pop();
    assert!(bundle.open_with(&fewer).unwrap_err().contains("8 groups, not 9"));
    // A shape that is consistent and enormous is refused by the length of the rows.
    let vocab = kernel::model::MAX_ROWS as u64;
    let mut enormous = bundle.edited("/config/vocab", json!(vocab));
    enormous["groups"][8]["rows"] = json!(vocab);
    let grown = bundle.manifest["rows_bytes"].as_u64().unwrap() + (vocab - 256) * 64;
    enormous["rows_bytes"] = json!(grown);
    assert!(bundle.open_with(&enormous).unwrap_err().contains(&format!("bytes long, not {grown}")));
    let heavy = bundle.edited("/groups/3/norm1", json!(1 << 30));
    assert!(bundle.open_with(&heavy).unwrap_err().contains("layers.0.mlp_out"));
    fs::write(bundle.file("manifest.json"), "{").unwrap();
    assert!(HostBundle::open(bundle.folder.path()).is_err());
    fs::remove_file(bundle.file("manifest.json")).unwrap();
    assert!(HostBundle::open(bundle.folder.path()).is_err());
}

#[test]
fn rows_of_another_length_are_refused() {
    let bundle = Bundle::new();
    let rows = fs::read(bundle.file("rows.bin")).unwrap();
    for length in [0, 1, rows.len() / 2, rows.len() - 1] {
        fs::write(bundle.file("rows.bin"), &rows[..length]).unwrap();
        let message = bundle.open_with(&bundle.manifest).unwrap_err();
        assert!(message.contains(&format!("rows.bin: {length} bytes long")), "{message}");
    }
    fs::write(bundle.file("rows.bin"), [&rows[..], &[0]].concat()).unwrap();
    assert!(bundle.open_with(&bundle.manifest).is_err());
    fs::remove_file(bundle.file("rows.bin")).unwrap();
    assert!(bundle.open_with(&bundle.manifest).unwrap_err().contains("rows.bin"));
}

/// One flipped bit anywhere, in a weight or in the padding, fails verification.
#[test]
fn every_flipped_bit_of_the_rows_is_noticed() {
    let bundle = Bundle::new();
    let rows = fs::read(bundle.file("rows.bin")).unwrap();
    let stride = bundle.manifest["groups"][3]["offset"].as_u64().unwrap() as usize;
    let flips = (0..rows.len()).step_by(997).chain([stride - 1, stride + 160, rows.len() - 1]);
    for (i, at) in flips.enumerate() {
        let mut bad = rows.clone();
        bad[at] ^= 1 << (i % 8);
        fs::write(bundle.file("rows.bin"), bad).unwrap();
        let open = bundle.open_with(&bundle.manifest).unwrap();
        let message = open.verify().unwrap_err().to_string();
        assert!(message.contains("rows.bin: "), "{at}: {message}");
    }
}
