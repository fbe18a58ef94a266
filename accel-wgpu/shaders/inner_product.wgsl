// The inner sums of the giant steps: `sum_i w_(g, i) baby_i` for the encoded weights w of giant step g and the baby steps of
// one input, added to those of other inputs. One thread for each slot of each limb of each giant step.

// `product::InnerParams` of the launcher.
struct Params {
    ring: Ring,
    // Giant steps here, and the first of them.
    giants: u32,
    first_giant: u32,
    babies: u32,
    // The result that this is for, of those of each giant step.
    result: u32,
    results: u32,
    // Whether to add to what is there.
    add: u32,
    padding0: u32,
    padding1: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
// For each giant and baby step a polynomial's limbs, times R.
@group(0) @binding(1) var<storage, read> weights: array<u32>;
// For each baby step a ciphertext.
@group(0) @binding(2) var<storage, read> babies: array<u32>;
// For each giant step and result a ciphertext.
@group(0) @binding(3) var<storage, read_write> sums: array<u32>;

@compute @workgroup_size(GROUP)
fn main(lane: Lane) {
    let place = group_number(lane) * GROUP + lane.thread;
    let words = params.ring.count * params.ring.degree;
    let giant = place / words;
    if giant >= params.giants {
        return;
    }
    let word = place % words;
    let m = params.ring.limbs[word / params.ring.degree];
    let out = 2u * ((params.first_giant + giant) * params.results + params.result) * words + word;
    var mask = 0u;
    var body = 0u;
    if params.add != 0u {
        mask = sums[out];
        body = sums[out + words];
    }
    for (var baby = 0u; baby < params.babies; baby += 1u) {
        let weight = weights[(giant * params.babies + baby) * words + word];
        mask = mod_add(m, mask, mont_mul(m, weight, babies[2u * baby * words + word]));
        body = mod_add(m, body, mont_mul(m, weight, babies[(2u * baby + 1u) * words + word]));
    }
    sums[out] = mask;
    sums[out + words] = body;
}
