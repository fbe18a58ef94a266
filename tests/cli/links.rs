//! Links between processes: keys, who may speak how, and what somebody in between sees and can do.

use crate::tool::{Bundles, Host, MODEL, folder, run, words};
use serde_json::Value;
use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::path::Path;
use std::sync::{Arc, Mutex};

const OPTIONS: &str = "--json --pace 0 --prompt-ids 0,84,104 --tokens 5 --method masked";
const MAGIC: &[u8] = b"SbRo";

/// All that passed a proxy.
type Recording = Arc<Mutex<Vec<u8>>>;

/// A proxy that records both directions of every connection, and changes byte `spoilt` of what comes
/// down in the first.
fn proxy(host: &Host, spoilt: Option<usize>) -> (String, Recording) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let (host, recording) = (host.address.clone(), Recording::default());
    let tape = Arc::clone(&recording);
    std::thread::spawn(move || {
        let mut spoilt = spoilt;
        for device in listener.incoming().map_while(Result::ok) {
            let host = TcpStream::connect(&host).unwrap();
            let (up, down) =
                ((device.try_clone().unwrap(), host.try_clone().unwrap()), (host, device));
            for ((mut from, mut to), mut spoilt) in [(up, None), (down, spoilt.take())] {
                let tape = Arc::clone(&tape);
                std::thread::spawn(move || {
                    let (mut piece, mut passed) = ([0; 4096], 0);
                    while let Ok(count @ 1..) = from.read(&mut piece) {
                        let here = spoilt.and_then(|at: usize| at.checked_sub(passed));
                        if let Some(byte) = here.and_then(|at| piece[..count].get_mut(at)) {
                            *byte ^= 4;
                            spoilt = None;
                        }
                        passed += count;
                        tape.lock().unwrap().extend(&piece[..count]);
                        if to.write_all(&piece[..count]).is_err() {
                            break;
                        }
                    }
                    let _ = to.shutdown(Shutdown::Write);
                });
            }
        }
    });
    (address, recording)
}

fn holds(recording: &Recording, what: &[u8]) -> bool {
    recording.lock().unwrap().windows(what.len()).any(|window| window == what)
}

/// What a run gave, and what it cost.
fn result(report: &Value) -> [Value; 5] {
    let online = &report["online"];
    [
        report["token_ids"].clone(),
        report["text"].clone(),
        online["bytes_up"].clone(),
        online["bytes_down"].clone(),
        online["checks_passed"].clone(),
    ]
}

#[test]
fn the_same_run_in_the_clear_and_over_noise() {
    let bundles = Bundles::of(MODEL);
    bundles.provision(200);
    let mut host = Host::of(&bundles);
    let (clear_address, clear) = proxy(&host, None);
    let plain = run(bundles.generate(&clear_address, OPTIONS)).json();
    let (address, noise) = proxy(&host, None);
    let options = format!("{OPTIONS} --host-key {}", host.key);
    let secured = run(bundles.generate(&address, &options)).json();
    assert_eq!(result(&secured), result(&plain));
    assert!(plain["online"]["bytes_up"].as_u64().unwrap() > 1000);
    // Somebody who listens sees frames in one, and none in the other.
    assert!(holds(&clear, MAGIC) && !holds(&clear, b"Noise subrosa/1\n"));
    assert!(!holds(&noise, MAGIC) && holds(&noise, b"Noise subrosa/1\n"));
    host.process.says("link=\"plain\"");
    host.process.says("link=\"noise\"");

    // Preparation too, through large frames.
    let (address, noise) = proxy(&host, None);
    let line = format!("prepare --host {address} --host-key {} --tokens 256 --model", host.key);
    run(words(&line, &[&bundles.device()])).succeeded();
    assert!(!holds(&noise, MAGIC) && noise.lock().unwrap().len() > 1_000_000);
}

/// In the clear a change is found by the checks, and the run is lost; over a link it is found by the link,
/// and the run goes on over another.
#[test]
fn a_changed_byte_costs_a_link_and_not_the_run() {
    let bundles = Bundles::of(MODEL);
    bundles.provision(200);
    let host = Host::of(&bundles);
    let direct = run(bundles.generate(&host.address, OPTIONS)).json();
    let total = direct["online"]["bytes_down"].as_u64().unwrap() as usize;
    let (address, noise) = proxy(&host, Some(total / 2));
    let options = format!("{OPTIONS} --host-key {}", host.key);
    let secured = run(bundles.generate(&address, &options));
    assert!(secured.stderr.contains("the link is broken; trying again"), "{secured:?}");
    let secured = secured.json();
    assert_eq!(secured["token_ids"], direct["token_ids"]);
    assert_eq!(secured["checks_failed"], 0);
    let count = |what: &[u8]| {
        noise.lock().unwrap().windows(what.len()).filter(|window| *window == what).count()
    };
    assert_eq!(count(b"Noise subrosa/1\n"), 2, "two links");
}

#[test]
fn who_is_not_spoken_to() {
    let bundles = Bundles::of(MODEL);
    bundles.provision(40);
    let whole = std::fs::read(bundles.store()).unwrap();
    let mut host = Host::of(&bundles);
    let other = "0900000000000000000000000000000000000000000000000000000000000000";
    let options = format!("{OPTIONS} --host-key {other}");
    let said = format!(
        "connecting to {}: the peer closed the connection in the handshake: it has another key",
        host.address
    );
    run(bundles.generate(&host.address, &options)).failed(1, &[&said]).one_line();
    host.process.says("no link: the handshake failed: the device expects another key");
    let line = format!("prepare --host {} --host-key {other} --tokens 300 --model", host.address);
    run(words(&line, &[&bundles.device()])).failed(1, &[&said]);

    // A host that admits one device, and nobody in the clear.
    let (mine, yours) = (bundles.file("mine"), bundles.file("yours"));
    let key = run(words("keygen --out", &[&mine])).succeeded().stdout;
    run(words("keygen --out", &[&yours])).succeeded();
    let options = format!("--allow-plain nobody --allow-device {}", key.trim());
    let mut host = Host::serving(&options, &bundles);
    run(bundles.generate(&host.address, OPTIONS))
        .failed(1, &["the host refused: it wants a secured link", "--host-key"])
        .one_line();
    let with = |file: &Path| {
        let mut line = bundles.generate(&host.address, OPTIONS);
        line.extend(words(&format!("--host-key {} --device-key", host.key), &[&file]));
        run(line)
    };
    with(&yours).failed(1, &["does not admit this one's"]).one_line();
    assert_eq!(std::fs::read(bundles.store()).unwrap(), whole, "nothing was begun");
    with(&mine).succeeded();
    host.process.says("this device's key is not admitted");
}

#[test]
fn another_machine_needs_a_key_or_a_word() {
    for command in ["generate", "prepare --tokens 5"] {
        for host in ["example.org", "10.0.0.1", "[2001:db8::1]:80"] {
            let wrong = run(words(&format!("{command} --host {host} --model x"), &[]));
            let wrong = wrong.failed(2, &["is another machine", "--host-key", "--plain", "--help"]);
            assert!(
                wrong.stderr.contains(&format!("Usage: subrosa {}", &command[..7])),
                "{wrong:?}"
            );
            // With either it is the model that is missing.
            let key = "01".repeat(32);
            for more in ["--plain".to_owned(), format!("--host-key {key}")] {
                let line = format!("{command} --host {host} {more} --model no-such-folder");
                run(words(&line, &[])).failed(1, &["no-such-folder"]);
            }
        }
    }
    for (more, said) in [
        ("--host-key 17", "64 hexadecimal digits"),
        ("--plain --host-key 17", "64 hexadecimal digits"),
        ("--device-key x", "--host-key <HEX>"),
    ] {
        let line = format!("generate --host 127.0.0.1 --model x {more}");
        run(words(&line, &[])).failed(2, &[said]);
    }
    let key = "01".repeat(32);
    let line = format!("generate --host 127.0.0.1 --model x --plain --host-key {key}");
    run(words(&line, &[])).failed(2, &["cannot be used with"]);
    run(words("serve --model x --allow-plain sometimes", &[])).failed(2, &["--allow-plain"]);
    run(words("serve --model x --allow-device 1", &[])).failed(2, &["64 hexadecimal digits"]);
}

#[test]
fn keys_are_files_that_are_kept() {
    let folder = folder();
    let file = folder.path().join("key");
    let made = run(words("keygen --out", &[&file])).succeeded();
    let text = std::fs::read_to_string(&file).unwrap();
    assert_eq!((made.stdout.len(), text.len(), text.lines().count()), (65, 65, 1));
    assert!(text.trim().chars().all(|digit| digit.is_ascii_hexdigit()) && text != made.stdout);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = std::fs::metadata(&file).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
    run(words("keygen --out", &[&file])).failed(1, &["is there already"]).one_line();
    assert_eq!(std::fs::read_to_string(&file).unwrap(), text, "a key is not written over");
    run(words("keygen --out /no/such/folder/key", &[])).failed(1, &["creating the key"]);

    let bundles = Bundles::of(MODEL);
    let named = Host::serving(&format!("--key {}", file.display()), &bundles);
    assert_eq!(named.key, made.stdout.trim());
    // Without a file one is made, once.
    let [first, second] = [(); 2].map(|()| Host::of(&bundles).key);
    assert_eq!(first, second);
    assert_ne!(first, named.key);
    for bad in ["", "17\n", &format!("{text}{text}"), &text.replace(char::is_alphanumeric, "g")] {
        std::fs::write(&file, bad).unwrap();
        run(words("serve --key", &[&file, &"--model", &bundles.host()]))
            .failed(1, &["is no key of `subrosa keygen`", "64 hexadecimal digits"]);
    }
    run(words("serve --key no-such-file --model", &[&bundles.host()]))
        .failed(1, &["reading the key no-such-file"]);
}

#[test]
fn a_demonstration_over_noise() {
    let line = format!("demo {OPTIONS} --link noise --model");
    let report = run(words(&line, &[&crate::tool::fixture(MODEL)])).json();
    assert_eq!(report["identical_tokens"], true);
    assert_eq!(report["identical_logits"], true);
}
