// The gadget decomposition of masks (see `kernel::gadget`): the signed digits of every limb's centred residues, in the
// NTT domain of every limb. One workgroup for each mask, element of the gadget and limb of the output.

// `transforms::DecomposeParams` of the launcher.
struct Params {
    ring: Ring,
    // For each element its limb, its digit, the bits of a digit and the digits of the limb.
    places: array<vec4<u32>, 16>,
    masks: u32,
    padding0: u32,
    padding1: u32,
    padding2: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
// For each mask its limbs, in the coefficient domain.
@group(0) @binding(2) var<storage, read> masks: array<u32>;
// For each mask and element its limbs.
@group(0) @binding(3) var<storage, read_write> digits: array<u32>;

// A digit of a residue.
fn digit(p: u32, place: vec4<u32>, residue: u32) -> i32 {
    let above = residue > p / 2u;
    var left = i32(select(residue, p - residue, above));
    let half = 1 << (place.z - 1u);
    for (var i = 0u; i < place.y; i += 1u) {
        left = (left + half) >> place.z;
    }
    // The last digit takes what remains.
    let low = ((left + half) & ((1 << place.z) - 1)) - half;
    let value = select(low, left, place.y + 1u == place.w);
    return select(value, -value, above);
}

@compute @workgroup_size(GROUP)
fn main(lane: Lane) {
    let number = group_number(lane);
    let limb = number % params.ring.count;
    let element = number / params.ring.count % params.ring.elements;
    let mask = number / params.ring.count / params.ring.elements;
    if mask >= params.masks {
        return;
    }
    let degree = params.ring.degree;
    let place = params.places[element];
    let source = params.ring.limbs[place.x];
    let m = params.ring.limbs[limb];
    let first = (mask * params.ring.count + place.x) * degree;
    for (var i = lane.thread; i < degree; i += GROUP) {
        let value = digit(source.p, place, masks[first + i]);
        // Digits are smaller than every modulus.
        polynomial[i] = select(u32(value), m.p - u32(-value), value < 0);
    }
    ntt_forward(lane, m, degree, limb * degree);
    for (var i = lane.thread; i < degree; i += GROUP) {
        digits[number * degree + i] = polynomial[i];
    }
}
