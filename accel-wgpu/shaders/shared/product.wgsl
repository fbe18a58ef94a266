// Rows of weights times columns of digits. Needs a `dot4`.

// `product::ProductParams` of the launchers.
struct Params {
    modulus: Modulus,
    // Vectors of 16 weights in a row of the matrix.
    chunks: u32,
    // Rows of this product, and the first of them in the matrix.
    rows: u32,
    first: u32,
    columns: u32,
}

// 16 weights times 16 coordinates, digit by digit.
fn dot64(weights: vec4<u32>, d0: vec4<u32>, d1: vec4<u32>, d2: vec4<u32>, d3: vec4<u32>) -> vec4<i32> {
    return vec4<i32>(dot16(weights, d0), dot16(weights, d1), dot16(weights, d2), dot16(weights, d3));
}

fn dot16(weights: vec4<u32>, digits: vec4<u32>) -> i32 {
    return dot4(weights.x, digits.x) + dot4(weights.y, digits.y)
        + dot4(weights.z, digits.z) + dot4(weights.w, digits.w);
}
