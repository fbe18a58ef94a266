use crate::cli::Size;
use crate::device::BundleBytes;
use crate::size::Report;
use anyhow::Result;
use std::io::Write;

/// `subrosa size`.
pub(super) fn run(options: &Size) -> Result<()> {
    let bytes = BundleBytes::read(&options.model)?;
    let report = Report::new(options, &bytes.parse()?, bytes.len())?;
    let mut out = std::io::stdout();
    if options.json {
        writeln!(out, "{}", serde_json::to_string(&report)?)?;
    } else {
        write!(out, "{report}")?;
    }
    Ok(())
}
