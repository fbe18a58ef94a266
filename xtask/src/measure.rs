//! Counts the instructions of the device's computations on an emulated Cortex-M4, and writes
//! `docs/embedded/instructions.md`.

mod model;

use std::fmt::Write;
use std::fs;

use anyhow::{Context, Result, ensure};

use crate::firmware::{build, qemu};
use crate::shell;

const PAGE: &str = "docs/embedded/instructions.md";

/// What stands above the tables.
const HEAD: &str = "# What the device's computations cost

Instructions on a Cortex-M4, counted in QEMU (`-icount shift=6`), where one is like another. `cargo xtask
measure` makes this page: it counts each operation under three sets of secrets, in two runs, and fails
if the runs differ in one instruction, or if the secrets do.
A chip takes 1.1 to 1.5 cycles an instruction, without wait states of its flash. The build is that of
`firmware`: what computes for speed, the rest for size, `lto = \"fat\"`, and LLVM's option `-pre-RA-sched=source`.
The model's light half may take longer for some numbers than for others, which no message shows.
";

/// One line of the program's output.
struct Line<'a> {
    operation: &'a str,
    n: u32,
    k: u32,
    /// Whether something else than the shape may change the count.
    varies: bool,
    counts: [u64; 3],
}

impl<'a> Line<'a> {
    fn parse(line: &'a str) -> Option<Self> {
        let [operation, n, k, varies, a, b, c] = *line.split(' ').collect::<Vec<_>>() else {
            return None;
        };
        let number = |text: &str| text.parse::<u64>().ok();
        Some(Self {
            operation,
            n: n.parse().ok()?,
            k: k.parse().ok()?,
            varies: match varies {
                "draws" | "values" => true,
                "nothing" => false,
                _ => return None,
            },
            counts: [number(a)?, number(b)?, number(c)?],
        })
    }
}

/// Measures, and writes the page.
pub(crate) fn write() -> Result<()> {
    let program = build::build()?.join("measure");
    let bundle = shell::target_dir("firmware")?.join("measure.bundle");
    fs::write(&bundle, model::bundle()?)?;
    let run = || {
        let mut command = qemu::emulator(&program, &[]);
        command.args(qemu::flashed(&bundle)).args(["-icount", "shift=6,sleep=off"]);
        shell::output(&mut command)
    };
    let output = run()?;
    ensure!(output == run()?, "two runs count differently");
    let lines: Vec<Line<'_>> = output
        .lines()
        .filter(|line| !line.starts_with('#'))
        .map(|line| Line::parse(line).with_context(|| format!("what is this line? {line}")))
        .collect::<Result<_>>()?;
    for line in &lines {
        let same = line.counts.iter().all(|count| *count == line.counts[0]);
        ensure!(
            same || line.varies,
            "{} at N = {} depends on secrets: {:?}",
            line.operation,
            line.n,
            line.counts
        );
    }
    let page = page(&lines)?;
    let file = shell::root().join(PAGE);
    fs::write(&file, &page)?;
    println!("{page}\nwritten to {PAGE}");
    Ok(())
}

fn page(lines: &[Line<'_>]) -> Result<String> {
    let find = |operation: &str, n: u32| {
        let line = lines.iter().find(|line| line.operation == operation && line.n == n);
        line.with_context(|| format!("nothing has measured {operation} at N = {n}"))
    };
    let count = |operation: &str, n| Ok::<_, anyhow::Error>(find(operation, n)?.counts[0]);

    let mut page = String::from(HEAD);
    page += "\n## Units of masked mode\n\n\
        One ciphertext is one coordinate of the masks of N tokens, one row is one output of N tokens.\n\n\
        | N | K | a unit's key | encrypt one | decrypt a full row | decrypt a switched row | encrypt and decrypt, full | switched |\n\
        |---|---|---|---|---|---|---|---|\n";
    for n in [256_u32, 512, 1024, 2048, 4096] {
        let k = find("encrypt", n)?.k;
        let [encrypt, full, switched] =
            ["encrypt", "decrypt_full", "decrypt_switched"].map(|name| count(name, n));
        let (encrypt, full, switched) = (encrypt?, full?, switched?);
        writeln!(
            page,
            "| {n} | {k} | {} | {} | {} | {} | {} | {} |",
            thousands(count("key", n)?),
            thousands(encrypt),
            thousands(full),
            thousands(switched),
            thousands(encrypt + full),
            thousands(encrypt + switched),
        )?;
    }
    page += "\nBeside it: SEAL-Embedded (TCHES 2021(3), 756-779) encrypts 2048 numbers at N = 4096 in 737 ms \
        on a Cortex-M4 of 64 MHz, which is 47 million cycles, under a public key and with the encoding \
        of CKKS; it does not decrypt.\n";

    page += "\n## Direct mode\n\n| operation, N = 4096 | instructions |\n|---|---|\n";
    for (name, words) in [
        ("key", "a session's key"),
        ("encrypt", "encrypt one ciphertext"),
        ("evaluation_key_element", "one of the ten elements of an evaluation key"),
        ("decrypt_256", "decrypt 256 outputs of one ciphertext"),
    ] {
        writeln!(page, "| {words} | {} |", thousands(count(&format!("direct/{name}"), 4096)?))?;
    }

    page += "\n## A token in masked mode\n\n\
        A model of the demo model's shape (5 layers of 4 products, 128 wide, 1024 tokens), the first token \
        behind a prompt of 32. Hiding and checking: both checks of the inputs, the masks, the bytes of the request and of the \
        answer, the images, both checks of the outputs. The model's light half: norms, quantisation, rotary embedding, attention, \
        gating, the choice of the largest logit. The session is a real one; the host that answers it is made up and answers \
        zeros, and the light half goes on with numbers as large as a model's. \
        Sending and receiving are not in it.\n\n\
        | | hiding and checking | light half | together |\n|---|---|---|---|\n";
    for (name, words) in
        [("layer", "one layer"), ("token", "one token, with the head and the choice")]
    {
        let [protocol, float] =
            ["protocol", "float"].map(|part| count(&format!("{name}/{part}"), 1));
        let (protocol, float) = (protocol?, float?);
        let [protocol, float, both] = [protocol, float, protocol + float].map(thousands);
        writeln!(page, "| {words} | {protocol} | {float} | {both} |")?;
    }

    page += "\n## Noise\n\n| the device's side of `Noise_IK_25519_ChaChaPoly_BLAKE2s` | instructions |\n|---|---|\n";
    let [begin, finish] = ["noise/begin", "noise/finish"].map(|name| count(name, 0));
    let (begin, finish) = (begin?, finish?);
    for (words, count) in [
        ("first message", begin),
        ("second message", finish),
        ("the handshake", begin + finish),
        ("seal a record of 4096 bytes", count("noise/seal", 4096)?),
        ("open a record of 4096 bytes", count("noise/open", 4096)?),
    ] {
        writeln!(page, "| {words} | {} |", thousands(count))?;
    }

    page += "\n## Transforms\n\nForward and inverse; by butterfly in brackets.\n\n\
        | N | modulo t | modulo Delta | modulo p26, p25 |\n|---|---|---|---|\n";
    for n in [256_u32, 512, 1024, 2048, 4096] {
        write!(page, "| {n} |")?;
        let butterflies = f64::from(n / 2 * n.ilog2());
        for prime in ["t", "delta", "p26"] {
            let [forward, inverse] =
                ["forward", "inverse"].map(|name| count(&format!("{name}/{prime}"), n));
            let (forward, inverse) = (forward?, inverse?);
            write!(
                page,
                " {} ({:.1}), {} ({:.1}) |",
                thousands(forward),
                forward as f64 / butterflies,
                thousands(inverse),
                inverse as f64 / butterflies
            )?;
        }
        page.push('\n');
    }

    page += "\n## Words\n\nOf 4096, by word. The counts of uniform words depend on how many draws are rejected, \
        which says nothing of the words that are kept.\n\n| operation | instructions a word |\n|---|---|\n";
    for (name, words) in [
        ("uniform/t", "uniform, modulo t"),
        ("uniform/delta", "uniform, modulo Delta"),
        ("one_time_mask", "one-time mask of one token"),
        ("noise", "noise: 42 coins"),
        ("ternary", "key: 64 bits"),
        ("multiply_add/t", "multiply and add, modulo t"),
        ("multiply_add/delta", "multiply and add, modulo Delta"),
    ] {
        writeln!(page, "| {words} | {:.1} |", count(name, 4096)? as f64 / 4096.0)?;
    }
    Ok(page)
}

/// Digits in groups of three.
fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i != 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_read_and_numbers_written() {
        let line = Line::parse("encrypt 256 16 nothing 831002 831002 831003").unwrap();
        assert_eq!((line.operation, line.n, line.k, line.varies), ("encrypt", 256, 16, false));
        assert_eq!(line.counts, [831_002, 831_002, 831_003]);
        assert!(Line::parse("encrypt 256 16 nothing 831002").is_none());
        assert!(Line::parse("encrypt 256 16 weather 1 2 3").is_none());
        assert_eq!([7, 1234, 1_234_567].map(thousands), ["7", "1,234", "1,234,567"]);
    }
}
