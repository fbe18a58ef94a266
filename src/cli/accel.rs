use super::limits::any_size;
use crate::accel::Wanted;
use clap::Args;

/// What multiplies, for commands that are a host.
#[derive(Debug, Args)]
pub(crate) struct AccelOptions {
    /// What multiplies: `cpu`; `wgpu`, a GPU, or `wgpu:ADAPTER`, the one with this number or with this in
    /// its name, as `subrosa devices` shows them; `auto`, a GPU if there is one that works, else the
    /// processor. What a GPU has no room for, and what is left when one is lost, the processor computes
    #[arg(long, default_value = "auto", value_parser = wanted, value_name = "NAME")]
    pub(crate) accel: Wanted,
    /// Memory of the GPU that matrices and keys may take, such as 512MiB or 4GiB [default: all of it]
    #[arg(long, value_parser = any_size, value_name = "SIZE")]
    pub(crate) gpu_memory: Option<u64>,
}

/// What multiplies, by name.
pub(super) fn wanted(text: &str) -> Result<Wanted, String> {
    match text.split_once(':') {
        None if text == "auto" => Ok(Wanted::Auto),
        None if text == "cpu" => Ok(Wanted::Cpu),
        None if text == "wgpu" => Ok(Wanted::Wgpu(String::new())),
        Some(("wgpu", adapter)) if !adapter.trim().is_empty() => {
            Ok(Wanted::Wgpu(adapter.trim().to_owned()))
        }
        _ => Err("must be auto, cpu, wgpu or wgpu:ADAPTER".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accelerators_have_names() {
        let gpu = |adapter: &str| Ok(Wanted::Wgpu(adapter.to_owned()));
        assert_eq!(wanted("auto"), Ok(Wanted::Auto));
        assert_eq!(wanted("cpu"), Ok(Wanted::Cpu));
        assert_eq!(wanted("wgpu"), gpu(""));
        assert_eq!(wanted("wgpu:1"), gpu("1"));
        assert_eq!(wanted("wgpu:Radeon RX: 5"), gpu("Radeon RX: 5"));
        for text in ["", "gpu", "wgpu:", "wgpu: ", "cpu:0", "auto:1", "WGPU"] {
            assert!(wanted(text).is_err(), "{text}");
        }
    }
}
