// Sums of products of four signed bytes, one by one.

fn dot4(a: u32, b: u32) -> i32 {
    let x = bitcast<vec4<i32>>(vec4<u32>(a << 24u, a << 16u, a << 8u, a));
    let y = bitcast<vec4<i32>>(vec4<u32>(b << 24u, b << 16u, b << 8u, b));
    let shift = vec4<u32>(24u);
    return dot(x >> shift, y >> shift);
}
