//! Mixed mode: masked while correlations last, direct for the rest.
//!
//! Which products are masked is decided before the session begins, from public numbers: the schedule
//! and how many correlations are there. Nothing that happens in the session changes it.

use crate::direct::{Direct, DirectMemory};
use crate::masked::{Masked, demand};
use crate::session::{Mode, Product, Session, SessionError};
use crate::store::CorrelationStore;
use kernel::bundle::DeviceBundle;
use kernel::model::ModelConfig;
use kernel::params::{DirectSet, ParameterId};
use kernel::ring::RingOps;
use kernel::schedule::Schedule;
use kernel::stream::Seed;
use kernel::wire::{Purpose, SessionId};

/// A session in mixed mode.
pub type MixedSession<'a, C, S, R> = Session<'a, Mixed<'a, C, S, R>>;

/// Numbers under masks at first, under the lattice scheme later.
pub struct Mixed<'a, C: CorrelationStore, S: DirectSet, R: RingOps> {
    masked: Masked<'a, C>,
    direct: Direct<'a, S, R>,
    /// Products that are masked.
    products: u32,
}

impl<C: CorrelationStore, S: DirectSet, R: RingOps> core::fmt::Debug for Mixed<'_, C, S, R> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Mixed").field("products", &self.products).finish_non_exhaustive()
    }
}

/// The number of products, from the schedule's first on, that a store has correlations for.
#[must_use]
pub fn masked_products(
    config: &ModelConfig,
    schedule: &Schedule,
    store: &impl CorrelationStore,
) -> u32 {
    let enough = |products: u32| {
        let mut groups = config.groups();
        groups
            .all(|group| demand(config, schedule, Some(products), group) <= store.available(group))
    };
    // The demand grows with the number of products.
    let (mut low, mut high) = (0, schedule.product_count(config).min(u32::MAX.into()) as u32);
    while low < high {
        let middle = low + (high - low).div_ceil(2);
        if enough(middle) {
            low = middle;
        } else {
            high = middle - 1;
        }
    }
    low
}

impl<'a, C: CorrelationStore, S: DirectSet, R: RingOps> MixedSession<'a, C, S, R> {
    /// Prepares a session whose first `products` products, at most [`masked_products`], are masked.
    /// `seed` is fresh and used for no other session; `words` and `memory` are those of the two modes.
    ///
    /// # Errors
    /// As both modes'.
    pub fn open(
        bundle: &'a DeviceBundle<'a>,
        store: &'a mut C,
        schedule: Schedule,
        id: SessionId,
        seed: Seed,
        products: u32,
        words: &'a mut [u32],
        memory: DirectMemory<'a>,
    ) -> Result<Self, SessionError> {
        let config = bundle.config();
        let masked = Masked::new(config, store, schedule, S::ID, words, Some(products))?;
        let direct = Direct::new(bundle, &schedule, seed, memory)?;
        Self::new(bundle, schedule, id, Mixed { masked, direct, products })
    }
}

impl<C: CorrelationStore, S: DirectSet, R: RingOps> Mode for Mixed<'_, C, S, R> {
    fn set(&self) -> ParameterId {
        S::ID
    }

    fn purpose(&self, schedule: &Schedule) -> Purpose {
        Purpose::Mixed {
            seeds: self.direct.seeds(),
            prompt_bucket: schedule.prompt_bucket(),
            output_bucket: schedule.output_bucket(),
            chunk: schedule.chunk(),
            masked: self.products,
        }
    }

    fn limit(
        &mut self,
        config: &ModelConfig,
        schedule: &Schedule,
        bytes: usize,
    ) -> Result<(), SessionError> {
        if self.products > 0 {
            self.masked.limit(config, schedule, bytes)?;
        }
        self.direct.limit(config, schedule, bytes)
    }

    fn welcomed(&mut self) -> Result<(), SessionError> {
        self.masked.welcomed()
    }

    fn opening_frames(&self) -> u32 {
        self.direct.opening_frames()
    }

    fn opening_bytes(&self) -> usize {
        self.direct.opening_bytes()
    }

    fn opening(&mut self, index: u32, first: usize, out: &mut [u8]) -> Result<(), SessionError> {
        self.direct.opening(index, first, out)
    }

    fn begin(&mut self, product: &Product, x: &[i32]) -> Result<usize, SessionError> {
        if product.index < self.products {
            self.masked.begin(product, x)
        } else {
            self.direct.begin(product, x)
        }
    }

    fn hide(
        &mut self,
        product: &Product,
        x: &[i32],
        first: usize,
        out: &mut [u8],
    ) -> Result<(), SessionError> {
        if product.index < self.products {
            self.masked.hide(product, x, first, out)
        } else {
            self.direct.hide(product, x, first, out)
        }
    }

    fn answer(&mut self, product: &Product, index: usize) -> Result<usize, SessionError> {
        if product.index < self.products {
            self.masked.answer(product, index)
        } else {
            self.direct.answer(product, index)
        }
    }

    fn reveal(
        &mut self,
        product: &Product,
        part: &[u8],
        y: &mut [i32],
    ) -> Result<bool, SessionError> {
        if product.index < self.products {
            self.masked.reveal(product, part, y)
        } else {
            self.direct.reveal(product, part, y)
        }
    }
}
