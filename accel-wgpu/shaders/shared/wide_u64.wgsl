// Products of 32-bit words in 64-bit integers, where the device has them.

// a * b as its low and its high word.
fn wide_mul(a: u32, b: u32) -> vec2<u32> {
    let product = u64(a) * u64(b);
    return vec2<u32>(u32(product), u32(product >> 32u));
}
