use crate::cli::ConvertFolders;
use crate::entropy::SystemEntropy;
use crate::progress;
use crate::report::Bytes;
use crate::store_file;
use anyhow::{Result, ensure};
use host_server::model::{DeviceSummary, HostManifest, convert_device, convert_host};
use std::path::Path;

/// Converts for a host, behind a progress bar.
pub(crate) fn host_bundle(checkpoint: &Path, out: &Path) -> Result<HostManifest> {
    Ok(progress::counted("host bundle", |hear| convert_host(checkpoint, out, hear))?)
}

/// Converts for a device, behind a progress bar.
pub(crate) fn device_bundle(checkpoint: &Path, out: &Path) -> Result<DeviceSummary> {
    let summary = progress::counted("device bundle", |hear| {
        convert_device(checkpoint, out, &mut SystemEntropy, hear)
    });
    Ok(summary?)
}

/// `subrosa convert host`.
pub(super) fn host(folders: &ConvertFolders) -> Result<()> {
    let manifest = host_bundle(&folders.checkpoint, &folders.out)?;
    eprintln!(
        "host bundle in {}: {} groups, {} rows, digest {}",
        folders.out.display(),
        manifest.config.group_count(),
        manifest.config.total_rows(),
        manifest.digest
    );
    eprintln!("serve it with: subrosa serve --model {}", folders.out.display());
    Ok(())
}

/// `subrosa convert device`.
pub(super) fn device(folders: &ConvertFolders) -> Result<()> {
    // Each bundle has a key of its own, which opens no older store.
    let store = store_file::path(None, &folders.out);
    ensure!(
        store.symlink_metadata().is_err(),
        "{} holds correlations of the device bundle there, which a new bundle cannot open: write to \
         another folder, or remove that file first if they may be lost",
        store.display()
    );
    let summary = device_bundle(&folders.checkpoint, &folders.out)?;
    eprintln!(
        "device bundle in {}: {}, digest {}",
        folders.out.display(),
        Bytes(summary.bytes),
        summary.digest
    );
    if !summary.has_token_texts {
        eprintln!("warning: no tokenizer.json: give prompts as --prompt-ids; texts stay empty");
    }
    if summary.stop_tokens.is_empty() {
        eprintln!("warning: the model names no token that ends a text");
    }
    eprintln!("it holds secret check vectors: keep it from every host, one for each device");
    Ok(())
}
