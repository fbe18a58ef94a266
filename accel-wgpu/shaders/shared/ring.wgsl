// Polynomials of `degree` residues modulo each limb of a set. Needs `modulus.wgsl`.

// `set::RingParams` of the launchers.
struct Ring {
    limbs: array<Modulus, 4>,
    // How many there are.
    count: u32,
    degree: u32,
    // Elements of the gadget, of all limbs.
    elements: u32,
    padding: u32,
}

// The exponent k of the value at index `slot`, which is that at psi^k, and the index for a k.
fn exponent_of_slot(degree: u32, slot: u32) -> u32 {
    return 2u * reverse_index(degree, slot) + 1u;
}

fn slot_of_exponent(degree: u32, exponent: u32) -> u32 {
    return reverse_index(degree, (exponent & (2u * degree - 1u)) / 2u);
}

fn reverse_index(degree: u32, index: u32) -> u32 {
    return reverseBits(index) >> (countLeadingZeros(degree) + 1u);
}
