// The negacyclic transform of one polynomial, by the threads of a workgroup (see `kernel::ntt`; Longa and
// Naehrig, algorithms 1 and 2). Needs `modulus.wgsl` and a `Lane`.

// For each limb `degree` powers of psi in bit-reversed order, times R.
@group(0) @binding(1) var<storage, read> twiddles: array<u32>;

// As large as the largest degree.
var<workgroup> polynomial: array<u32, 4096>;

// Coefficients to values. `first` is where the limb's twiddles begin.
fn ntt_forward(lane: Lane, m: Modulus, degree: u32, first: u32) {
    for (var blocks = 1u; blocks < degree; blocks *= 2u) {
        let half = degree / (2u * blocks);
        workgroupBarrier();
        for (var i = lane.thread; i < degree / 2u; i += GROUP) {
            let block = i / half;
            let low = block * half + i;
            let u = polynomial[low];
            let v = mont_mul(m, polynomial[low + half], twiddles[first + blocks + block]);
            polynomial[low] = mod_add(m, u, v);
            polynomial[low + half] = mod_sub(m, u, v);
        }
    }
    workgroupBarrier();
}

// Values to coefficients.
fn ntt_inverse(lane: Lane, m: Modulus, degree: u32, first: u32) {
    for (var blocks = degree / 2u; blocks > 0u; blocks /= 2u) {
        let half = degree / (2u * blocks);
        workgroupBarrier();
        for (var i = lane.thread; i < degree / 2u; i += GROUP) {
            let block = i / half;
            let low = block * half + i;
            let u = polynomial[low];
            let v = polynomial[low + half];
            polynomial[low] = mod_add(m, u, v);
            // The inverse of this layer's twiddle is another of the layer, negated.
            let twiddle = twiddles[first + 2u * blocks - 1u - block];
            polynomial[low + half] = mont_mul(m, mod_sub(m, v, u), twiddle);
        }
    }
    workgroupBarrier();
    // degree * -(p - 1) / degree = 1.
    let scale = mont_mul(m, m.p - (m.p - 1u) / degree, m.r2);
    for (var i = lane.thread; i < degree; i += GROUP) {
        polynomial[i] = mont_mul(m, polynomial[i], scale);
    }
    workgroupBarrier();
}
