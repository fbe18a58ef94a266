// Residues of polynomials times R, in place: what is multiplied by them needs no preparation.

// `transforms::MontgomeryParams` of the launcher.
struct Params {
    ring: Ring,
    // Words in all, limb after limb.
    words: u32,
    padding0: u32,
    padding1: u32,
    padding2: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read_write> polynomials: array<u32>;

@compute @workgroup_size(GROUP)
fn main(lane: Lane) {
    let word = group_number(lane) * GROUP + lane.thread;
    if word >= params.words {
        return;
    }
    let m = params.ring.limbs[word / params.ring.degree % params.ring.count];
    polynomials[word] = mont_mul(m, polynomials[word], m.r2);
}
