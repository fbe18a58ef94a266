//! Ctrl-C and SIGTERM.
#![cfg(unix)]

use crate::tool::{Bundles, Host, MODEL, Process, fixture, folder, program, run, words};
use std::fs;
use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;

#[test]
fn sigterm_and_ctrl_c_end_a_host_cleanly() {
    let bundles = Bundles::of(MODEL);
    for signal in ["TERM", "INT"] {
        let mut host = Host::of(&bundles);
        // A peer that is connected and silent does not hold it up.
        let mut peer = TcpStream::connect(&host.address).unwrap();
        peer.write_all(b"s").unwrap();
        run(bundles.generate(&host.address, "--pace 0 --prompt-ids 0 --tokens 2")).succeeded();
        let silent = TcpStream::connect(&host.address).unwrap();
        host.process.signal(signal);
        host.process.says("stopping");
        drop(peer);
        let end = host.process.finish().succeeded();
        assert!(end.stderr.ends_with("stopped"), "{end:?}");
        // One that was not accepted yet is reset; none is left waiting.
        if let Err(error) = (&silent).read_to_end(&mut Vec::new()) {
            assert_eq!(error.kind(), ErrorKind::ConnectionReset);
        }
    }
}

#[test]
fn ctrl_c_stops_the_display_and_not_the_session() {
    let bundles = Bundles::of(MODEL);
    bundles.provision(128);
    let mut host = Host::of(&bundles);
    // 8 groups and a head, 10 ms each: about two seconds.
    let options = "--pace 10000 --prompt-ids 0,84,104 --tokens 20";
    let address = host.address.clone();
    let mut device = bundles.session(&address, options);
    device.signal("INT");
    device.says("no more is shown");
    let end = device.finish();
    assert_eq!(end.code, Some(130), "{end:?}");
    assert!(end.stderr.ends_with("interrupted"), "{end:?}");
    // The host saw a whole session: the same bytes as of one that nobody interrupted.
    let mut bytes = || -> u64 {
        // The session has ended, or its connection was lost.
        let line = host.process.says("bytes_in=");
        let number = line.split("bytes_in=").nth(1).unwrap().split(' ').next().unwrap();
        number.parse().unwrap()
    };
    let whole = bytes();
    run(bundles.generate(&address, options)).succeeded();
    assert_eq!(bytes(), whole);

    // A second one ends the program.
    let mut device = bundles.session(&address, options);
    device.signal("INT");
    device.says("no more is shown");
    device.signal("INT");
    assert_eq!(device.finish().code, Some(130));
    assert!(bytes() < whole);
    assert_eq!(bundles.held(), 128 - 3 * 35);
}

#[test]
fn an_interrupted_demo_leaves_no_files() {
    let temporary = folder();
    let line = "demo --method masked --batch 4096 --prompt-ids 0 --tokens 4 --model";
    let mut command = program(words(line, &[&fixture(MODEL)]));
    let mut demo = Process::start(command.env("TMPDIR", temporary.path()));
    demo.says("preparing 4096 tokens");
    assert_eq!(fs::read_dir(temporary.path()).unwrap().count(), 1);
    demo.signal("INT");
    let end = demo.finish();
    assert_eq!((end.code, &*end.stdout), (Some(130), ""));
    assert_eq!(fs::read_dir(temporary.path()).unwrap().count(), 0);
}

#[test]
fn an_interrupted_provision_leaves_what_is_complete() {
    let bundles = Bundles::of(MODEL);
    let line = "provision --tokens 50000 --weights";
    let arguments = words(line, &[&bundles.host(), &"--model", &bundles.device()]);
    let mut provision = Process::start(&mut program(arguments));
    // 256 tokens of all groups take 1.6 MB.
    provision.until(|| fs::metadata(bundles.store()).is_ok_and(|store| store.len() > 4_000_000));
    provision.signal("TERM");
    assert_eq!(provision.finish().code, Some(143));
    let held = bundles.held();
    assert!(held > 0 && held < 50_000 && held.is_multiple_of(256), "{held}");
    bundles.provision(20);
    assert_eq!(bundles.held(), held + 20);
}
