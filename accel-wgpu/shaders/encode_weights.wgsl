// The rest of encoding a block of a matrix, in one limb: for a giant step g and baby steps b of a plan, with h = g b, the
// values of sigma_g^-1(Q_h) where Q_h = sum_j V_j X^(-h e_j), times R. At psi^k they are those of Q_h at psi^k', for k' = k / g:
// a polynomial in psi^(-k' h), whose coefficients are the columns' values at psi^k'.
//
// It is evaluated in two steps, of about the root of the length each, as a transform is. Input j has the exponent
// e_j = j0 + S (a + A b), for j = j0 + lanes (a + A b) and `lanes` values of j0, A of a and B of b. The first step sums over b
// for each (j0, a), which depends on h modulo 2 N / (S A) alone: B classes. The second sums over (j0, a).

// `encode::WeightsParams` of the launcher.
struct Params {
    ring: Ring,
    limb: u32,
    // 1 or 2.
    step: u32,
    // Automorphisms: giant steps here, and baby steps of each.
    giants: u32,
    babies: u32,
    // The first giant step and the plan's, of which those from then on are on the negative side.
    first_giant: u32,
    side: u32,
    // The plan's generator, its inverse, its power for a baby step: exponents modulo 2 N.
    generator: u32,
    inverse: u32,
    baby: u32,
    // Columns that there are, of lanes * A * B.
    columns: u32,
    lanes: u32,
    // A, B and S.
    coarse: u32,
    fine: u32,
    stride: u32,
    // Tokens of the layout: h is 1 modulo twice as many, or odd for one.
    tokens: u32,
    padding: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
// psi^e for e below N, for each limb, times R.
@group(0) @binding(1) var<storage, read> powers: array<u32>;
// Step 1: for each column its values. Step 2: for each class, j0 and a the values of the partial sums.
@group(0) @binding(2) var<storage, read> values: array<u32>;
// Step 1: the partial sums. Step 2: for each giant and baby step the limbs of its polynomial.
@group(0) @binding(3) var<storage, read_write> output: array<u32>;

// psi^exponent, times R.
fn power(m: Modulus, exponent: u32) -> u32 {
    let degree = params.ring.degree;
    let reduced = exponent & (2u * degree - 1u);
    let value = powers[params.limb * degree + (reduced & (degree - 1u))];
    return select(value, mod_neg(m, value), reduced >= degree);
}

// base^count modulo 2 N.
fn exponent_power(base: u32, count: u32) -> u32 {
    var result = 1u;
    var square = base;
    for (var left = count; left > 0u; left /= 2u) {
        if left % 2u == 1u {
            result *= square;
        }
        square *= square;
    }
    return result & (2u * params.ring.degree - 1u);
}

@compute @workgroup_size(GROUP)
fn main(lane: Lane) {
    let degree = params.ring.degree;
    let place = group_number(lane) * GROUP + lane.thread;
    if params.step == 1u {
        partial_sum(place / degree, place % degree);
    } else {
        weight(place / degree, place % degree);
    }
}

// Row `number` of the partial sums: class, then j0 and a.
fn partial_sum(number: u32, slot: u32) {
    let degree = params.ring.degree;
    let parts = params.lanes * params.coarse;
    if number >= params.fine * parts {
        return;
    }
    let m = params.ring.limbs[params.limb];
    let class_number = number / parts;
    let part = number % parts;
    // Any h of the class: what matters is S A h modulo 2 N.
    let h = 2u * params.tokens * class_number + 1u;
    let step = 0u - exponent_of_slot(degree, slot) * h * params.stride * params.coarse;
    var sum = 0u;
    for (var b = 0u; b < params.fine; b += 1u) {
        let column = part + parts * b;
        if column < params.columns {
            sum = mod_add(m, sum, mont_mul(m, values[column * degree + slot], power(m, step * b)));
        }
    }
    output[number * degree + slot] = sum;
}

// Polynomial `number` of these giant and baby steps.
fn weight(number: u32, slot: u32) {
    let degree = params.ring.degree;
    if number >= params.giants * params.babies {
        return;
    }
    let m = params.ring.limbs[params.limb];
    let mask = 2u * degree - 1u;
    let giant = params.first_giant + number / params.babies;
    var g = exponent_power(params.generator, giant % params.side);
    var g_inverse = exponent_power(params.inverse, giant % params.side);
    if giant >= params.side {
        g = 0u - g;
        g_inverse = 0u - g_inverse;
    }
    let h = (g * exponent_power(params.baby, number % params.babies)) & mask;
    let k = exponent_of_slot(degree, slot) * g_inverse;
    let source = slot_of_exponent(degree, k);
    let class_number = h % (2u * params.tokens * params.fine) / (2u * params.tokens);
    let parts = params.lanes * params.coarse;
    let first = class_number * parts;
    let step = 0u - k * h;
    var sum = 0u;
    // Beyond the columns there is nothing.
    for (var part = 0u; part < min(parts, params.columns); part += 1u) {
        let exponent = part % params.lanes + part / params.lanes * params.stride;
        sum = mod_add(m, sum, mont_mul(m, values[(first + part) * degree + source], power(m, step * exponent)));
    }
    output[(number * params.ring.count + params.limb) * degree + slot] = mont_mul(m, sum, m.r2);
}
