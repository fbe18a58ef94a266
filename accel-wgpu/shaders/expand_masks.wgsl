// The public masks of a unit, from their seed: words of coordinates modulo one prime (see `kernel::stream`). One
// thread for each ChaCha20 block, which is 16 columns of a coordinate.

// `masks::MaskParams` of the launcher.
struct Params {
    key: array<vec4<u32>, 2>,
    // The modulus, the bits of a draw, the lane of the stream.
    p: u32,
    draw: u32,
    lane: u32,
    // Coordinates, and the first of them, low and high word.
    coordinates: u32,
    first_low: u32,
    first_high: u32,
    // Columns, and where the first of them is: its block, and its word in it.
    columns: u32,
    first_counter: u32,
    first_word: u32,
    // Where the words of the first coordinate begin, and how far apart those of the others are.
    offset: u32,
    stride: u32,
    padding: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
// For each coordinate its columns.
@group(0) @binding(1) var<storage, read_write> words: array<u32>;

const DOMAIN: u32 = 1u;

fn rotate(x: vec4<u32>, by: u32) -> vec4<u32> {
    return (x << vec4<u32>(by)) | (x >> vec4<u32>(32u - by));
}

struct Block {
    a: vec4<u32>,
    b: vec4<u32>,
    c: vec4<u32>,
    d: vec4<u32>,
}

fn quarter_rounds(s: Block) -> Block {
    var x = s;
    x.a += x.b; x.d = rotate(x.d ^ x.a, 16u);
    x.c += x.d; x.b = rotate(x.b ^ x.c, 12u);
    x.a += x.b; x.d = rotate(x.d ^ x.a, 8u);
    x.c += x.d; x.b = rotate(x.b ^ x.c, 7u);
    return x;
}

// Block `counter` of the stream of a coordinate and an attempt (RFC 8439, 2.3).
fn chacha20(attempt: u32, low: u32, high: u32, counter: u32) -> Block {
    let nonce = DOMAIN | (attempt << 8u) | (params.lane << 16u);
    let start = Block(
        vec4<u32>(0x61707865u, 0x3320646eu, 0x79622d32u, 0x6b206574u),
        params.key[0],
        params.key[1],
        vec4<u32>(counter, nonce, low, high),
    );
    var x = start;
    for (var round = 0u; round < 10u; round += 1u) {
        x = quarter_rounds(x);
        x.b = x.b.yzwx; x.c = x.c.zwxy; x.d = x.d.wxyz;
        x = quarter_rounds(x);
        x.b = x.b.wxyz; x.c = x.c.zwxy; x.d = x.d.yzwx;
    }
    return Block(x.a + start.a, x.b + start.b, x.c + start.c, x.d + start.d);
}

fn word(block: Block, i: u32) -> u32 {
    switch i / 4u {
        case 0u: { return block.a[i % 4u]; }
        case 1u: { return block.b[i % 4u]; }
        case 2u: { return block.c[i % 4u]; }
        default: { return block.d[i % 4u]; }
    }
}

@compute @workgroup_size(GROUP)
fn main(lane: Lane) {
    let counters = (params.first_word + params.columns + 15u) / 16u;
    let place = group_number(lane) * GROUP + lane.thread;
    let coordinate = place / counters;
    if coordinate >= params.coordinates {
        return;
    }
    let block = place % counters;
    let counter = params.first_counter + block;
    let low = params.first_low + coordinate;
    let high = params.first_high + u32(low < coordinate);
    let mask = 0xffffffffu >> (32u - params.draw);
    let first = chacha20(0u, low, high, counter);
    for (var i = 0u; i < 16u; i += 1u) {
        // Beyond the columns also where it wraps around.
        let column = 16u * block + i - params.first_word;
        if column >= params.columns {
            continue;
        }
        var draw = word(first, i) & mask;
        // Once in a thousand words or less; the attempt is one byte.
        for (var attempt = 1u; draw >= params.p && attempt < 256u; attempt += 1u) {
            draw = word(chacha20(attempt, low, high, counter), i) & mask;
        }
        words[params.offset + coordinate * params.stride + column] = draw;
    }
}
