//! `size`: what a device needs, against what one takes.

use crate::tool::{Bundles, MODEL, fixture, folder, run, words};
use serde_json::Value;
use std::path::Path;

/// `size` of a device's folder with `options`, as JSON.
fn size(device: &Path, options: &str) -> Value {
    run(words(&format!("size --json {options} --model"), &[&device])).json()
}

#[track_caller]
fn number(report: &Value, path: &str) -> u64 {
    report.pointer(path).and_then(Value::as_u64).unwrap_or_else(|| panic!("{path} in {report}"))
}

/// Checks that a run moved what was said, and what begins and ends a session beside it.
#[track_caller]
fn nearly(said: u64, moved: u64) {
    assert!((said..said + 400).contains(&moved), "{said} were said, {moved} moved");
}

/// The program itself runs with the buffers that are said, in parts of 64 KiB.
#[test]
fn a_demo_takes_what_is_said() {
    let bundles = Bundles::of(MODEL);
    for (mode, options) in [
        ("masked", "--tokens 12"),
        ("masked", "--tokens 3 --chunk 5 --batch 512 --keys 2"),
        ("direct", "--tokens 4 --chunk 3"),
        ("mixed", "--tokens 4"),
    ] {
        let options = format!("{options} --mode {mode} --method masked");
        let said = size(&bundles.device(), &format!("{options} --prompt 5 --part 65536"));
        let line = format!("demo --json --pace 0 --prompt-ids 0,84,104,101,65 {options} --model");
        let demo = run(words(&line, &[&fixture(MODEL)])).json();

        for bucket in ["/prompt_bucket", "/output_bucket"] {
            assert_eq!(number(&said, bucket), number(&demo, bucket));
        }
        let memory = |name: &str| number(&demo, &format!("/device_memory/{name}"));
        let ram = |name: &str| number(&said, &format!("/ram/{name}"));
        assert_eq!(number(&said, "/flash_bundle"), memory("bundle"));
        assert_eq!(ram("decoder"), memory("decoder"));
        assert_eq!(ram("cache") + ram("activations") + ram("choice"), ram("decoder"));
        let session = ram("masked") + ram("direct") + ram("session") + ram("part");
        assert_eq!((session, ram("part")), (memory("online"), 65536));
        let preparation = ram("preparation") + ram("preparation_part");
        assert_eq!(ram("protocol"), session.max(preparation) + 2 * 2066);
        assert_eq!(ram("total"), ram("decoder") + ram("protocol"));
        if mode == "direct" {
            assert_eq!(
                (preparation, &said["store"], &said["offline"]),
                (0, &Value::Null, &Value::Null)
            );
        } else {
            // Of the largest matrix, 320 rows, the program also keeps all images of a unit.
            let unit = number(&said, "/batch");
            assert_eq!(unit, number(&demo, "/batch"));
            assert_eq!(preparation + 4 * 320 * unit, memory("offline"), "{demo}");
            assert_eq!(number(&said, "/store/per_token"), memory("correlation_per_token"));
            let tokens = number(&said, "/store/tokens");
            assert_eq!(tokens, number(&said, "/positions"));
            let images = tokens * memory("correlation_per_token");
            assert!((images..images + 9 * 100).contains(&number(&said, "/store/bytes")));
            let moved = |way| number(&demo, &format!("/offline/bytes_{way}"));
            let of =
                |form: &str, way: &str| number(&said, &format!("/offline/{form}/request/{way}"));
            let close = |said: u64, moved: u64| moved >= said && moved - said <= moved / 100;
            assert!(close(of("masked", "up"), moved("up")), "{said} {demo}");
            let forms = ["masked", "masked_switched"];
            assert!(
                forms.iter().any(|form| close(of(form, "down"), moved("down"))),
                "{said} {demo}"
            );
        }
        if mode != "mixed" {
            for way in ["up", "down"] {
                let session = number(&said, &format!("/online/{mode}/session/{way}"));
                nearly(session, number(&demo, &format!("/online/bytes_{way}")));
            }
        }
        if mode == "direct" {
            nearly(number(&said, "/online/direct/key_bytes"), number(&demo, "/online/key_bytes"));
        }
    }
}

/// Through direct mode the request's bytes are those of the keys and of whole units.
#[test]
fn a_preparation_through_direct_mode_moves_what_is_said() {
    let bundles = Bundles::of(MODEL);
    let said = size(&bundles.device(), "--prompt 5 --tokens 4 --method direct");
    let line =
        "demo --json --pace 0 --prompt-ids 0,84,104,101,65 --tokens 4 --method direct --model";
    let demo = run(words(line, &[&fixture(MODEL)])).json();
    for way in ["up", "down"] {
        let request = number(&said, &format!("/offline/direct/request/{way}"));
        nearly(request, number(&demo, &format!("/offline/bytes_{way}")));
    }
    assert_eq!(number(&said, "/offline/direct/tokens"), number(&demo, "/batch"));
    assert_eq!(number(&said, "/ram/preparation"), 0);
    let of_images = 4 * 320 * number(&demo, "/batch");
    // The same with the program's part of 64 KiB.
    let offline = number(&said, "/ram/preparation_direct") - 4096 + 65536;
    assert_eq!(offline + of_images, number(&demo, "/device_memory/offline"));
}

/// What docs/embedded.md says that the firmware took, for the same model and request.
#[test]
fn the_firmware_took_what_is_said() {
    let demo = Path::new(env!("CARGO_MANIFEST_DIR")).join("models/demo");
    let device = folder();
    run(words("convert device --out", &[&device.path(), &demo])).succeeded();
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/embedded.md");
    let page = std::fs::read_to_string(page).unwrap();
    let cell = |row: &str| {
        let line = page.lines().find(|line| line.starts_with(&format!("| {row}"))).unwrap();
        let cell = line.split('|').nth(3).unwrap().trim().replace(',', "");
        cell.parse::<u64>().unwrap_or_else(|e| panic!("{e}: {line}"))
    };
    let said = size(device.path(), "--prompt 32 --tokens 16 --chunk 8");
    assert_eq!(number(&said, "/flash_bundle"), cell("serial flash: the bundle"));
    // With the list of the 16 tokens.
    assert_eq!(number(&said, "/ram/decoder") + 4 * 16, cell("SDRAM: decoder"));
    let images = number(&said, "/store/tokens") * number(&said, "/store/per_token");
    assert_eq!(images, cell("SDRAM: correlations for 47 positions"));
}

#[test]
fn names_in_the_object_stay() {
    let bundles = Bundles::of(MODEL);
    let said = size(&bundles.device(), "--mode mixed --link plain");
    let keys =
        |value: &Value| value.as_object().unwrap().keys().cloned().collect::<Vec<_>>().join(" ");
    assert_eq!(
        keys(&said),
        "model mode prompt_bucket output_bucket chunk positions batch flash_bundle ram store online \
         offline"
    );
    assert_eq!(
        keys(&said["ram"]),
        "cache activations choice masked direct session part preparation preparation_part \
         preparation_direct link decoder protocol total"
    );
    assert_eq!(
        (number(&said, "/ram/link"), keys(&said["store"]).as_str()),
        (0, "tokens bytes per_token")
    );
    for way in ["masked", "direct"] {
        assert_eq!(keys(&said["online"][way]), "token prompt_chunk key_bytes session");
    }
    assert_eq!(keys(&said["offline"]), "masked masked_switched direct");
    for method in ["masked", "masked_switched", "direct"] {
        assert_eq!(keys(&said["offline"][method]), "tokens token key_bytes request");
        assert_eq!(keys(&said["offline"][method]["token"]), "up down");
    }
}

#[test]
fn people_get_a_table() {
    let bundles = Bundles::of(MODEL);
    let shown = run(words("size --prompt 9 --tokens 4 --model", &[&bundles.device()])).succeeded();
    for said in [
        ": masked mode, prompts of up to 16 tokens in chunks of 16, 4 tokens out: 19 positions",
        "the bundle, read in place\nRAM ",
        "  cache of keys and values\n",
        "preparation: a unit of the masked method\n",
        "          4,132    link: a record each way (Noise)\nstore ",
        "  masked: a token that is generated\n",
        "  masked method: a token, in units of 256\n",
        "docs/embedded.md",
    ] {
        assert!(shown.stdout.contains(said), "{said:?} is not in {}", shown.stdout);
    }
    assert!(!shown.stdout.contains("direct mode's key"), "{}", shown.stdout);
    let line = "size --mode direct --link plain --model";
    let shown = run(words(line, &[&bundles.device()])).succeeded().stdout;
    assert!(shown.contains("         53,248    session: direct mode's key"), "{shown}");
    for unsaid in ["store", "offline", "link:", "preparation"] {
        assert!(!shown.contains(unsaid), "{unsaid} is in {shown}");
    }
}

#[test]
fn what_cannot_be_is_refused() {
    let bundles = Bundles::of(MODEL);
    let refused = |options: &str, said: &[&str]| {
        let line = format!("size {options} --model");
        run(words(&line, &[&bundles.device()])).failed(1, said).one_line();
    };
    refused("--prompt 100000", &["the prompt has 100000 tokens, more than the model's context of"]);
    refused("--prompt 5 --tokens 100000", &["exceed the model's context", "--tokens can be"]);
    let nothing = folder();
    let line = words("size --model", &[&nothing.path()]);
    run(line).failed(1, &["no device bundle at ", "subrosa convert device"]).one_line();
    for (options, said) in [
        ("", "--model <DEVICE_DIR>"),
        ("--model x --part 255", "--part"),
        ("--model x --chunk 65", "--chunk"),
        ("--model x --keys 17", "--keys"),
        ("--model x --prompt 0", "--prompt"),
        ("--model x --mode sideways", "--mode"),
    ] {
        run(format!("size {options}").split_whitespace()).failed(2, &[said]);
    }
}
