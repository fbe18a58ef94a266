//! Help texts: sentences, with units and defaults.

use crate::tool::run;

const COMMANDS: [&str; 13] = [
    "",
    "demo",
    "generate",
    "prepare",
    "serve",
    "convert",
    "convert host",
    "convert device",
    "provision",
    "keygen",
    "size",
    "bench",
    "devices",
];

fn help(command: &str) -> String {
    let shown = run(command.split_whitespace().chain(["--help"])).succeeded();
    assert_eq!(shown.stderr.replace(DEBUG, ""), "");
    shown.stdout
}

const DEBUG: &str = "";

#[test]
fn every_option_is_explained() {
    for command in COMMANDS {
        let text = help(command);
        assert!(text.contains(&format!("Usage: subrosa {command}").trim().to_owned()), "{text}");
        let short = run(command.split_whitespace().chain(["-h"])).succeeded().stdout;
        for text in [&text, &short] {
            assert!(text.lines().all(|line| line.chars().count() <= 100), "{text}");
        }
        let first = text.lines().next().unwrap();
        assert!(first.starts_with(char::is_uppercase) && first.len() > 20, "{first}");
    }
}

#[test]
fn defaults_and_units_are_named() {
    let squeezed = |command| help(command).split_whitespace().collect::<Vec<_>>().join(" ");
    for command in ["demo", "generate"] {
        let text = squeezed(command);
        for said in [
            "--tokens <COUNT>",
            "[default: 48]",
            "0 takes the most likely token [default: 0]",
            "above 0 and at most 1 [default: 1]",
            "without it every run differs",
            "1 to 64 [default: 16]",
            "256, 512, 1024, 2048 or 4096",
            "[default: 256]",
            "--pace <MICROSECONDS>",
            "[default: 1000 in masked mode, 3000 in the others",
            "f32, one row for each generated position",
            "--prompt-ids <ID,ID,...>",
        ] {
            assert!(text.contains(said), "{said:?} is not in the help of {command}: {text}");
        }
    }
    for command in ["generate", "prepare"] {
        assert!(squeezed(command).contains("a port if it is not 7766"));
    }
    for command in ["generate", "prepare", "provision"] {
        assert!(squeezed(command).contains("[default: `correlations` in the device's folder]"));
    }
    let serve = squeezed("serve");
    assert!(serve.contains("--listen <IP:PORT>") && serve.contains("[default: 127.0.0.1:7766]"));
    assert!(serve.contains("0 takes all cores [default: 0]"));
    for command in ["demo", "serve", "bench"] {
        let text = squeezed(command);
        for said in ["--accel <NAME>", "as `subrosa devices` shows them", "else the processor"] {
            assert!(text.contains(said), "{said:?} is not in the help of {command}: {text}");
        }
    }
    assert!(serve.contains("--gpu-memory <SIZE>") && serve.contains("[default: all of it]"));
    assert!(squeezed("provision").contains("(mode 0600)"));
    let root = squeezed("");
    assert!(root.contains("Exit codes: 0 success, 1 failure, 2 wrong usage, 3 the host's answers"));
}

#[test]
fn the_version() {
    let version = run(["--version"]).succeeded().stdout;
    assert_eq!(version, format!("subrosa {}\n", env!("CARGO_PKG_VERSION")));
}
