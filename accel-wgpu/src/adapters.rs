use crate::Permutation;
use core::fmt;
use core::str::FromStr;
use wgpu::{
    Adapter, Backends, DeviceType, Features, Instance, InstanceDescriptor, WgslLanguageFeatures,
};

/// What an adapter is, the better kind first.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum AdapterKind {
    /// A GPU with memory of its own.
    Discrete,
    /// A GPU that shares the processor's memory.
    Integrated,
    /// A GPU lent to a virtual machine.
    Virtual,
    /// Nothing is known.
    Other,
    /// The processor, which plays a GPU: right, and slow.
    Software,
}

impl fmt::Display for AdapterKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Discrete => "discrete GPU",
            Self::Integrated => "integrated GPU",
            Self::Virtual => "virtual GPU",
            Self::Other => "unknown kind",
            Self::Software => "software",
        })
    }
}

impl From<DeviceType> for AdapterKind {
    fn from(kind: DeviceType) -> Self {
        match kind {
            DeviceType::DiscreteGpu => Self::Discrete,
            DeviceType::IntegratedGpu => Self::Integrated,
            DeviceType::VirtualGpu => Self::Virtual,
            DeviceType::Cpu => Self::Software,
            DeviceType::Other => Self::Other,
        }
    }
}

/// An adapter of this machine.
#[derive(Clone, Debug)]
pub struct AdapterReport {
    /// Its number in [`adapters`].
    pub index: usize,
    /// What it calls itself.
    pub name: String,
    /// The interface that it is reached through.
    pub backend: String,
    /// What it is.
    pub kind: AdapterKind,
    /// Its driver, and that one's version.
    pub driver: String,
    /// All that the shaders can make use of here.
    pub best: Permutation,
    /// The most bytes that a shader sees of a buffer.
    pub binding_bytes: u64,
    /// The most bytes of a buffer.
    pub buffer_bytes: u64,
    /// Bytes of workgroup memory.
    pub workgroup_bytes: u32,
}

/// A part of a [`Permutation`], and whether an adapter has what it needs.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Availability {
    /// The part's name in a permutation.
    pub name: &'static str,
    /// What it needs.
    pub needs: &'static str,
    /// Whether it is there.
    pub available: bool,
}

impl AdapterReport {
    /// The parts of permutations, each with whether it is there.
    #[must_use]
    pub const fn parts(&self) -> [Availability; 3] {
        [
            Availability {
                name: "int64",
                needs: "64-bit integers in shaders (SHADER_INT64)",
                available: self.best.int64,
            },
            Availability {
                name: "dot",
                needs: "the WGSL extension packed_4x8_integer_dot_product",
                available: self.best.dot,
            },
            Availability {
                name: "subgroups",
                needs: "operations of subgroups (SUBGROUP)",
                available: self.best.subgroups,
            },
        ]
    }

    /// The permutations that it can run.
    pub fn permutations(&self) -> impl Iterator<Item = Permutation> {
        let best = self.best;
        Permutation::all().filter(move |permutation| permutation.is_within(best))
    }
}

/// Which adapter to take.
///
/// ```
/// use accel_wgpu::Selection;
///
/// // As people write it: nothing, a number or a part of a name.
/// assert_eq!("".parse(), Ok(Selection::Best));
/// assert_eq!("1".parse(), Ok(Selection::Index(1)));
/// assert_eq!("h200".parse(), Ok(Selection::Name("h200".into())));
/// assert_eq!(Selection::Index(1).to_string(), "adapter 1");
/// ```
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub enum Selection {
    /// The first of the best kind: a discrete GPU before an integrated one, software last.
    #[default]
    Best,
    /// The one of this number.
    Index(usize),
    /// The first whose name has this in it, in whatever case.
    Name(String),
}

impl FromStr for Selection {
    type Err = core::convert::Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(match text.parse() {
            _ if text.is_empty() => Self::Best,
            Ok(index) => Self::Index(index),
            Err(_) => Self::Name(text.into()),
        })
    }
}

impl fmt::Display for Selection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Best => f.write_str("any adapter"),
            Self::Index(index) => write!(f, "adapter {index}"),
            Self::Name(name) => write!(f, "an adapter called `{name}`"),
        }
    }
}

/// The adapters of this machine; none where there is no driver.
///
/// ```
/// for adapter in accel_wgpu::adapters() {
///     println!("{}: {} ({}, {})", adapter.index, adapter.name, adapter.kind, adapter.backend);
///     for part in adapter.parts() {
///         println!("  {} needs {}: {}", part.name, part.needs, part.available);
///     }
/// }
/// ```
#[must_use]
pub fn adapters() -> Vec<AdapterReport> {
    found().into_iter().map(|found| found.report).collect()
}

/// An adapter with its report.
pub(crate) struct Found {
    pub(crate) adapter: Adapter,
    pub(crate) report: AdapterReport,
}

/// All of them, in the system's order.
fn found() -> Vec<Found> {
    let mut descriptor = InstanceDescriptor::new_without_display_handle();
    descriptor.backends = Backends::VULKAN | Backends::METAL | Backends::DX12;
    let instance = Instance::new(descriptor);
    let language = instance.wgsl_language_features();
    let adapters = pollster::block_on(instance.enumerate_adapters(Backends::all()));
    let found = |(index, adapter): (usize, Adapter)| {
        let (info, features, limits) = (adapter.get_info(), adapter.features(), adapter.limits());
        let report = AdapterReport {
            index,
            name: info.name,
            backend: info.backend.to_string(),
            kind: info.device_type.into(),
            driver: [info.driver, info.driver_info].join(" ").trim().to_owned(),
            best: Permutation {
                int64: features.contains(Features::SHADER_INT64),
                dot: language.contains(WgslLanguageFeatures::Packed4x8IntegerDotProduct),
                subgroups: features.contains(Features::SUBGROUP),
            },
            binding_bytes: limits.max_storage_buffer_binding_size,
            buffer_bytes: limits.max_buffer_size,
            workgroup_bytes: limits.max_compute_workgroup_storage_size,
        };
        Found { adapter, report }
    };
    adapters.into_iter().enumerate().map(found).collect()
}

/// The adapter that is asked for.
pub(crate) fn select(selection: &Selection) -> Option<Found> {
    let mut all = found();
    match selection {
        Selection::Best => {
            all.sort_by_key(|found| found.report.kind);
            all.into_iter().next()
        }
        Selection::Index(index) => all.into_iter().nth(*index),
        Selection::Name(name) => {
            let name = name.to_lowercase();
            all.into_iter().find(|found| found.report.name.to_lowercase().contains(&name))
        }
    }
}
