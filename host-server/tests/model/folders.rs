use crate::fixtures::{Copy, Counting, SHARDED_F16, TIED_F32, fixture, ignore};
use core::panic::AssertUnwindSafe;
use host_server::model::{ConvertError, DEVICE_BUNDLE, HostBundle, convert_device, convert_host};
use kernel::stream::Entropy;
use std::collections::BTreeMap;
use std::fs;
use std::panic::catch_unwind;
use std::path::Path;
use tempfile::TempDir;

fn contents(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap());
    entries
        .map(|e| (e.file_name().to_string_lossy().into_owned(), fs::read(e.path()).unwrap()))
        .collect()
}

fn host(checkpoint: &Path, out: &Path) -> Result<(), ConvertError> {
    convert_host(checkpoint, out, &mut ignore).map(|_| ())
}

fn device(checkpoint: &Path, out: &Path) -> Result<(), ConvertError> {
    convert_device(checkpoint, out, &mut Counting(9), &mut ignore).map(|_| ())
}

#[cfg(unix)]
#[test]
fn the_device_bundle_is_its_owners_alone() {
    use std::os::unix::fs::PermissionsExt;
    let mode = |path: &Path| path.metadata().unwrap().permissions().mode() & 0o777;
    let out = TempDir::new().unwrap();
    device(&fixture(TIED_F32), out.path()).unwrap();
    let bundle = out.path().join(DEVICE_BUNDLE);
    assert_eq!(mode(&bundle), 0o600);
    // Neither an earlier bundle's mode nor its being there changes that.
    fs::set_permissions(&bundle, fs::Permissions::from_mode(0o644)).unwrap();
    device(&fixture(TIED_F32), out.path()).unwrap();
    assert_eq!(mode(&bundle), 0o600);
    // What is public is not made private.
    let plain = out.path().join("plain");
    fs::write(&plain, "").unwrap();
    assert_eq!(mode(&out.path().join("tokenizer.json")), mode(&plain));
}

#[test]
fn converting_again_replaces_all_of_a_bundle() {
    let out = TempDir::new().unwrap();
    let (h, d) = (out.path().join("h"), out.path().join("d"));
    host(&fixture(TIED_F32), &h).unwrap();
    device(&fixture(TIED_F32), &d).unwrap();
    let open = HostBundle::open(&h).unwrap();
    let before = (contents(&h), contents(&d));
    assert_eq!(before.0.keys().collect::<Vec<_>>(), ["manifest.json", "rows.bin"]);
    assert_eq!(before.1.keys().collect::<Vec<_>>(), ["device.bundle", "tokenizer.json"]);

    let copy = Copy::of(SHARDED_F16);
    fs::remove_file(copy.file("tokenizer.json")).unwrap();
    host(copy.path(), &h).unwrap();
    device(copy.path(), &d).unwrap();
    let after = (contents(&h), contents(&d));
    assert_ne!(before.0["manifest.json"], after.0["manifest.json"]);
    assert_ne!(before.0["rows.bin"], after.0["rows.bin"]);
    assert_eq!(after.1.keys().collect::<Vec<_>>(), ["device.bundle"]);
    HostBundle::open(&h).unwrap().verify().unwrap();
    // A bundle that was open keeps the rows that it had.
    open.verify().unwrap();
}

#[test]
fn what_is_no_bundle_is_left_alone() {
    for (name, text) in [
        ("notes.txt", "mine"),
        ("manifest.json", "{\"name\": \"an extension\"}"),
        ("manifest.json", "not even JSON"),
        ("manifest.json", "[]"),
        ("device.bundle", "short"),
        ("device.bundle", "long enough for a magic number"),
        ("tokenizer.json", "{}"),
        ("config.json", "{}"),
    ] {
        let out = TempDir::new().unwrap();
        fs::write(out.path().join(name), text).unwrap();
        let before = contents(out.path());
        for outcome in
            [host(&fixture(TIED_F32), out.path()), device(&fixture(TIED_F32), out.path())]
        {
            let error = outcome.unwrap_err();
            assert!(matches!(error, ConvertError::Occupied { .. }), "{error}");
            assert!(error.to_string().contains(name), "{error}");
            assert_eq!(contents(out.path()), before);
        }
    }
    // Neither kind of bundle is taken for the other.
    let out = TempDir::new().unwrap();
    host(&fixture(TIED_F32), out.path()).unwrap();
    assert!(device(&fixture(TIED_F32), out.path()).is_err());
    // A file is no folder.
    let file = out.path().join("rows.bin");
    assert!(matches!(host(&fixture(TIED_F32), &file), Err(ConvertError::Io { .. })));
}

/// A conversion that fails or dies anywhere leaves the folder as it was.
#[test]
fn an_interrupted_conversion_leaves_no_half_bundle() {
    for earlier in [false, true] {
        let out = TempDir::new().unwrap();
        let (h, d) = (out.path().join("h"), out.path().join("d"));
        fs::create_dir_all(&h).unwrap();
        fs::create_dir_all(&d).unwrap();
        if earlier {
            host(&fixture(SHARDED_F16), &h).unwrap();
            device(&fixture(SHARDED_F16), &d).unwrap();
        }
        let before = (contents(&h), contents(&d));

        // The last tensor that is read has a weight that is no number.
        let copy = Copy::of(TIED_F32);
        copy.edit_tensors("model.safetensors", 0, |tensors| {
            let tensor = tensors.get_mut("model.layers.1.mlp.down_proj.weight").unwrap();
            let end = tensor.bytes.len();
            tensor.bytes[end - 4..].copy_from_slice(&f32::NAN.to_le_bytes());
        });
        for outcome in [host(copy.path(), &h), device(copy.path(), &d)] {
            let error = outcome.unwrap_err().to_string();
            assert!(error.contains("model.layers.1.mlp.down_proj.weight") && error.contains("63"));
        }
        assert_eq!((contents(&h), contents(&d)), before);

        for stop_at in [256, 512, 768] {
            let mut dies = |done, _| assert!(done < stop_at, "planned");
            let checkpoint = fixture(TIED_F32);
            let outcome = catch_unwind(AssertUnwindSafe(|| {
                convert_host(&checkpoint, &h, &mut dies).map(|_| ())
            }));
            assert!(outcome.is_err());
            let outcome = catch_unwind(AssertUnwindSafe(|| {
                convert_device(&checkpoint, &d, &mut Counting(0), &mut dies).map(|_| ())
            }));
            assert!(outcome.is_err());
            assert_eq!((contents(&h), contents(&d)), before);
        }
        assert_eq!(HostBundle::open(&h).is_ok(), earlier);
    }
}

/// What a killed process leaves: temporary files, and perhaps rows without a manifest.
#[test]
fn leftovers_do_not_stand_in_the_way() {
    let out = TempDir::new().unwrap();
    fs::write(out.path().join(".subrosa-abc123"), "half").unwrap();
    fs::write(out.path().join("rows.bin"), "whole, but without its manifest").unwrap();
    assert!(HostBundle::open(out.path()).is_err());
    host(&fixture(TIED_F32), out.path()).unwrap();
    HostBundle::open(out.path()).unwrap().verify().unwrap();
}

#[test]
fn without_randomness_there_is_no_bundle() {
    struct Broken;
    impl Entropy for Broken {
        type Error = &'static str;
        fn fill(&mut self, _: &mut [u8]) -> Result<(), &'static str> {
            Err("the health test failed")
        }
    }
    let out = TempDir::new().unwrap();
    let outcome = convert_device(&fixture(TIED_F32), out.path(), &mut Broken, &mut ignore);
    assert!(outcome.unwrap_err().to_string().contains("the health test failed"));
    assert!(contents(out.path()).is_empty());
    // Behind a trait object too.
    let entropy: &mut dyn Entropy<Error = &'static str> = &mut Broken;
    assert!(convert_device(&fixture(TIED_F32), out.path(), entropy, &mut ignore).is_err());
}
