//! What was measured: a table for people, and JSON with names that stay.

use super::device::{self, Unit};
use super::direct::Products;
use super::host::{CHUNK, Group};
use super::machine::Reached;
use super::shape::Shape;
use crate::report::{Bytes, Traffic};
use core::fmt;
use kernel::model::GroupKind;
use kernel::params::ParameterSet;
use kernel::wire::{BLOCK_PREFIX_BYTES, HEADER_BYTES, RowForm, body_bytes};
use serde::Serialize;

/// The figures of one kind of group: seconds for one matrix and one token, unless said otherwise.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Kind {
    pub(super) name: &'static str,
    pub(super) rows: usize,
    pub(super) columns: usize,
    /// Matrices of this kind in the whole model.
    pub(super) of_model: u32,
    pub(super) read_seconds: f64,
    pub(super) plain_seconds: f64,
    pub(super) online_seconds: f64,
    pub(super) online_over_plain: f64,
    pub(super) online_over_read: f64,
    /// A small batch of tokens against the ordinary product of as many columns.
    pub(super) online_batch_over_plain: f64,
    /// The ordinary product of many columns.
    pub(super) plain_mac_per_s: f64,
    /// Int8 multiply-adds: four bytes a word, masks and bodies of both limbs as a unit has them.
    pub(super) offline_mac_per_s: f64,
    pub(super) offline_over_int8_peak: f64,
    /// One token's share of a unit.
    pub(super) offline_seconds: f64,
    pub(super) direct_seconds: f64,
    pub(super) direct_over_plain: f64,
    /// With weights kept encoded, where there was room.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) direct_encoded_seconds: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) encoded_bytes: Option<u64>,
}

impl Kind {
    pub(super) fn new(group: &Group, direct: &Products) -> Self {
        let times = &group.times;
        // Of a unit's words, K parts in K + 1 are masks.
        let rank = Unit::K as f64;
        let mac = (times.masks.median() * rank + times.bodies.median()) / (rank + 1.0);
        let many = times.plain_many.median();
        // Two limbs of four bytes, masks and body for each of N tokens.
        let work = (8 * group.weights() * (Unit::K + 1)) as f64;
        let encoded = direct.encoded.median();
        let plain = times.plain.median();
        Self {
            name: group.kind.name(),
            rows: group.shape.rows,
            columns: group.shape.columns,
            of_model: group.of_model,
            read_seconds: times.read.median(),
            plain_seconds: plain,
            online_seconds: times.online.median(),
            online_over_plain: times.online.over(&times.plain),
            online_over_read: times.online.over(&times.read),
            online_batch_over_plain: times.online_chunk.over(&times.plain_chunk),
            plain_mac_per_s: 1.0 / many,
            offline_mac_per_s: 1.0 / mac,
            offline_over_int8_peak: many / mac,
            offline_seconds: work * mac,
            direct_seconds: direct.on_the_fly.median(),
            direct_over_plain: direct.on_the_fly.median() / plain,
            direct_encoded_seconds: (encoded > 0.0).then_some(encoded),
            encoded_bytes: (encoded > 0.0).then_some(direct.encoded_bytes),
        }
    }
}

/// What was run, and how.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Conditions {
    pub(super) shape: Shape,
    pub(super) backend: &'static str,
    pub(super) threads: usize,
    pub(super) rounds: usize,
    /// Layers that were run, of how many; times are scaled.
    pub(super) layers_run: u32,
    pub(super) layers: u32,
    pub(super) huge_pages: bool,
    pub(super) weight_bytes: u64,
}

/// Everything, for one token of the whole model. Names of fields are for scripts, and stay.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Summary {
    #[serde(flatten)]
    pub(super) conditions: Conditions,
    pub(super) read_seconds: f64,
    pub(super) plain_seconds: f64,
    pub(super) online_seconds: f64,
    pub(super) offline_seconds: f64,
    pub(super) direct_seconds: f64,
    pub(super) online_over_plain: f64,
    pub(super) online_over_read: f64,
    pub(super) offline_mac_per_s: f64,
    pub(super) offline_over_int8_peak: f64,
    pub(super) direct_over_plain: f64,
    /// The device's masks and checks, over these and the host's product.
    pub(super) device_share: f64,
    pub(super) device_online_seconds: f64,
    /// Encryption and decryption of one token's share of the units.
    pub(super) device_offline_seconds: f64,
    pub(super) device_direct_seconds: f64,
    pub(super) online_bytes: Traffic,
    pub(super) offline_bytes: Traffic,
    pub(super) direct_bytes: Traffic,
    pub(super) direct_key_bytes: u64,
    /// Correlations of one token, stored.
    pub(super) stored_bytes: u64,
    /// The most memory that this process has held; absent where the system does not tell.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) peak_rss_bytes: Option<u64>,
    /// Of a GPU, where it is one that is measured.
    #[serde(flatten)]
    pub(super) gpu: Option<Reached>,
    pub(super) groups: Vec<Kind>,
}

impl Summary {
    /// Works out what follows from the groups.
    pub(super) fn new(
        conditions: Conditions,
        groups: Vec<Kind>,
        times: &device::Times,
        direct: &[Products],
        direct_key_bytes: u64,
    ) -> Self {
        let sum = |of: &dyn Fn(&Kind) -> f64| -> f64 {
            groups.iter().map(|kind| f64::from(kind.of_model) * of(kind)).sum()
        };
        let n = Unit::N as f64;
        let work = |kind: &Kind| (kind.rows * kind.columns) as f64;
        let (read, plain) = (sum(&|kind| kind.read_seconds), sum(&|kind| kind.plain_seconds));
        let (online, offline) =
            (sum(&|kind| kind.online_seconds), sum(&|kind| kind.offline_seconds));
        let macs = sum(&|kind| work(kind) * (8 * (Unit::K + 1)) as f64);
        let peak = sum(&|kind| work(kind) / kind.plain_mac_per_s);
        let direct_seconds = sum(&|kind| kind.direct_seconds);
        let device_offline = sum(&|kind| {
            (kind.columns as f64 * times.encrypt.median()
                + kind.rows as f64 * times.decrypt.median())
                / n
        });
        let frame = (HEADER_BYTES + BLOCK_PREFIX_BYTES) as f64;
        let bytes = |up: f64, down: f64| Traffic { up: up as u64, down: down as u64 };
        let online_bytes = bytes(
            sum(&|kind| frame + 4.0 * kind.columns as f64),
            sum(&|kind| frame + 4.0 * kind.rows as f64),
        );
        let offline_bytes = bytes(
            sum(&|kind| (kind.columns * body_bytes(Unit::N)) as f64 / n),
            sum(&|kind| (kind.rows * RowForm::Switched.row_bytes(Unit::N, Unit::K, 1)) as f64 / n),
        );
        let of_model: Vec<f64> = groups.iter().map(|kind| kind.of_model.into()).collect();
        let all = |of: &dyn Fn(&Products) -> f64| -> f64 {
            of_model.iter().zip(direct).map(|(count, products)| count * of(products)).sum()
        };
        let direct_bytes = bytes(
            all(&|products| HEADER_BYTES as f64 + products.bytes.0 as f64),
            all(&|products| HEADER_BYTES as f64 + products.bytes.1 as f64),
        );
        let device_direct = all(&|products| {
            products.inputs as f64 * times.direct_encrypt.median()
                + products.outputs as f64 * times.direct_decrypt.median()
        });
        let stored = sum(&|kind| 4.0 * kind.rows as f64);
        let device = times.online.median();

        Self {
            conditions,
            read_seconds: read,
            plain_seconds: plain,
            online_seconds: online,
            offline_seconds: offline,
            direct_seconds,
            online_over_plain: online / plain,
            online_over_read: online / read,
            offline_mac_per_s: macs / offline,
            offline_over_int8_peak: macs / offline * peak / sum(&work),
            direct_over_plain: direct_seconds / plain,
            device_share: device / (device + online),
            device_online_seconds: device,
            device_offline_seconds: device_offline,
            device_direct_seconds: device_direct,
            online_bytes,
            offline_bytes,
            direct_bytes,
            direct_key_bytes,
            stored_bytes: stored as u64,
            peak_rss_bytes: peak_rss(),
            gpu: None,
            groups,
        }
    }
}

/// The most memory that the process has held so far, where the system tells.
pub(super) fn peak_rss() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(1024 * kib)
}

/// A time with a unit that suits it.
pub(super) struct Seconds(pub(super) f64);

impl fmt::Display for Seconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (value, unit) = match self.0 {
            s if s >= 1.0 => (s, "s"),
            s if s >= 1e-3 => (s * 1e3, "ms"),
            s => (s * 1e6, "us"),
        };
        let digits = if value < 10.0 {
            2
        } else if value < 100.0 {
            1
        } else {
            0
        };
        f.pad(&format!("{value:.digits$} {unit}"))
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{:<9} {:>13} {:>3} {:>9} {:>9} {:>9} {:>6} {:>6} {:>6} {:>9} {:>6} {:>9} {:>6} {:>9}",
            "matrix",
            "m x n",
            "of",
            "read",
            "plain",
            "online",
            "/plain",
            "/read",
            "x16",
            "offline",
            "/peak",
            "direct",
            "/plain",
            "encoded"
        )?;
        for kind in &self.groups {
            let encoded = kind.direct_encoded_seconds;
            writeln!(
                f,
                "{:<9} {:>13} {:>3} {:>9} {:>9} {:>9} {:>6.2} {:>6.2} {:>6.2} {:>5.0} G/s {:>6.2} {:>9} \
                 {:>6.0} {:>9}",
                kind.name,
                format!("{} x {}", kind.rows, kind.columns),
                kind.of_model,
                Seconds(kind.read_seconds),
                Seconds(kind.plain_seconds),
                Seconds(kind.online_seconds),
                kind.online_over_plain,
                kind.online_over_read,
                kind.online_batch_over_plain,
                kind.offline_mac_per_s / 1e9,
                kind.offline_over_int8_peak,
                Seconds(kind.direct_seconds),
                kind.direct_over_plain,
                encoded.map_or_else(|| "-".into(), |seconds| Seconds(seconds).to_string()),
            )?;
        }
        writeln!(f)?;
        let Conditions { layers_run, layers, weight_bytes, .. } = self.conditions;
        if layers_run < layers {
            writeln!(f, "a token, scaled from {layers_run} of {layers} layers:")?;
        } else {
            writeln!(f, "a token, all {layers} layers:")?;
        }
        let line =
            |f: &mut fmt::Formatter<'_>, what: &str, host: f64, device: f64, bytes: Traffic| {
                writeln!(
                    f,
                    "{what:<9} host {:>9}   device {:>9}   up {:>9}   down {:>9}",
                    Seconds(host).to_string(),
                    Seconds(device).to_string(),
                    Bytes(bytes.up).to_string(),
                    Bytes(bytes.down).to_string(),
                )
            };
        writeln!(
            f,
            "in clear  host {:>9}   reading {:>8}   weights {}",
            Seconds(self.plain_seconds).to_string(),
            Seconds(self.read_seconds).to_string(),
            Bytes(weight_bytes)
        )?;
        line(f, "online", self.online_seconds, self.device_online_seconds, self.online_bytes)?;
        line(f, "offline", self.offline_seconds, self.device_offline_seconds, self.offline_bytes)?;
        line(f, "direct", self.direct_seconds, self.device_direct_seconds, self.direct_bytes)?;
        writeln!(
            f,
            "ratios    online {:.2} of plain, {:.2} of reading; offline {:.0} G/s, {:.2} of the int8 \
             peak; direct {:.0} of plain",
            self.online_over_plain,
            self.online_over_read,
            self.offline_mac_per_s / 1e9,
            self.offline_over_int8_peak,
            self.direct_over_plain
        )?;
        if let Some(gpu) = &self.gpu {
            writeln!(
                f,
                "{:<9} online {:.1} GB/s of {:.1} that a copy moves; offline {:.0} of {:.0} G/s of a plain \
                 loop; {}",
                "GPU",
                gpu.achieved_bytes_per_s / 1e9,
                gpu.copy_bytes_per_s / 1e9,
                gpu.integer_ops_per_s / 1e9,
                gpu.plain_integer_ops_per_s / 1e9,
                gpu.adapter
            )?;
        }
        write!(
            f,
            "memory    {} stored a token, {} of direct keys a session",
            Bytes(self.stored_bytes),
            Bytes(self.direct_key_bytes)
        )?;
        match self.peak_rss_bytes {
            Some(bytes) => writeln!(f, ", {} resident at most", Bytes(bytes)),
            None => writeln!(f),
        }
    }
}

/// What the columns of the table are.
pub(super) const LEGEND: &str = "read: all threads read the weights; plain: ordinary int8 product; \
                                 online: the private one; x16: 16 tokens against the ordinary product of \
                                 16 columns; offline: int8 multiply-adds of a unit, and their share of what \
                                 the ordinary product of many columns reaches; direct: encoded on the fly, \
                                 and with weights kept encoded";

/// The kinds that are measured, in the order of a token.
pub(super) const KINDS: [GroupKind; 5] =
    [GroupKind::AttnIn, GroupKind::AttnOut, GroupKind::MlpIn, GroupKind::MlpOut, GroupKind::LmHead];

const _: () = assert!(CHUNK == 16, "the table says x16");
