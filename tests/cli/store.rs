//! The device's store: `provision`, and `generate` that uses it up.

use crate::tool::{
    Bundles, Host, MODEL, NOBODY, Npy, OTHER, Outcome, Process, fixture, program, run, state, words,
};
use serde_json::Value;
use std::fs;
use std::path::Path;

/// 16 positions of the prompt's bucket and 4 of the answer: 20 tokens of correlations.
const OPTIONS: &str = "--json --pace 0 --prompt-ids 0,84,104 --tokens 5 --seed 1 --temperature 1 \
     --method masked";
const TOKENS: u32 = 20;

fn generate(bundles: &Bundles, host: &str) -> Outcome {
    run(bundles.generate(host, OPTIONS))
}

/// A run on the store `file` of a host that is not there: what is refused is refused before.
fn offline(bundles: &Bundles, file: &Path) -> Outcome {
    let mut arguments = bundles.generate(NOBODY, OPTIONS);
    arguments.extend(words("--correlations", &[&file]));
    run(arguments)
}

/// The same request to `demo`, and its logits.
fn demo(bundles: &Bundles) -> (Value, Npy) {
    let logits = bundles.file("demo.npy");
    let line = format!("demo {OPTIONS} --model");
    let report = run(words(&line, &[&fixture(MODEL), &"--dump-logits", &logits])).json();
    (report, Npy::read(&logits))
}

#[test]
fn a_store_is_used_up_run_by_run() {
    let bundles = Bundles::of(MODEL);
    let made = bundles.provision(2 * TOKENS + 3);
    assert!(made.stderr.contains("provisioning 43 tokens: 264.2 kB in "), "{made:?}");
    assert_eq!(made.stdout, "");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        assert_eq!(fs::metadata(bundles.store()).unwrap().permissions().mode() & 0o777, 0o600);
    }
    let (demo, demo_logits) = demo(&bundles);
    let host = Host::of(&bundles);
    // The third run lacks tokens of eight groups; the head is used for outputs alone.
    for (tokens, units) in [(0, 0), (0, 0), (256, 8), (0, 0)] {
        let before = fs::read(bundles.store()).unwrap();
        let logits = bundles.file("logits.npy");
        let mut arguments = bundles.generate(&host.address, OPTIONS);
        arguments.extend(words("--dump-logits", &[&logits]));
        let report = run(arguments).json();
        assert_eq!(report["token_ids"], demo["token_ids"]);
        assert_eq!(report["checks_failed"], 0);
        assert_eq!(report["offline"]["tokens"], tokens);
        assert_eq!(report["offline"]["checks_passed"], units);
        assert_eq!(report["online"]["tokens"], 5);
        assert!(Npy::read(&logits).words == demo_logits.words, "every bit of every logit");
        assert_ne!(fs::read(bundles.store()).unwrap(), before, "what is used is burned");
    }
    // 43 - 5 - 5 - 5 - 5 of the head, 3 + 256 - 20 - 20 of the others; provision adds to them.
    assert_eq!(bundles.held(), 23);
    bundles.provision(7);
    assert_eq!(bundles.held(), 30);
}

#[test]
fn a_host_that_is_not_there_costs_no_correlations() {
    let bundles = Bundles::of(MODEL);
    bundles.provision(TOKENS);
    let before = fs::read(bundles.store()).unwrap();
    generate(&bundles, NOBODY).failed(1, &["connecting to "]);
    assert_eq!(fs::read(bundles.store()).unwrap(), before);
    let report = generate(&bundles, &Host::of(&bundles).address).json();
    assert_eq!(report["offline"]["tokens"], 0);
}

#[test]
fn stores_of_others_are_refused() {
    let bundles = Bundles::of(MODEL);
    let other = Bundles::of(OTHER);
    let line = format!("provision --tokens {TOKENS} --weights");
    run(words(&line, &[&other.host(), &"--model", &bundles.device()]))
        .failed(1, &["different models"]);
    assert!(!bundles.store().exists());
    bundles.provision(TOKENS);
    let whole = fs::read(bundles.store()).unwrap();

    offline(&other, &bundles.store()).failed(1, &["refused: the store belongs to another model"]);
    // Another device of the same model.
    let again = Bundles::of(MODEL);
    let sealed = [
        "it is damaged, or belongs to another device",
        "Every `subrosa convert device` makes a new key, which opens no older store",
        "--correlations",
    ];
    offline(&again, &bundles.store()).failed(1, &sealed).one_line();
    // This one converted anew: not before its store is out of the way.
    let bundle = bundles.device().join("device.bundle");
    let before = fs::read(&bundle).unwrap();
    let line = || words("convert device --out", &[&bundles.device(), &fixture(MODEL)]);
    let said =
        [&*bundles.store().display().to_string(), "which a new bundle cannot open", "remove"];
    run(line()).failed(1, &said).one_line();
    assert_eq!(fs::read(&bundle).unwrap(), before);
    assert_eq!(fs::read(bundles.store()).unwrap(), whole);
    let moved = bundles.file("moved");
    fs::rename(bundles.store(), &moved).unwrap();
    run(line()).succeeded();
    offline(&bundles, &moved).failed(1, &sealed).one_line();
    assert_eq!(fs::read(&moved).unwrap(), whole);
}

/// Where the slots of a store begin, and its regions.
fn layout(store: &[u8]) -> [usize; 3] {
    let state = u64::from_le_bytes(store[16..24].try_into().unwrap()) as usize;
    let slot = (24 + state + 16).next_multiple_of(4096);
    [4096, 4096 + slot, 4096 + 2 * slot]
}

#[test]
fn damaged_stores_are_refused() {
    let bundles = Bundles::of(MODEL);
    bundles.provision(TOKENS);
    let file = bundles.store();
    let whole = fs::read(&file).unwrap();
    let [first, second, regions] = layout(&whole);
    let refused = |bytes: &[u8], said: &str| {
        fs::write(&file, bytes).unwrap();
        offline(&bundles, &file).failed(1, &[&file.display().to_string(), said]);
        assert_eq!(fs::read(&file).unwrap(), bytes, "a refusal changes nothing");
    };
    let flipped = |places: &[usize]| {
        let mut bytes = whole.clone();
        for &place in places {
            bytes[place] ^= 1;
        }
        bytes
    };
    // Cut short.
    for length in [0, 100, 4095] {
        refused(&whole[..length], "this is not a store of correlations");
    }
    refused(&whole[..first], "it is damaged, or belongs to another device");
    for length in [regions, whole.len() - 1] {
        refused(&whole[..length], "is damaged: it has ");
    }
    // The header: magic, version, groups, bytes of a state, id, model, padding.
    for (place, said) in [
        (0, "this is not a store of correlations"),
        (8, "version 0 of the store's format is not supported"),
        (12, "the store belongs to another model"),
        (16, "it is damaged, or belongs to another device"),
        (23, "this is not a store of correlations"),
        (24, "it is damaged, or belongs to another device"),
        (71, "the store belongs to another model"),
        (72, "this is not a store of correlations"),
        (4095, "this is not a store of correlations"),
    ] {
        refused(&flipped(&[place]), said);
    }
    // One slot holds the state before the last: without the last the store seems put back.
    let slots = [first + 50, second + 50];
    refused(&flipped(&slots), "it is damaged, or belongs to another device");
    let older: Vec<_> = slots
        .iter()
        .filter(|&&slot| {
            fs::write(&file, flipped(&[slot])).unwrap();
            let run = offline(&bundles, &file);
            let refused = run.stderr.contains("older than its last known state");
            run.failed(1, &[if refused { "a copy was put back" } else { "connecting" }]);
            refused
        })
        .collect();
    assert_eq!(older.len(), 1);

    // A unit: noticed when its token is taken, in the session.
    let host = Host::of(&bundles);
    fs::write(&file, flipped(&[regions])).unwrap();
    let logits = bundles.file("logits.npy");
    let mut arguments = bundles.generate(&host.address, OPTIONS);
    arguments.extend(words("--dump-logits", &[&logits]));
    run(arguments).failed(1, &["the correlation store is damaged"]);
    assert!(!logits.exists());
}

#[test]
fn nothing_is_overwritten() {
    let bundles = Bundles::of(MODEL);
    let file = bundles.store();
    fs::write(&file, "precious").unwrap();
    let said = ["correlations is refused: this is not a store of correlations"];
    for arguments in all_commands(&bundles, &file) {
        run(arguments).failed(1, &said);
        assert_eq!(fs::read(&file).unwrap(), b"precious");
    }
}

/// Every command that opens the store, on `file`.
fn all_commands(bundles: &Bundles, file: &Path) -> [Vec<std::ffi::OsString>; 3] {
    let provision = words("provision --tokens 4 --weights", &[&bundles.host()]);
    let prepare = words(&format!("prepare --host {NOBODY} --tokens 4"), &[]);
    let generate = words(&format!("generate --host {NOBODY} {OPTIONS}"), &[]);
    [provision, prepare, generate].map(|mut arguments| {
        arguments.extend(words("--model", &[&bundles.device(), &"--correlations", &file]));
        arguments
    })
}

#[test]
fn places_where_no_store_can_be() {
    let bundles = Bundles::of(MODEL);
    let folder = bundles.file("folder");
    fs::create_dir(&folder).unwrap();
    let below_a_file = fixture(MODEL).join("config.json/correlations");
    let missing = bundles.file("no/such/folder");
    for (file, said) in [
        (&folder, ["opening ", "folder: Is a directory"]),
        (&below_a_file, ["creating ", "correlations: Not a directory"]),
        (&missing, ["creating ", "folder: No such file"]),
    ] {
        for arguments in all_commands(&bundles, file) {
            run(arguments).failed(1, &said);
        }
    }
    assert_eq!(fs::read_dir(&folder).unwrap().count(), 0);
    // Nor is there a store whose newest state cannot be remembered.
    for arguments in all_commands(&bundles, &bundles.store()) {
        let mut command = program(arguments);
        command.env("XDG_STATE_HOME", &below_a_file);
        let said = ["correlations/subrosa, for the newest states of stores: Not a directory"];
        Process::start(&mut command).finish().failed(1, &said);
        assert!(!bundles.store().exists());
    }
    assert_eq!(fs::read_dir(bundles.device()).unwrap().count(), 2, "bundle and tokenizer");
}

#[test]
fn more_than_there_is_room_for() {
    let bundles = Bundles::of(MODEL);
    bundles.provision(4);
    let before = fs::read(bundles.store()).unwrap();
    let line = format!("prepare --host {NOBODY} --tokens {} --model", u32::MAX);
    run(words(&line, &[&bundles.device()])).failed(
        1,
        &["this takes 150994944 units, and the store has room for 585 more", "fixed when"],
    );
    let line = format!("provision --tokens {} --weights", u32::MAX);
    run(words(&line, &[&bundles.host(), &"--model", &bundles.device()]))
        .failed(1, &["this takes 150994944 units, and the store has room for 585 more"]);
    assert_eq!(fs::read(bundles.store()).unwrap(), before);
}

#[test]
fn a_copy_that_is_put_back_is_refused() {
    let bundles = Bundles::of(MODEL);
    bundles.provision(2 * TOKENS);
    let host = Host::of(&bundles);
    let copy = fs::read(bundles.store()).unwrap();
    generate(&bundles, &host.address).succeeded();
    fs::write(bundles.store(), &copy).unwrap();
    for mut arguments in all_commands(&bundles, &bundles.store()) {
        if let Some(address) = arguments.iter_mut().find(|word| *word == NOBODY) {
            *address = (&host.address).into();
        }
        let said = ["a copy was put back, or it is damaged; its masks must not be used"];
        run(arguments).failed(1, &said);
        assert_eq!(fs::read(bundles.store()).unwrap(), copy);
    }
    // It is told by what the machine remembers: who takes that away as well is not noticed.
    let remembered = state().join("subrosa");
    let names = fs::read_dir(&remembered).unwrap().map(|entry| entry.unwrap().file_name());
    assert_eq!(names.filter(|name| name != "host-key").count(), 1, "beside the host's key");
    fs::remove_dir_all(remembered).unwrap();
    let report = generate(&bundles, &host.address).json();
    assert_eq!(report["offline"]["tokens"], 0);
}

#[test]
fn one_process_at_a_time() {
    let bundles = Bundles::of(MODEL);
    bundles.provision(2 * TOKENS);
    let host = Host::of(&bundles);
    // The first process goes slowly.
    let slow = OPTIONS.replace("--pace 0", "--pace 10000000");
    let mut first = bundles.session(&host.address, &slow);
    for arguments in all_commands(&bundles, &bundles.store()) {
        run(arguments).failed(1, &["correlations is in use by another process"]);
    }
    // What a process that died had reserved is burned; the rest is good.
    first.kill();
    assert_eq!(bundles.held(), TOKENS);
    let report = generate(&bundles, &host.address).json();
    assert_eq!(report["offline"]["tokens"], 0);
}
