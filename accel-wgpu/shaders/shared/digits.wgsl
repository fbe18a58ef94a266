// Residues as four signed bytes, and back. Needs `modulus.wgsl`.

// The largest number that four digits from -128 to 127 in base 256 can write.
const LARGEST: u32 = 2139062143u;

// The digits of a residue, or of it less p where it is larger than that: the bytes of a word. Adding 128 to
// each digit leaves a number without signs, whose bytes they then are; 128 less is a flip of the sign.
fn digits(p: u32, x: u32) -> u32 {
    let centred = select(x, x - p, x > LARGEST);
    return (centred + 0x80808080u) ^ 0x80808080u;
}

// The residue of sums[0] + 256 sums[1] + 256^2 sums[2] + 256^3 sums[3].
fn recombine(m: Modulus, sums: vec4<i32>) -> u32 {
    // 256 R modulo p.
    let base = mont_mul(m, 256u, m.r2);
    var x = mod_from_i32(m, sums.w);
    x = mod_add(m, mont_mul(m, x, base), mod_from_i32(m, sums.z));
    x = mod_add(m, mont_mul(m, x, base), mod_from_i32(m, sums.y));
    return mod_add(m, mont_mul(m, x, base), mod_from_i32(m, sums.x));
}
