use crate::cli::Devices;
use anyhow::Result;

/// `subrosa devices`.
#[cfg(not(feature = "wgpu"))]
pub(super) fn run(_: &Devices) -> Result<()> {
    anyhow::bail!("{}", crate::accel::BUILD_WITH_GPUS)
}

/// `subrosa devices`.
#[cfg(feature = "wgpu")]
pub(super) fn run(options: &Devices) -> Result<()> {
    use crate::devices::Report;
    use std::io::Write;

    let report = Report::new();
    let mut out = std::io::stdout().lock();
    if options.json {
        writeln!(out, "{}", serde_json::to_string(&report)?)?;
    } else {
        write!(out, "{report}")?;
    }
    anyhow::ensure!(
        report.is_right(),
        "a GPU computes wrongly: it must not be used, and `serve --accel cpu` does without"
    );
    Ok(())
}
