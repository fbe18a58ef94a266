// The first step of encoding a block of a matrix: for each column j the values of V_j = sum_i W_ij X^(fold i), in one
// limb. One workgroup for each column; rows that lie elsewhere are added by a further pass.

// `encode::ColumnsParams` of the launcher.
struct Params {
    ring: Ring,
    limb: u32,
    // Words of a row of the matrix; its rows here, and the first of them in the buffer.
    row_words: u32,
    rows: u32,
    first_row: u32,
    // The first column, and how many there are.
    first_column: u32,
    columns: u32,
    // The exponent of the first row here, and from a row to the next.
    first_exponent: u32,
    fold: u32,
    // Whether to add to what is there.
    add: u32,
    padding0: u32,
    padding1: u32,
    padding2: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
// Signed bytes, four to a word.
@group(0) @binding(2) var<storage, read> matrix: array<u32>;
// For each column its values.
@group(0) @binding(3) var<storage, read_write> values: array<u32>;

fn weight(row: u32, column: u32) -> i32 {
    let word = matrix[(params.first_row + row) * params.row_words + column / 4u];
    return extractBits(bitcast<i32>(word), 8u * (column % 4u), 8u);
}

@compute @workgroup_size(GROUP)
fn main(lane: Lane) {
    let column = group_number(lane);
    if column >= params.columns {
        return;
    }
    let degree = params.ring.degree;
    let m = params.ring.limbs[params.limb];
    for (var i = lane.thread; i < degree; i += GROUP) {
        polynomial[i] = 0u;
    }
    workgroupBarrier();
    for (var row = lane.thread; row < params.rows; row += GROUP) {
        let value = weight(row, params.first_column + column);
        // Every modulus is larger than 128.
        polynomial[params.first_exponent + params.fold * row] = select(u32(value), m.p - u32(-value), value < 0);
    }
    ntt_forward(lane, m, degree, params.limb * degree);
    for (var i = lane.thread; i < degree; i += GROUP) {
        let at = column * degree + i;
        values[at] = select(polynomial[i], mod_add(m, values[at], polynomial[i]), params.add != 0u);
    }
}
