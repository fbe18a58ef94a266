// Polynomials from the NTT domain: one workgroup for each of a group's limbs.

// `transforms::InverseParams` of the launcher.
struct Params {
    ring: Ring,
    // Groups of as many polynomials as there are limbs.
    groups: u32,
    // The first group's word in the input, and from a group to the next.
    input_first: u32,
    input_stride: u32,
    padding: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(2) var<storage, read> input: array<u32>;
@group(0) @binding(3) var<storage, read_write> output: array<u32>;

@compute @workgroup_size(GROUP)
fn main(lane: Lane) {
    let number = group_number(lane);
    let limb = number % params.ring.count;
    let group = number / params.ring.count;
    if group >= params.groups {
        return;
    }
    let degree = params.ring.degree;
    let from_word = params.input_first + group * params.input_stride + limb * degree;
    let to_word = number * degree;
    for (var i = lane.thread; i < degree; i += GROUP) {
        polynomial[i] = input[from_word + i];
    }
    ntt_inverse(lane, params.ring.limbs[limb], degree, limb * degree);
    for (var i = lane.thread; i < degree; i += GROUP) {
        output[to_word + i] = polynomial[i];
    }
}
