//! Masked mode: `c = x + r` up, `d = W c` down, `y = d - z`, with correlations (r, z) from a store.

use crate::session::{MAX_CHUNK, Mode, Product, Session, SessionError};
use crate::store::{CorrelationStore, StoreError};
use kernel::bundle::DeviceBundle;
use kernel::mask::mask_assign;
use kernel::model::{GroupId, GroupShape, ModelConfig};
use kernel::params::ParameterId;
use kernel::prime::{Prime, T};
use kernel::schedule::Schedule;
use kernel::wire::{
    BLOCK_PREFIX_BYTES, BitReader, HEADER_BYTES, MAX_PAYLOAD, Purpose, SessionId, WireError,
    pack_bits_part,
};
use zeroize::Zeroize;

/// A session in masked mode.
pub type MaskedSession<'a, C> = Session<'a, Masked<'a, C>>;

/// Words of memory for the product under way: what is masked, and the images of its masks.
#[must_use]
pub const fn masked_words(config: &ModelConfig, chunk: usize) -> usize {
    let largest = config.largest();
    chunk * (largest.rows + largest.columns)
}

/// Bytes of the largest frame of a session, header included.
#[must_use]
fn frame_bytes(config: &ModelConfig, chunk: usize) -> usize {
    let largest = config.largest();
    HEADER_BYTES + BLOCK_PREFIX_BYTES + 4 * chunk * largest.rows.max(largest.columns)
}

/// The largest chunk up to `wanted` whose products fit a frame.
#[must_use]
pub const fn fitting_chunk(config: &ModelConfig, wanted: usize) -> usize {
    let GroupShape { rows, columns } = config.largest();
    let most = if rows > columns { rows } else { columns };
    let mut chunk = if wanted < MAX_CHUNK { wanted } else { MAX_CHUNK };
    while chunk > 1 && chunk * most > (MAX_PAYLOAD - BLOCK_PREFIX_BYTES) / 4 {
        chunk -= 1;
    }
    if chunk > 1 { chunk } else { 1 }
}

/// Numbers under one-time masks.
pub struct Masked<'a, C: CorrelationStore> {
    store: &'a mut C,
    set: ParameterId,
    config: ModelConfig,
    schedule: Schedule,
    /// Products of the schedule that are masked: the first ones, or all.
    products: Option<u32>,
    /// z of the product under way, then c, which is kept until it is answered.
    words: &'a mut [u32],
    reserved: bool,
    incoming: Incoming,
}

/// The answer that is coming in.
#[derive(Default)]
struct Incoming {
    reader: BitReader,
    /// Residues that are there.
    count: usize,
    /// Whether one was not below the modulus.
    above: bool,
}

impl<C: CorrelationStore> core::fmt::Debug for Masked<'_, C> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Masked").field("reserved", &self.reserved).finish_non_exhaustive()
    }
}

impl<C: CorrelationStore> Drop for Masked<'_, C> {
    fn drop(&mut self) {
        self.words.zeroize();
    }
}

impl<'a, C: CorrelationStore> MaskedSession<'a, C> {
    /// Prepares a session, for which the store must hold enough. `words` has [`masked_words`] words.
    ///
    /// The whole schedule's correlations are reserved when the host has opened the session, before
    /// the first product: a host that is busy, or serves another model, costs none.
    ///
    /// # Errors
    /// [`SessionError`]; nothing is reserved.
    pub fn open(
        bundle: &'a DeviceBundle<'a>,
        store: &'a mut C,
        schedule: Schedule,
        set: ParameterId,
        id: SessionId,
        words: &'a mut [u32],
    ) -> Result<Self, SessionError> {
        let masked = Masked::new(bundle.config(), store, schedule, set, words, None)?;
        Self::new(bundle, schedule, id, masked)
    }
}

impl<'a, C: CorrelationStore> Masked<'a, C> {
    /// For the first `products` products of the schedule, or all.
    pub(crate) fn new(
        config: &ModelConfig,
        store: &'a mut C,
        schedule: Schedule,
        set: ParameterId,
        words: &'a mut [u32],
        products: Option<u32>,
    ) -> Result<Self, SessionError> {
        let chunk = schedule.chunk() as usize;
        if chunk != fitting_chunk(config, chunk) {
            return Err(SessionError::Chunk);
        }
        if words.len() < masked_words(config, chunk) {
            return Err(SessionError::Order);
        }
        for group in config.groups() {
            let available = store.available(group);
            let needed = demand(config, &schedule, products, group);
            if available < needed {
                return Err(StoreError::TooFew { group: group.0, available, needed }.into());
            }
        }
        let (config, reserved, incoming) = (*config, false, Incoming::default());
        Ok(Self { store, set, config, schedule, products, words, reserved, incoming })
    }
}

/// Correlations of a group that the first `products` products use up, or all.
pub(crate) fn demand(
    config: &ModelConfig,
    schedule: &Schedule,
    products: Option<u32>,
    group: GroupId,
) -> u32 {
    let Some(products) = products else { return schedule.demand(config, group) };
    let first = schedule.products(config).take(products as usize);
    first.filter(|product| product.group == group).map(|product| product.tokens).sum()
}

impl<C: CorrelationStore> Mode for Masked<'_, C> {
    fn set(&self) -> ParameterId {
        self.set
    }

    fn purpose(&self, schedule: &Schedule) -> Purpose {
        Purpose::Masked {
            prompt_bucket: schedule.prompt_bucket(),
            output_bucket: schedule.output_bucket(),
            chunk: schedule.chunk(),
        }
    }

    fn limit(
        &mut self,
        config: &ModelConfig,
        schedule: &Schedule,
        bytes: usize,
    ) -> Result<(), SessionError> {
        let fits = frame_bytes(config, schedule.chunk() as usize) <= HEADER_BYTES + bytes;
        if fits { Ok(()) } else { Err(SessionError::Chunk) }
    }

    fn welcomed(&mut self) -> Result<(), SessionError> {
        if !self.reserved {
            let (config, schedule, products) = (self.config, self.schedule, self.products);
            self.store.reserve(&|group| demand(&config, &schedule, products, group))?;
            self.reserved = true;
        }
        Ok(())
    }

    fn begin(&mut self, product: &Product, x: &[i32]) -> Result<usize, SessionError> {
        let Product { tokens, rows: m, columns: n, .. } = *product;
        if tokens * (n + m) > self.words.len() {
            return Err(SessionError::Order);
        }
        let (z, c) = self.words.split_at_mut(tokens * m);
        let c = &mut c[..tokens * n];
        let rows = x.chunks_exact(n).zip(z.chunks_exact_mut(m));
        for ((x, z), c) in rows.zip(c.chunks_exact_mut(n)) {
            self.store.take(product.group, c, z)?;
            mask_assign(x, c);
        }
        Ok(4 * c.len())
    }

    fn hide(
        &mut self,
        product: &Product,
        _x: &[i32],
        first: usize,
        out: &mut [u8],
    ) -> Result<(), SessionError> {
        let Product { tokens, rows: m, columns: n, .. } = *product;
        let c = &self.words[tokens * m..][..tokens * n];
        Ok(pack_bits_part(T::BITS, c, first, out)?)
    }

    fn answer(&mut self, product: &Product, index: usize) -> Result<usize, SessionError> {
        if index != 0 {
            return Err(WireError::Order.into());
        }
        self.incoming = Incoming::default();
        Ok(4 * product.tokens * product.rows)
    }

    fn reveal(
        &mut self,
        product: &Product,
        mut part: &[u8],
        y: &mut [i32],
    ) -> Result<bool, SessionError> {
        let Incoming { reader, count, above } = &mut self.incoming;
        for y in &mut y[*count..] {
            let Some(d) = reader.next(T::BITS, &mut part) else { return Ok(false) };
            // The modulus test runs over all words, so that its time does not show which failed.
            *above |= d >= T::VALUE.into();
            *y = d as i32;
            *count += 1;
        }
        if *above {
            return Err(WireError::Residue.into());
        }
        let z = &mut self.words[..product.tokens * product.rows];
        for (y, z) in y.iter_mut().zip(z.iter()) {
            *y = T::sub(*y as u32, *z) as i32;
        }
        z.zeroize();
        Ok(true)
    }
}
