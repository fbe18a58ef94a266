use super::direct::Direct;
use super::{Need, Refusal, SessionLimits};
use crate::engine::{Engine, KeyJob, ProductJob};
use kernel::direct::DirectShape;
use kernel::model::{GroupShape, ModelConfig};
use kernel::params::ParameterId;
use kernel::schedule::{Schedule, ScheduledProduct};
use kernel::trace::{Layout, session_automorphisms, session_products};
use kernel::wire::{
    Block, DirectSeeds, FaultCode, Hello, MAX_PAYLOAD, Purpose, ReplyFrames, WireError,
    direct_payloads,
};
use std::iter::Peekable;
use std::sync::Arc;

type Products = Box<dyn Iterator<Item = (u64, ScheduledProduct)> + Send + Sync>;

/// A session that generates: the products that are due, and the keys of direct mode.
pub(super) struct Online {
    products: Peekable<Products>,
    /// Products that are masked, the schedule's first.
    masked: u64,
    direct: Option<Direct>,
}

/// What an opening says of a session that generates.
struct Terms {
    prompt_bucket: u32,
    output_bucket: u32,
    chunk: u32,
    masked: u64,
    seeds: Option<DirectSeeds>,
}

impl Terms {
    const fn of(purpose: &Purpose) -> Option<Self> {
        Some(match *purpose {
            Purpose::Masked { prompt_bucket, output_bucket, chunk } => {
                Self { prompt_bucket, output_bucket, chunk, masked: u64::MAX, seeds: None }
            }
            Purpose::Direct { seeds, prompt_bucket, output_bucket, chunk } => {
                Self { prompt_bucket, output_bucket, chunk, masked: 0, seeds: Some(seeds) }
            }
            Purpose::Mixed { seeds, prompt_bucket, output_bucket, chunk, masked } => {
                let seeds = Some(seeds);
                Self { prompt_bucket, output_bucket, chunk, masked: masked as u64, seeds }
            }
            _ => return None,
        })
    }
}

impl Online {
    /// A session as it is opened or resumed.
    pub(super) fn open(
        engine: &Arc<Engine>,
        hello: &Hello,
        set: ParameterId,
        limits: &SessionLimits,
    ) -> Result<Self, Refusal> {
        let config = *engine.config();
        let terms = Terms::of(&hello.purpose).ok_or(FaultCode::Limits)?;
        let schedule =
            Schedule::new(&config, terms.prompt_bucket, terms.output_bucket, terms.chunk)
                .map_err(|_| FaultCode::Limits)?;
        let products = schedule.product_count(&config);
        if matches!(hello.purpose, Purpose::Mixed { masked, .. } if u64::from(masked) > products) {
            return Err(FaultCode::Limits.into());
        }
        let shape = DirectShape::of(set);
        if terms.seeds.is_some() != shape.is_some() {
            return Err(FaultCode::Limits.into());
        }
        let max_payload = MAX_PAYLOAD.min(hello.max_payload as usize);
        if terms.masked > 0 && masked_payload(&config, terms.chunk) > max_payload {
            return Err(FaultCode::Limits.into());
        }
        if let Some(set) = &shape {
            for (_, shape, tokens) in session_products(&config, &schedule) {
                let (request, reply) = direct_product(set, shape, tokens, max_payload);
                if request > MAX_PAYLOAD || reply.largest_payload() > max_payload {
                    return Err(FaultCode::Limits.into());
                }
                limits.check_product(&Need::direct(request, reply.bytes()))?;
            }
        }
        let answered = u64::from(hello.answered);
        if answered > products {
            return Err(WireError::Order.into());
        }
        let direct = match (terms.seeds, shape) {
            (Some(seeds), Some(shape)) => {
                let before = (0..).zip(schedule.products(&config)).take(answered as usize);
                let next = before
                    .filter(|&(index, _)| index >= terms.masked)
                    .filter_map(|(_, product)| Some((config.shape(product.group)?, product.tokens)))
                    .map(|(group, tokens)| {
                        let layout = layout(&shape, group, tokens as usize);
                        ProductJob::ciphertexts(&layout, group, tokens as usize)
                    })
                    .sum();
                let keys = session_automorphisms(&config, &schedule, shape.degree);
                Some(Direct::open(engine, set, &seeds, max_payload, keys, next)?)
            }
            _ => None,
        };
        // A resumed session goes on with the first product that is not answered.
        let products = (0..).zip(schedule.products(&config)).skip(answered as usize);
        let products: Products = Box::new(products);
        Ok(Self { products: products.peekable(), masked: terms.masked, direct })
    }

    /// Whether the next frame carries an element of a key.
    pub(super) fn awaits_key(&self) -> bool {
        self.direct.as_ref().is_some_and(Direct::awaits_key)
    }

    /// Bytes that the session's keys take in all.
    pub(super) fn key_bytes(&self) -> usize {
        self.direct.as_ref().map_or(0, Direct::key_bytes)
    }

    /// Takes in an element of a key; the key, when it is whole.
    pub(super) fn key(&mut self, payload: &[u8]) -> Result<Option<KeyJob>, Refusal> {
        self.direct.as_mut().ok_or(WireError::Order)?.key(payload)
    }

    /// What the next product leads to, whose request has `payload` bytes.
    pub(super) fn need(&mut self, config: &ModelConfig, payload: usize) -> Option<Need> {
        let &(index, product) = self.products.peek()?;
        let (shape, tokens) = (config.shape(product.group)?, product.tokens as usize);
        let direct = self.direct.as_ref().filter(|_| index >= self.masked);
        Some(direct.map_or_else(
            || Need::product(payload, shape, tokens),
            |direct| {
                let (set, max_payload) = (direct.shape(), direct.max_payload());
                let (_, reply) = direct_product(set, shape, tokens, max_payload);
                Need::direct(payload, reply.bytes())
            },
        ))
    }

    /// Takes in a product.
    pub(super) fn product(
        &mut self,
        config: &ModelConfig,
        payload: &[u8],
    ) -> Result<ProductJob, Refusal> {
        let (index, ScheduledProduct { group, tokens }) =
            self.products.next().ok_or(WireError::Order)?;
        let (block, packed) = Block::split(payload)?;
        if block != (Block { index: group.0, count: tokens }) {
            return Err(WireError::Order.into());
        }
        let (shape, tokens) = (config.shape(group).ok_or(WireError::Order)?, tokens as usize);
        if index < self.masked {
            return Ok(ProductJob::masked(group, tokens, shape, packed)?);
        }
        let direct = self.direct.as_mut().ok_or(WireError::Order)?;
        let layout = layout(direct.shape(), shape, tokens);
        direct.product(group, tokens, shape, layout, packed)
    }
}

/// The layout of a product of a session that generates.
fn layout(set: &DirectShape, shape: GroupShape, tokens: usize) -> Layout {
    Layout::for_product(set.degree, shape.rows, shape.columns, tokens)
}

/// Payload bytes of the largest masked product.
fn masked_payload(config: &ModelConfig, chunk: u32) -> usize {
    let largest = config.largest();
    let words = largest.rows.max(largest.columns).saturating_mul(chunk as usize);
    words.saturating_mul(4).saturating_add(8)
}

/// Payload bytes of the request of a direct product, and the frames of its reply.
fn direct_product(
    set: &DirectShape,
    shape: GroupShape,
    tokens: usize,
    max_payload: usize,
) -> (usize, ReplyFrames) {
    let layout = layout(set, shape, tokens);
    direct_payloads(set, &layout, (shape.rows, shape.columns), tokens, max_payload)
}
