// How fast multiplications with additions of words are by themselves: a loop of them in registers. `out` depends on
// all of them.

// `rates::RateParams` of the launcher.
struct Params {
    rounds: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
// One word for each thread.
@group(0) @binding(1) var<storage, read_write> out: array<u32>;

const FACTORS: vec4<u32> = vec4<u32>(0x9e3779b1u, 0x85ebca77u, 0xc2b2ae3du, 0x27d4eb2fu);

@compute @workgroup_size(GROUP)
fn main(lane: Lane) {
    let place = group_number(lane) * GROUP + lane.thread;
    var a = vec4<u32>(place) * vec4<u32>(1u, 3u, 5u, 7u);
    var b = ~a;
    // 32 of them in a round: the loop itself is a small part of it.
    for (var round = 0u; round < params.rounds; round += 1u) {
        a = a * FACTORS + b.yzwx;
        b = b * FACTORS + a.yzwx;
        a = a * FACTORS + b.yzwx;
        b = b * FACTORS + a.yzwx;
        a = a * FACTORS + b.yzwx;
        b = b * FACTORS + a.yzwx;
        a = a * FACTORS + b.yzwx;
        b = b * FACTORS + a.yzwx;
    }
    let all = a ^ b;
    out[place] = all.x ^ all.y ^ all.z ^ all.w;
}
