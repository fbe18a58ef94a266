// Arithmetic modulo an odd p below 2^32, by Montgomery's reduction with R = 2^32. Residues are canonical.
// Needs `wide_mul`.

// `modulus::Modulus` of the launchers.
struct Modulus {
    p: u32,
    // p^-1 modulo R.
    inverse: u32,
    // R modulo p.
    r: u32,
    // R^2 modulo p.
    r2: u32,
}

fn mod_add(m: Modulus, a: u32, b: u32) -> u32 {
    let sum = a + b;
    return select(sum, sum - m.p, sum < a || sum >= m.p);
}

fn mod_sub(m: Modulus, a: u32, b: u32) -> u32 {
    return select(a - b, a - b + m.p, a < b);
}

fn mod_neg(m: Modulus, a: u32) -> u32 {
    return select(m.p - a, 0u, a == 0u);
}

// x / R modulo p, for x = (low, high) below p R.
fn redc(m: Modulus, x: vec2<u32>) -> u32 {
    // k p has the low word of x, so the difference of the high words is exact, in (-p, p).
    let k = x.x * m.inverse;
    return mod_sub(m, x.y, wide_mul(k, m.p).y);
}

// a b / R modulo p, where a b is below p R: so one of them may be any word.
fn mont_mul(m: Modulus, a: u32, b: u32) -> u32 {
    return redc(m, wide_mul(a, b));
}

// a b modulo p, where neither is prepared.
fn mod_mul(m: Modulus, a: u32, b: u32) -> u32 {
    return mont_mul(m, mont_mul(m, a, m.r2), b);
}

// x modulo p, for any word.
fn mod_reduce(m: Modulus, x: u32) -> u32 {
    return mont_mul(m, x, m.r);
}

// The residue of any integer.
fn mod_from_i32(m: Modulus, x: i32) -> u32 {
    let magnitude = mod_reduce(m, u32(abs(x)));
    return select(magnitude, mod_neg(m, magnitude), x < 0);
}
