// A column at a time, at the speed of memory: `out[i][c] = sum_j W[i][j] x[j][c] mod p`. A workgroup takes four
// rows of the matrix and one column, each thread every GROUP-th vector of 16 weights.

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> matrix: array<vec4<u32>>;
// As `split_digits.wgsl` leaves them.
@group(0) @binding(2) var<storage, read> planes: array<vec4<u32>>;
// rows x columns.
@group(0) @binding(3) var<storage, read_write> out: array<u32>;

// The first vector of a row; of the last row where there are no more.
fn start(row: u32) -> u32 {
    return (params.first + min(row, params.rows - 1u)) * params.chunks;
}

@compute @workgroup_size(GROUP)
fn main(lane: Lane) {
    let row = 4u * group_number(lane);
    let column = lane.group.z;
    let row0 = start(row);
    let row1 = start(row + 1u);
    let row2 = start(row + 2u);
    let row3 = start(row + 3u);
    let first = 4u * column * params.chunks;
    var sum0 = vec4<i32>();
    var sum1 = vec4<i32>();
    var sum2 = vec4<i32>();
    var sum3 = vec4<i32>();
    for (var chunk = lane.thread; chunk < params.chunks; chunk += GROUP) {
        // Neighbouring threads read neighbouring vectors, of the digits as of the weights.
        let at = first + chunk;
        let d0 = planes[at];
        let d1 = planes[at + params.chunks];
        let d2 = planes[at + 2u * params.chunks];
        let d3 = planes[at + 3u * params.chunks];
        sum0 += dot64(matrix[row0 + chunk], d0, d1, d2, d3);
        sum1 += dot64(matrix[row1 + chunk], d0, d1, d2, d3);
        sum2 += dot64(matrix[row2 + chunk], d0, d1, d2, d3);
        sum3 += dot64(matrix[row3 + chunk], d0, d1, d2, d3);
    }
    // Four threads recombine a row each.
    let sum = sums_of_group(lane, sum0, sum1, sum2, sum3);
    if lane.thread < 4u && row + lane.thread < params.rows {
        out[(row + lane.thread) * params.columns + column] = recombine(params.modulus, sum);
    }
}
