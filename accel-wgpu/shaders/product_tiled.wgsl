// Many columns, at the speed of the multipliers: `out[i][c] = sum_j W[i][j] x[j][c] mod p`. A workgroup of 256
// threads takes 64 rows and 32 columns, each thread four rows and two columns; weights and digits pass through its
// memory, DEPTH vectors of 16 coordinates of each row and column at a time.

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> matrix: array<vec4<u32>>;
// As `split_digits.wgsl` leaves them.
@group(0) @binding(2) var<storage, read> planes: array<vec4<u32>>;
// rows x columns.
@group(0) @binding(3) var<storage, read_write> out: array<u32>;

const ROWS: u32 = 64u;
const COLUMNS: u32 = 32u;

// Vectors of digits from one column of the tile to the next. One more than there are: neighbouring threads read
// neighbouring columns at once, and from a power of two apart they would meet in the same bank of the memory.
const STRIDE: u32 = 4u * DEPTH + 1u;

var<workgroup> weights: array<vec4<u32>, ROWS * DEPTH>;
var<workgroup> digit: array<vec4<u32>, COLUMNS * STRIDE>;

// One column times four rows.
struct Sums {
    row0: vec4<i32>,
    row1: vec4<i32>,
    row2: vec4<i32>,
    row3: vec4<i32>,
}

fn add_chunk(sums: ptr<function, Sums>, row: u32, column: u32, chunk: u32) {
    let at = column * STRIDE + 4u * chunk;
    let d0 = digit[at];
    let d1 = digit[at + 1u];
    let d2 = digit[at + 2u];
    let d3 = digit[at + 3u];
    let first = row * DEPTH + chunk;
    (*sums).row0 += dot64(weights[first], d0, d1, d2, d3);
    (*sums).row1 += dot64(weights[first + DEPTH], d0, d1, d2, d3);
    (*sums).row2 += dot64(weights[first + 2u * DEPTH], d0, d1, d2, d3);
    (*sums).row3 += dot64(weights[first + 3u * DEPTH], d0, d1, d2, d3);
}

fn store(row: u32, column: u32, sum: vec4<i32>) {
    if row < params.rows && column < params.columns {
        out[row * params.columns + column] = recombine(params.modulus, sum);
    }
}

fn store_column(row: u32, column: u32, sums: Sums) {
    store(row, column, sums.row0);
    store(row + 1u, column, sums.row1);
    store(row + 2u, column, sums.row2);
    store(row + 3u, column, sums.row3);
}

@compute @workgroup_size(256)
fn main(lane: Lane) {
    let first_row = ROWS * lane.group.x;
    let first_column = COLUMNS * lane.group.y;
    // Within the tile.
    let row = 4u * (lane.thread / 16u);
    let column = lane.thread % 16u;
    var left = Sums();
    var right = Sums();
    for (var chunk = 0u; chunk < params.chunks; chunk += DEPTH) {
        workgroupBarrier();
        for (var i = lane.thread; i < ROWS * DEPTH; i += 256u) {
            let source = min(first_row + i / DEPTH, params.rows - 1u);
            let depth = chunk + i % DEPTH;
            weights[i] = select(
                vec4<u32>(),
                matrix[(params.first + source) * params.chunks + min(depth, params.chunks - 1u)],
                depth < params.chunks,
            );
        }
        for (var i = lane.thread; i < 4u * COLUMNS * DEPTH; i += 256u) {
            let column = i / (4u * DEPTH);
            let plane = i / DEPTH % 4u;
            let depth = i % DEPTH;
            let source = min(first_column + column, params.columns - 1u);
            // Beyond the row whatever there is: the weights are zero.
            digit[column * STRIDE + 4u * depth + plane] =
                planes[(4u * source + plane) * params.chunks + min(chunk + depth, params.chunks - 1u)];
        }
        workgroupBarrier();
        for (var i = 0u; i < DEPTH; i += 1u) {
            add_chunk(&left, row, column, i);
            add_chunk(&right, row, column + 16u, i);
        }
    }
    store_column(first_row + row, first_column + column, left);
    store_column(first_row + row, first_column + column + 16u, right);
}
