//! Progress bars and logs, on stderr.

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::io::IsTerminal;
use std::time::Duration;

/// Logs to stderr: warnings, or more at the user's wish; with the time of day for a daemon.
pub(crate) fn init_logs(verbose: u8, daemon: bool) {
    let default = match verbose {
        0 => "warn",
        1 => "info",
        _ => "debug",
    };
    let filter = tracing_subscriber::EnvFilter::try_from_default_env()
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new(default));
    let logs = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .with_target(false);
    if daemon {
        logs.init();
    } else {
        logs.without_time().init();
    }
}

/// A bar over `length` bytes.
pub(crate) fn bytes(label: &'static str, length: u64) -> ProgressBar {
    bar(
        label,
        length,
        "{decimal_bytes} of {decimal_total_bytes}, {decimal_bytes_per_sec}, {eta} left",
    )
}

/// A bar over `length` things.
pub(crate) fn count(label: &'static str, length: u64) -> ProgressBar {
    bar(label, length, "{pos} of {len}, {eta} left")
}

/// Does work that tells how much of how much is done, behind a bar.
pub(crate) fn counted<T>(
    label: &'static str,
    work: impl FnOnce(&mut dyn FnMut(usize, usize)) -> T,
) -> T {
    let bar = count(label, 0);
    let done = work(&mut |done, all| {
        bar.set_length(all as u64);
        bar.set_position(done as u64);
    });
    bar.finish_and_clear();
    done
}

fn bar(label: &'static str, length: u64, tail: &str) -> ProgressBar {
    let template = format!("{{prefix:12}} [{{bar:28}}] {tail}");
    let bar = ProgressBar::with_draw_target(Some(length), ProgressDrawTarget::stderr_with_hz(10));
    if let Ok(style) = ProgressStyle::with_template(&template) {
        bar.set_style(style.progress_chars("=> "));
    }
    bar.set_prefix(label);
    bar.enable_steady_tick(Duration::from_millis(200));
    bar
}
