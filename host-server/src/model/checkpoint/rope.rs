use super::CheckpointError;
use super::json::Object;

const DEFAULT_THETA: f64 = 10_000.0;
const TYPES: &str = "default, linear, dynamic, llama3, yarn";

/// How positions turn queries and keys: rotary embeddings of whole heads.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rope {
    /// Base of the frequencies.
    pub theta: f64,
    /// What was done to the frequencies for texts longer than those of the first training.
    pub scaling: RopeScaling,
}

/// How the frequencies were scaled, as `transformers` defines it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum RopeScaling {
    /// Not at all.
    ///
    /// `dynamic` counts as this. It scales only beyond `max_position_embeddings`, where the
    /// frequencies depend on the present length, so that a pass over a whole text and one that
    /// keeps its keys give different models. The context ends before that: it is never longer
    /// than `max_position_embeddings`.
    None,
    /// All divided by the factor.
    Linear {
        /// The divisor.
        factor: f64,
    },
    /// Those of long wavelengths divided by the factor, with a smooth transition.
    Llama3 {
        /// The divisor.
        factor: f64,
        /// Wavelengths above `original / low_freq_factor` are divided.
        low_freq_factor: f64,
        /// Wavelengths below `original / high_freq_factor` stay.
        high_freq_factor: f64,
        /// Longest text of the first training.
        original: u32,
    },
    /// Those that turn less often in a text divided by the factor, along a ramp over the indices.
    Yarn {
        /// The divisor.
        factor: f64,
        /// What cosines and sines are multiplied with.
        attention_factor: f64,
        /// Turns in a text of `original` tokens above which a frequency stays.
        beta_fast: f64,
        /// Turns below which it is divided.
        beta_slow: f64,
        /// Whether the ramp begins and ends at whole indices.
        truncate: bool,
        /// Longest text of the first training.
        original: u32,
    },
}

impl Rope {
    /// Reads either style: `rope_theta` and `rope_scaling`, or both within `rope_parameters`.
    pub(super) fn read(json: &Object, context: u32) -> Result<Self, CheckpointError> {
        json.only("partial_rotary_factor", "1.0", |v| v.as_f64() == Some(1.0))?;
        let [scaling, parameters] = [json.inner("rope_scaling")?, json.inner("rope_parameters")?]
            .map(|rope| rope.filter(|rope| rope.names().next().is_some()));
        if let (Some(a), Some(b)) = (&scaling, &parameters)
            && !a.same_fields(b)
        {
            return Err(json.bad("rope_scaling", "differs from `rope_parameters`"));
        }
        let outer = json.number("rope_theta")?;
        let Some(rope) = scaling.or(parameters) else {
            let theta = outer.unwrap_or(DEFAULT_THETA);
            at_least(json, "rope_theta", theta, 1.0)?;
            return Ok(Self { theta, scaling: RopeScaling::None });
        };
        rope.only("partial_rotary_factor", "1.0", |v| v.as_f64() == Some(1.0))?;
        let inner = rope.number("rope_theta")?;
        if let (Some(outer), Some(inner)) = (outer, inner)
            && outer != inner
        {
            return Err(rope.bad("rope_theta", "differs from the other `rope_theta`"));
        }
        let theta = inner.or(outer).unwrap_or(DEFAULT_THETA);
        at_least(if inner.is_some() { &rope } else { json }, "rope_theta", theta, 1.0)?;

        let kind = kind(&rope)?;
        let fields: &[&str] = match kind {
            "linear" | "dynamic" => &["factor"],
            "llama3" => &LLAMA3_FIELDS,
            "yarn" => &YARN_FIELDS,
            _ => &[],
        };
        let known = ["rope_type", "type", "rope_theta", "partial_rotary_factor"];
        let unknown = |name: &&str| !known.contains(name) && !fields.contains(name);
        for unknown in rope.names().filter(unknown) {
            rope.only(unknown, "the fields that this type of scaling has", |_| false)?;
        }
        let scaling = match kind {
            "linear" => RopeScaling::Linear { factor: factor(&rope)? },
            "dynamic" => factor(&rope).map(|_| RopeScaling::None)?,
            "llama3" => llama3(&rope, original(json, &rope, context)?)?,
            "yarn" if theta > 1.0 => yarn(&rope, original(json, &rope, context)?)?,
            "yarn" => {
                return Err(rope.bad("rope_theta", "is 1, which has no wavelengths to tell apart"));
            }
            _ => RopeScaling::None,
        };
        Ok(Self { theta, scaling })
    }

    /// What cosines and sines are multiplied with.
    #[must_use]
    pub const fn attention_factor(&self) -> f64 {
        match self.scaling {
            RopeScaling::Yarn { attention_factor, .. } => attention_factor,
            _ => 1.0,
        }
    }
}

const LLAMA3_FIELDS: [&str; 4] =
    ["factor", "low_freq_factor", "high_freq_factor", "original_max_position_embeddings"];
const YARN_FIELDS: [&str; 8] = [
    "factor",
    "original_max_position_embeddings",
    "attention_factor",
    "mscale",
    "mscale_all_dim",
    "beta_fast",
    "beta_slow",
    "truncate",
];

/// The type of scaling, from either of the fields where it has been kept.
fn kind(rope: &Object) -> Result<&str, CheckpointError> {
    for field in ["rope_type", "type"] {
        rope.only(field, TYPES, |v| v.as_str().is_some_and(|v| TYPES.split(", ").any(|t| t == v)))?;
    }
    let name = |field| rope.get(field).and_then(|v| v.as_str());
    match (name("rope_type"), name("type")) {
        (Some(a), Some(b)) if a != b => Err(rope.bad("type", "differs from `rope_type`")),
        (a, b) => Ok(a.or(b).unwrap_or("default")),
    }
}

/// The longest text of the first training: `context` where nothing else is said.
fn original(json: &Object, rope: &Object, context: u32) -> Result<u32, CheckpointError> {
    const FIELD: &str = "original_max_position_embeddings";
    let (outer, inner) = (json.integer(FIELD)?, rope.integer(FIELD)?);
    if let (Some(outer), Some(inner)) = (outer, inner)
        && outer != inner
    {
        return Err(rope.bad(FIELD, format!("differs from the other `{FIELD}`")));
    }
    match inner.or(outer).unwrap_or(context) {
        0 => Err(rope.bad(FIELD, "is 0")),
        original => Ok(original),
    }
}

fn factor(rope: &Object) -> Result<f64, CheckpointError> {
    let factor = rope.required("factor", rope.number("factor")?)?;
    at_least(rope, "factor", factor, 1.0)?;
    Ok(factor)
}

fn llama3(rope: &Object, original: u32) -> Result<RopeScaling, CheckpointError> {
    let number = |field| rope.required(field, rope.number(field)?);
    let low_freq_factor = number("low_freq_factor")?;
    let high_freq_factor = number("high_freq_factor")?;
    positive(rope, "low_freq_factor", low_freq_factor)?;
    positive(rope, "high_freq_factor", high_freq_factor)?;
    if high_freq_factor <= low_freq_factor {
        return Err(rope.bad("high_freq_factor", "is not above `low_freq_factor`"));
    }
    let factor = factor(rope)?;
    Ok(RopeScaling::Llama3 { factor, low_freq_factor, high_freq_factor, original })
}

fn yarn(rope: &Object, original: u32) -> Result<RopeScaling, CheckpointError> {
    let factor = factor(rope)?;
    // Zero counts as absent.
    let optional = |field| Ok(rope.number(field)?.filter(|&x| x != 0.0));
    let scale = |mscale: f64| 1.0 + 0.1 * mscale * libm::log(factor);
    let attention_factor = match rope.number("attention_factor")? {
        Some(given) => given,
        None => match (optional("mscale")?, optional("mscale_all_dim")?) {
            (Some(above), Some(below)) => scale(above) / scale(below),
            _ => scale(1.0),
        },
    };
    positive(rope, "attention_factor", f64::from(attention_factor as f32))?;
    let beta_fast = optional("beta_fast")?.unwrap_or(32.0);
    let beta_slow = optional("beta_slow")?.unwrap_or(1.0);
    positive(rope, "beta_fast", beta_fast)?;
    positive(rope, "beta_slow", beta_slow)?;
    // Null is false here, not absent.
    let truncate = match rope.flag("truncate")? {
        Some(truncate) => truncate,
        None => !rope.names().any(|name| name == "truncate"),
    };
    Ok(RopeScaling::Yarn { factor, attention_factor, beta_fast, beta_slow, truncate, original })
}

fn at_least(json: &Object, field: &str, value: f64, least: f64) -> Result<(), CheckpointError> {
    if value.is_finite() && value >= least {
        return Ok(());
    }
    Err(json.bad(field, format!("is {value}, not a finite number from {least} up")))
}

fn positive(json: &Object, field: &str, value: f64) -> Result<(), CheckpointError> {
    if value.is_finite() && value > 0.0 {
        return Ok(());
    }
    Err(json.bad(field, format!("is {value}, not a finite number above 0")))
}
