// The automorphism of ciphertexts, under their own key again: `base + sigma(x)`. From the digits of x's mask,
// mask = sum_e sigma(digit_e) a_e and body = sigma(body of x) + sum_e sigma(digit_e) b_e, for the elements (a_e, b_e) of
// sigma's key. In the NTT domain sigma permutes. One thread for each slot of each limb of each ciphertext.

// `key_switch::KeySwitchParams` of the launcher.
struct Params {
    ring: Ring,
    // sigma takes X to X^exponent.
    exponent: u32,
    // Ciphertexts, and the first of them in the input.
    ciphertexts: u32,
    input_first: u32,
    // Where they go: from one to the next, `output_step` ciphertexts on.
    output_first: u32,
    output_step: u32,
    // Whether to add those of `base`: `run` in a row, then a step on.
    add: u32,
    base_first: u32,
    base_run: u32,
    base_step: u32,
    padding0: u32,
    padding1: u32,
    padding2: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
// For each ciphertext and element its limbs.
@group(0) @binding(1) var<storage, read> digits: array<u32>;
// For each ciphertext the limbs of its mask, then of its body.
@group(0) @binding(2) var<storage, read> input: array<u32>;
// For each element the limbs of its mask, then of its body; times R.
@group(0) @binding(3) var<storage, read> key: array<u32>;
@group(0) @binding(4) var<storage, read> base: array<u32>;
@group(0) @binding(5) var<storage, read_write> output: array<u32>;

@compute @workgroup_size(GROUP)
fn main(lane: Lane) {
    let place = group_number(lane) * GROUP + lane.thread;
    let degree = params.ring.degree;
    let words = params.ring.count * degree;
    let ciphertext = place / words;
    if ciphertext >= params.ciphertexts {
        return;
    }
    let word = place % words;
    let limb = word / degree;
    let slot = word % degree;
    let m = params.ring.limbs[limb];
    // Where the slot's value comes from.
    let source = limb * degree
        + slot_of_exponent(degree, exponent_of_slot(degree, slot) * params.exponent);

    var mask = 0u;
    let x = params.input_first + ciphertext;
    var body = input[(2u * x + 1u) * words + source];
    for (var element = 0u; element < params.ring.elements; element += 1u) {
        let digit = digits[(ciphertext * params.ring.elements + element) * words + source];
        mask = mod_add(m, mask, mont_mul(m, digit, key[2u * element * words + word]));
        body = mod_add(m, body, mont_mul(m, digit, key[(2u * element + 1u) * words + word]));
    }
    if params.add != 0u {
        let other = params.base_first + ciphertext / params.base_run * params.base_step
            + ciphertext % params.base_run;
        mask = mod_add(m, mask, base[2u * other * words + word]);
        body = mod_add(m, body, base[(2u * other + 1u) * words + word]);
    }
    let out = params.output_first + ciphertext * params.output_step;
    output[2u * out * words + word] = mask;
    output[(2u * out + 1u) * words + word] = body;
}
