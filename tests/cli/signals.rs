//! Ctrl-C and SIGTERM.
#![cfg(unix)]

use crate::tool::{Bundles, Host, MODEL, Process, fixture, folder, program, run, words};
use std::fs;
use std::io::{Read, Write};
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
        let mut rest = Vec::new();
        (&silent).read_to_end(&mut rest).unwrap();
    }
}

#[test]
fn ctrl_c_stops_the_display_and_not_the_session() {
    let bundles = Bundles::of(MODEL);
    let file = bundles.file("correlations");
    let line = "provision --tokens 128 --weights";
    let device = bundles.device();
    run(words(line, &[&bundles.host(), &"--model", &device, &"--out", &file])).succeeded();
    let mut host = Host::of(&bundles);
    // 8 groups and a head, 10 ms each: about two seconds.
    let options = "--pace 10000 --prompt-ids 0,84,104 --tokens 20";
    let mut arguments = bundles.generate(&host.address, options);
    arguments.extend(words("--correlations", &[&file]));
    let mut device = Process::start(&mut program(arguments.clone()));
    // The count of used tokens moves when the session begins.
    let used = || fs::read(&file).unwrap()[64];
    device.until(|| used() > 0);
    device.signal("INT");
    device.says("no more is shown");
    let end = device.finish();
    assert_eq!(end.code, Some(130), "{end:?}");
    assert!(end.stderr.ends_with("interrupted"), "{end:?}");
    // The host saw a whole session: the same bytes as of one that nobody interrupted.
    let mut bytes = || -> u64 {
        let line = host.process.says("session ended");
        let number = line.split("bytes_in=").nth(1).unwrap().split(' ').next().unwrap();
        number.parse().unwrap()
    };
    let whole = bytes();
    run(arguments.clone()).succeeded();
    assert_eq!(bytes(), whole);

    // A second one ends the program.
    let mut device = Process::start(&mut program(arguments));
    device.until(|| used() == 3 * 35);
    device.signal("INT");
    device.says("no more is shown");
    device.signal("INT");
    assert_eq!(device.finish().code, Some(130));
    assert!(bytes() < whole);
}

#[test]
fn an_interrupted_demo_leaves_no_files() {
    let temporary = folder();
    let line = "demo --batch 4096 --prompt-ids 0 --tokens 4 --model";
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
fn an_interrupted_provision_leaves_no_file() {
    let bundles = Bundles::of(MODEL);
    let file = bundles.file("correlations");
    let line = "provision --tokens 1000000 --weights";
    let arguments = words(line, &[&bundles.host(), &"--model", &bundles.device(), &"--out", &file]);
    let mut provision = Process::start(&mut program(arguments));
    provision.until(|| file.exists());
    provision.signal("TERM");
    assert_eq!(provision.finish().code, Some(143));
    assert!(!file.exists());
}
