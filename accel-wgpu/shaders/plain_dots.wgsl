// How fast the products of bytes are by themselves: a loop of `dot4` in registers. `out` depends on all of them.

// `rates::RateParams` of the launcher.
struct Params {
    rounds: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
// One word for each thread.
@group(0) @binding(1) var<storage, read_write> out: array<u32>;

const WEIGHTS: vec4<u32> = vec4<u32>(0x7f80ff01u, 0x80017fffu, 0x01020408u, 0xf1e2d3c4u);

// Four sums of products with the bytes of four others.
fn dots(sums: vec4<u32>, x: vec4<u32>) -> vec4<u32> {
    return sums + bitcast<vec4<u32>>(vec4<i32>(
        dot4(x.x, WEIGHTS.x),
        dot4(x.y, WEIGHTS.y),
        dot4(x.z, WEIGHTS.z),
        dot4(x.w, WEIGHTS.w),
    ));
}

@compute @workgroup_size(GROUP)
fn main(lane: Lane) {
    let place = group_number(lane) * GROUP + lane.thread;
    var a = vec4<u32>(place) * vec4<u32>(1u, 3u, 5u, 7u);
    var b = ~a;
    // 32 of them in a round: the loop itself is a small part of it.
    for (var round = 0u; round < params.rounds; round += 1u) {
        a = dots(a, b.yzwx);
        b = dots(b, a.yzwx);
        a = dots(a, b.yzwx);
        b = dots(b, a.yzwx);
        a = dots(a, b.yzwx);
        b = dots(b, a.yzwx);
        a = dots(a, b.yzwx);
        b = dots(b, a.yzwx);
    }
    let all = a ^ b;
    out[place] = all.x ^ all.y ^ all.z ^ all.w;
}
