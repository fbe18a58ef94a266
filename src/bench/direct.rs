//! Direct mode's products of one token, encoded on the fly and, where there is room, kept encoded.

use super::host::Group;
use super::series::Series;
use anyhow::Result;
use kernel::accel::ring::{Ciphertexts, KeysId, RingAccelerator, automorphisms};
use kernel::direct::DirectShape;
use kernel::model::GroupShape;
use kernel::params::{Direct4096 as Set, DirectSet, ParameterSet};
use kernel::stream::PublicSeed;
use kernel::trace::Layout;
use kernel::wire::{MAX_PAYLOAD, direct_payloads};

const SEED: PublicSeed = PublicSeed([5; 32]);

/// A session's keys.
pub(super) struct Direct {
    keys: KeysId,
    pub(super) key_bytes: u64,
    /// Bytes that may still be taken by encoded matrices.
    room: u64,
}

/// One kind's products.
#[derive(Default)]
pub(super) struct Products {
    pub(super) on_the_fly: Series,
    /// With weights kept encoded; empty where there was no room.
    pub(super) encoded: Series,
    pub(super) encoded_bytes: u64,
    /// Ciphertexts up and results down, for one token.
    pub(super) inputs: usize,
    pub(super) outputs: usize,
    /// Payloads of one token.
    pub(super) bytes: (u64, u64),
}

fn layout(shape: GroupShape) -> Layout {
    Layout::for_product(Set::N, shape.rows, shape.columns, 1)
}

/// Polynomials whose residues look random, all limbs of each.
fn polynomials(count: usize) -> Vec<u32> {
    let limbs = DirectShape::of_set::<Set>();
    let residue =
        |i: u64, modulus: u32| (i.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32) as u32 % modulus;
    let one = |first: u64| {
        let limb = move |limb: u32| (0..Set::N as u64).map(move |i| residue(first + i, limb));
        limbs.limbs().iter().flat_map(move |l| limb(l.modulus)).collect::<Vec<_>>()
    };
    (0..count as u64).flat_map(|i| one(i << 20)).collect()
}

impl Direct {
    /// Keys for the groups' layouts, of noise: products of them cost what others do.
    pub(super) fn new(ring: &dyn RingAccelerator, groups: &[Group], room: u64) -> Result<Self> {
        let layouts: Vec<_> = groups.iter().map(|group| layout(group.shape)).collect();
        let keys = ring.open_keys(Set::ID, &SEED)?;
        let shape = DirectShape::of_set::<Set>();
        let mut key_bytes = 0;
        for automorphism in automorphisms(&layouts) {
            ring.add_key(keys, automorphism, &polynomials(Set::GADGET))?;
            key_bytes += (Set::GADGET * shape.body_bytes()) as u64;
        }
        Ok(Self { keys, key_bytes, room })
    }

    /// A few rounds of one kind.
    pub(super) fn measure(
        &mut self,
        ring: &dyn RingAccelerator,
        group: &Group,
        rounds: usize,
    ) -> Result<Products> {
        let GroupShape { rows: m, columns: n } = group.shape;
        let layout = layout(group.shape);
        let bodies = polynomials(layout.input_blocks(n));
        let input = Ciphertexts { seed: &SEED, first: 0, bodies: &bodies };
        let results = layout.output_blocks(m);
        let mut masks = vec![0; results * Set::N];
        let mut outputs = vec![0; results * layout.rows() * layout.tokens()];
        let (up, down) =
            direct_payloads(&DirectShape::of_set::<Set>(), &layout, (m, n), 1, MAX_PAYLOAD);
        let mut products = Products {
            inputs: layout.input_blocks(n),
            outputs: results,
            bytes: (up as u64, down.bytes() as u64),
            ..Products::default()
        };
        let mut time = |series: &mut Series| {
            series.time(1, || {
                ring.trace_product(
                    group.first(),
                    self.keys,
                    &layout,
                    &input,
                    &mut masks,
                    &mut outputs,
                )
            })
        };
        for _ in 0..rounds {
            time(&mut products.on_the_fly)?;
        }
        let blocks = (results * layout.input_blocks(n)) as u64;
        let most = blocks * (layout.sum() * Set::BODY_WORDS * 4) as u64;
        if most <= self.room {
            products.encoded_bytes = ring.encode(group.first(), Set::ID, &layout)?;
            self.room = self.room.saturating_sub(products.encoded_bytes);
            for _ in 0..rounds {
                time(&mut products.encoded)?;
            }
        }
        Ok(products)
    }
}
