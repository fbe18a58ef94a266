//! What the device's owner has put into the external flash.

use crate::memory::external_flash;
use kernel::bundle::{BundleError, DeviceBundle};

/// The bundle at the start of the external flash, which says how long it is.
///
/// # Errors
/// [`BundleError`], also where there is none.
pub fn read() -> Result<DeviceBundle<'static>, BundleError> {
    const LENGTH: core::ops::Range<usize> = 16..24;
    let flash = external_flash();
    let length = flash.get(LENGTH).and_then(|bytes| bytes.try_into().ok()).map(u64::from_le_bytes);
    let length = length.and_then(|length| usize::try_from(length).ok());
    // Where there is no bundle, there may be any number.
    let bytes = length.and_then(|length| flash.get(..length)).unwrap_or_default();
    DeviceBundle::parse(bytes)
}
