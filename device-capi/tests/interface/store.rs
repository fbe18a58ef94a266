//! A store of correlations that are made in the clear as they are asked for: it never runs out, and
//! needs no preparation.

use crate::device::{Call, World};
use core::ffi::c_void;
use device_capi::types::Store;
use kernel::model::GroupId;
use kernel::prime::{Prime, T};
use kernel::stream::Seed;

/// Tokens that it says it has.
const PLENTY: u32 = 1000;

pub(crate) fn functions(world: *mut World) -> Store {
    Store {
        context: world.cast(),
        available: Some(available),
        reserve: Some(reserve),
        take: Some(take),
        begin_unit: None,
        put_row: None,
        hold_unit: None,
        settle: None,
        abandon: None,
    }
}

unsafe extern "C" fn available(_: *mut c_void, _: u32) -> u32 {
    PLENTY
}

unsafe extern "C" fn reserve(world: *mut c_void, demand: *const u32, groups: usize) -> i32 {
    // SAFETY: the context of `functions`.
    let world = unsafe { World::of(world) };
    if let Err(code) = world.count(Call::Store) {
        return code;
    }
    // SAFETY: the interface promises as many words.
    world.reserved = unsafe { core::slice::from_raw_parts(demand, groups) }.to_vec();
    0
}

unsafe extern "C" fn take(
    world: *mut c_void,
    group: u32,
    r: *mut u32,
    columns: usize,
    z: *mut u32,
    rows: usize,
) -> i32 {
    // SAFETY: the context of `functions`.
    let world = unsafe { World::of(world) };
    if let Err(code) = world.count(Call::Store) {
        return code;
    }
    world.reserved[group as usize] -= 1;
    // SAFETY: the interface promises as many words.
    let (r, z) = unsafe {
        (core::slice::from_raw_parts_mut(r, columns), core::slice::from_raw_parts_mut(z, rows))
    };
    let seed = Seed::random(&mut crate::host::System).unwrap();
    // SAFETY: a seed, and as many words.
    let status = unsafe {
        device_capi::window::subrosa_mask(seed.expose().as_ptr(), 7, r.as_mut_ptr(), columns)
    };
    assert_eq!(status, device_capi::status::Status::Ok);
    let masks: Vec<i64> = r.iter().map(|&r| r.into()).collect();
    for (z, product) in z.iter_mut().zip(world.model.product(GroupId(group), &masks)) {
        *z = product.rem_euclid(i64::from(T::VALUE)) as u32;
    }
    0
}
