// Numbers modulo q to numbers modulo 2^bits: `round(2^bits v / q)`, by the formula of `kernel::direct::switch_into`. One thread for
// each number.

// `switch::SwitchParams` of the launcher.
struct Params {
    ring: Ring,
    // For each limb (q / q_l)^-1 modulo q_l, times R.
    factors: vec4<u32>,
    // For each limb floor(2^96 / q_l): three words, the lowest first.
    reciprocals: array<vec4<u32>, 4>,
    // Numbers of each polynomial that are wanted: those at `fold i + free k`, for i below `rows`.
    numbers: u32,
    rows: u32,
    fold: u32,
    free: u32,
    // 64 less the bits.
    shift: u32,
    polynomials: u32,
    // The first word of the first polynomial's limbs, and from one polynomial to the next.
    first: u32,
    stride: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
// In the coefficient domain.
@group(0) @binding(1) var<storage, read> input: array<u32>;
// Each number's low word, then its high word.
@group(0) @binding(2) var<storage, read_write> output: array<vec2<u32>>;

fn add64(a: vec2<u32>, b: vec2<u32>) -> vec2<u32> {
    let low = a.x + b.x;
    return vec2<u32>(low, a.y + b.y + u32(low < a.x));
}

@compute @workgroup_size(GROUP)
fn main(lane: Lane) {
    let place = group_number(lane) * GROUP + lane.thread;
    let polynomial = place / params.numbers;
    if polynomial >= params.polynomials {
        return;
    }
    let number = place % params.numbers;
    let coefficient = params.fold * (number % params.rows) + params.free * (number / params.rows);
    let first = params.first + polynomial * params.stride + coefficient;
    // Half of the last bit that is kept.
    var sum = vec2<u32>(1u << (params.shift - 1u), 0u);
    for (var limb = 0u; limb < params.ring.count; limb += 1u) {
        let m = params.ring.limbs[limb];
        let y = mont_mul(m, input[first + limb * params.ring.degree], params.factors[limb]);
        let reciprocal = params.reciprocals[limb];
        var fraction = wide_mul(y, reciprocal.y);
        fraction.y += y * reciprocal.z;
        sum = add64(sum, add64(fraction, vec2<u32>(wide_mul(y, reciprocal.x).y, 0u)));
    }
    output[place] = vec2<u32>(
        (sum.x >> params.shift) | (sum.y << (32u - params.shift)),
        sum.y >> params.shift,
    );
}
