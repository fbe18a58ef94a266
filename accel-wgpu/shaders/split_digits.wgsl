// The columns of `x` as signed bytes: for each column the digits 0 of all coordinates, then the digits 1, 2 and 3, in
// vectors of 16 coordinates, four to a word. One thread for each 16 words.

// `product::SplitParams` of the launcher.
struct Params {
    p: u32,
    n: u32,
    columns: u32,
    // Sixteens of coordinates, the last of which may be padded.
    chunks: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
// n x columns.
@group(0) @binding(1) var<storage, read> x: array<u32>;
// columns x 4 x chunks.
@group(0) @binding(2) var<storage, read_write> planes: array<vec4<u32>>;

// The digits of four coordinates, a word for each digit: bytes transposed.
fn four(first: u32, column: u32) -> vec4<u32> {
    var words = vec4<u32>();
    for (var i = 0u; i < 4u; i += 1u) {
        if first + i < params.n {
            let word = digits(params.p, x[(first + i) * params.columns + column]);
            words |= ((vec4<u32>(word) >> vec4<u32>(0u, 8u, 16u, 24u)) & vec4<u32>(0xffu)) << vec4<u32>(8u * i);
        }
    }
    return words;
}

@compute @workgroup_size(GROUP)
fn main(lane: Lane) {
    // Neighbours take neighbouring columns, whose words are neighbours.
    let place = group_number(lane) * GROUP + lane.thread;
    let column = place % params.columns;
    let chunk = place / params.columns;
    if chunk >= params.chunks {
        return;
    }
    let a = four(16u * chunk, column);
    let b = four(16u * chunk + 4u, column);
    let c = four(16u * chunk + 8u, column);
    let d = four(16u * chunk + 12u, column);
    let at = 4u * column * params.chunks + chunk;
    planes[at] = vec4<u32>(a.x, b.x, c.x, d.x);
    planes[at + params.chunks] = vec4<u32>(a.y, b.y, c.y, d.y);
    planes[at + 2u * params.chunks] = vec4<u32>(a.z, b.z, c.z, d.z);
    planes[at + 3u * params.chunks] = vec4<u32>(a.w, b.w, c.w, d.w);
}
