use host_server::model::{Checkpoint, HostBundle, token_table};
use std::cell::RefCell;
use std::fs;
use std::path::Path;
use tempfile::TempDir;

thread_local! {
    /// In memory where there is such a place: every case writes its files.
    static FOLDER: RefCell<TempDir> = RefCell::new(
        TempDir::new_in("/dev/shm").or_else(|_| TempDir::new()).unwrap()
    );
}

fn within(test: impl FnOnce(&Path)) {
    FOLDER.with_borrow(|folder| test(folder.path()));
}

/// A checkpoint: two bytes with the length of `config.json`, that, and `model.safetensors`. One that
/// opens has every tensor of its model, whole.
pub fn checkpoint(data: &[u8]) {
    let Some((length, rest)) = data.split_first_chunk() else { return };
    let (config, weights) = rest.split_at(usize::from(u16::from_le_bytes(*length)).min(rest.len()));
    within(|folder| {
        fs::write(folder.join("config.json"), config).unwrap();
        // Another file each time: what is mapped must not be changed.
        let file = folder.join("model.safetensors");
        let _ = fs::remove_file(&file);
        fs::write(&file, weights).unwrap();
        let Ok(checkpoint) = Checkpoint::open(folder) else { return };
        let model = checkpoint.config().model;
        model.check().unwrap();
        let mut names = checkpoint.norm_tensors();
        names.push(checkpoint.embedding_tensor().to_owned());
        for group in model.groups() {
            names.extend(checkpoint.group_tensors(group));
            names.extend(checkpoint.bias_tensors(group));
        }
        for name in names {
            let tensor = checkpoint.tensor(&name).unwrap();
            let mut row = vec![0.0; tensor.columns()];
            for index in 0..tensor.rows() {
                tensor.read_row(index, &mut row);
            }
            let size = tensor.rows() * tensor.columns() * tensor.weight_type().bytes();
            assert_eq!(size, tensor.bytes().len());
        }
    });
}

/// A tokenizer's file as JSON, with a vocabulary of the size that the first byte says.
pub fn tokenizer(data: &[u8]) {
    let Some((&vocab, text)) = data.split_first() else { return };
    let Ok(json) = serde_json::from_slice(text) else { return };
    if let Ok(table) = token_table(&json, vocab.into()) {
        assert_eq!(table.len(), usize::from(vocab));
    }
}

/// A host bundle: two bytes with the length of its manifest, that, and its rows. One that opens can be
/// read to its end.
pub fn host_bundle(data: &[u8]) {
    let Some((length, rest)) = data.split_first_chunk() else { return };
    let (manifest, rows) = rest.split_at(usize::from(u16::from_le_bytes(*length)).min(rest.len()));
    within(|folder| {
        fs::write(folder.join("manifest.json"), manifest).unwrap();
        let file = folder.join("rows.bin");
        let _ = fs::remove_file(&file);
        fs::write(&file, rows).unwrap();
        let Ok(bundle) = HostBundle::open(folder) else { return };
        let _ = bundle.verify();
        for group in bundle.config().groups() {
            let rows = bundle.rows(group).unwrap();
            let shape = bundle.config().shape(group).unwrap();
            assert!((0..shape.rows).all(|i| rows.row(i).unwrap().len() == shape.columns));
            assert!(rows.row(shape.rows).is_none());
        }
    });
}
