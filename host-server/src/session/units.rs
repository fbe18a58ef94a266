use super::direct::Direct;
use super::{Need, Refusal, SessionLimits};
use crate::engine::{Engine, KeyJob, ProductJob};
use kernel::direct::DirectShape;
use kernel::model::GroupId;
use kernel::params::ParameterId;
use kernel::trace::PreparationRule;
use kernel::wire::{Block, DirectSeeds, FaultCode, Hello, MAX_PAYLOAD, WireError};
use std::sync::Arc;

/// A preparation in direct mode: keys, then units in any order of groups.
pub(super) struct DirectUnits {
    rule: PreparationRule,
    direct: Direct,
    left: u32,
}

impl DirectUnits {
    /// A session as it is opened. It is not resumed: what broke has gone.
    pub(super) fn open(
        engine: &Arc<Engine>,
        hello: &Hello,
        set: ParameterId,
        seeds: &DirectSeeds,
        units: u32,
        limits: &SessionLimits,
    ) -> Result<Self, Refusal> {
        let shape = DirectShape::of(set).ok_or(FaultCode::Limits)?;
        let rule = PreparationRule::new(engine.config(), &shape).ok_or(FaultCode::Limits)?;
        let max_payload = hello.max_payload as usize;
        let (frame, _) = rule.largest_replies(max_payload);
        if units > limits.units || hello.answered != 0 || frame > max_payload {
            return Err(FaultCode::Limits.into());
        }
        let direct = Direct::open(engine, set, seeds, max_payload, rule.automorphisms(), 0)?;
        let units = Self { rule, direct, left: units };
        limits.check_product(&units.unit_need(MAX_PAYLOAD))?;
        Ok(units)
    }

    pub(super) const fn awaits_key(&self) -> bool {
        self.direct.awaits_key()
    }

    /// Bytes that the session's keys take in all, of those that have not come.
    pub(super) fn key_bytes(&self) -> usize {
        self.direct.key_bytes()
    }

    /// What a unit leads to whose request has `payload` bytes: its group is not known yet.
    pub(super) fn unit_need(&self, payload: usize) -> Need {
        let (_, reply) = self.rule.largest_replies(self.direct.max_payload());
        Need::direct(payload, reply)
    }

    pub(super) fn key(&mut self, payload: &[u8]) -> Result<Option<KeyJob>, Refusal> {
        self.direct.key(payload)
    }

    /// Takes in a unit.
    pub(super) fn unit(&mut self, engine: &Engine, payload: &[u8]) -> Result<ProductJob, Refusal> {
        let left = self.left.checked_sub(1).ok_or(FaultCode::Limits)?;
        let (block, packed) = Block::split(payload)?;
        let (group, tokens) = (GroupId(block.index), self.rule.tokens());
        let shape = engine.config().shape(group).ok_or(WireError::Body)?;
        if block.count as usize != tokens {
            return Err(WireError::Order.into());
        }
        let job = self.direct.product(group, tokens, shape, self.rule.layout(shape), packed)?;
        self.left = left;
        Ok(job)
    }
}
