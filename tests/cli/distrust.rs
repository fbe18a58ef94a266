//! A host that has failed a check anywhere is used in masked mode only.

use crate::modes::{LIE, generate, list};
use crate::prepare_direct::{prepare, says};
use crate::strangers::{HEADER, Spoil, spoiling};
use crate::tool::{Bundles, Host, MODEL};
use std::fs;

/// The welcome, then rows of the first unit; through direct mode, the answer to the first.
const UNIT: usize = 1;
const WHY: &str = "have failed a check before: only masked mode may be used with it";

/// What is left with a host that has been caught, which is asked for more than the store holds.
#[track_caller]
fn only_masked_mode_is_left(bundles: &Bundles, liar: &str, written: &str) {
    assert_eq!(fs::read_to_string(list()).unwrap(), format!("{liar}\n"));
    let why = format!("answers of {liar} {WHY}");
    let remedy = format!("take its line out of {}", list().display());
    for mode in ["direct", "mixed"] {
        generate(bundles, written, mode).failed(1, &[&why, &remedy]).one_line();
    }
    let prepare = |method| prepare(bundles, written, &format!("--tokens 300 --method {method}"));
    prepare("direct").failed(1, &[&why, &remedy]).one_line();
    let auto = prepare("auto").succeeded();
    says(&auto, &["--method auto is masked with this host: ", &why, "method   masked: about "]);
    assert!(!auto.stderr.contains("method   direct"), "{auto:?}");
    generate(bundles, written, "masked").succeeded();
}

/// The unit is made anew, and with that the command succeeds; the host is remembered all the same.
#[test]
fn a_masked_unit_that_failed_its_check() {
    let bundles = Bundles::of(MODEL);
    let host = Host::of(&bundles);
    let liar = spoiling(&host, UNIT, LIE);
    let made = prepare(&bundles, &liar, "--tokens 20 --method masked").succeeded();
    let anew = "1 units failed their check and were dropped: they are made anew, and only masked mode \
                may be used with this host from now on";
    says(&made, &[anew]);
    let port = liar.rsplit_once(':').unwrap().1;
    only_masked_mode_is_left(&bundles, &liar, &format!("[::FFFF:127.0.0.1]:0{port}"));
}

#[test]
fn a_masked_unit_in_the_preparation_of_a_generation() {
    let bundles = Bundles::of(MODEL);
    let host = Host::of(&bundles);
    let liar = spoiling(&host, UNIT, LIE);
    says(&generate(&bundles, &liar, "masked").succeeded(), &["1 units failed their check"]);
    only_masked_mode_is_left(&bundles, &liar, &liar);
}

/// A session through direct mode in which a host lies, and is out of order in the next frame.
#[test]
fn a_preparation_that_ends_early_after_a_lie() {
    let bundles = Bundles::of(MODEL);
    let host = Host::of(&bundles);
    let twofold: Spoil = |frame| {
        LIE(frame);
        frame.extend(frame.clone());
    };
    let liar = spoiling(&host, UNIT, twofold);
    prepare(&bundles, &liar, "--tokens 20 --method direct")
        .failed(1, &["ended early, and none of its correlations is kept", "out of order"]);
    only_masked_mode_is_left(&bundles, &liar, &liar);
}

/// A host that is out of order, or goes away, has not lied.
#[test]
fn faults_that_are_no_lies() {
    let bundles = Bundles::of(MODEL);
    let host = Host::of(&bundles);
    for method in ["masked", "direct"] {
        let spoilt = spoiling(&host, UNIT + 1, |frame| frame[HEADER - 8] ^= 1);
        prepare(&bundles, &spoilt, &format!("--tokens 20 --method {method}"))
            .failed(1, &["preparing correlations failed", "out of order"]);
    }
    assert!(!list().exists());
}

#[cfg(unix)]
mod interrupts {
    use super::UNIT;
    use crate::modes::{LIE, OPTIONS, list};
    use crate::strangers::tampering;
    use crate::tool::{Bundles, Host, MODEL, Process, program, words};
    use std::fs;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::time::Duration;

    /// A proxy that lies in frame `UNIT`, and falls silent before frame `silent`; whether it has.
    fn lies_and_falls_silent(host: &Host, silent: usize) -> (String, Arc<AtomicBool>) {
        let reached = Arc::new(AtomicBool::new(false));
        let seen = Arc::clone(&reached);
        let liar = tampering(host, move |index, frame| {
            if index == UNIT {
                LIE(frame);
            } else if index == silent {
                seen.store(true, Ordering::Relaxed);
                std::thread::sleep(Duration::from_secs(600));
            }
        });
        (liar, reached)
    }

    #[test]
    fn an_interrupt_makes_nobody_forgotten() {
        let bundles = Bundles::of(MODEL);
        let host = Host::of(&bundles);
        // The rows of a unit come in five frames.
        let (liar, reached) = lies_and_falls_silent(&host, 8);
        let line = words(
            &format!("prepare --method masked --host {liar} --tokens 20 --model"),
            &[&bundles.device()],
        );
        let mut process = Process::start(&mut program(line));
        process.until(|| reached.load(Ordering::Relaxed));
        process.signal("INT");
        assert_eq!(process.finish().code, Some(130));
        assert_eq!(fs::read_to_string(list()).unwrap(), format!("{liar}\n"));

        // Of a session, the second interrupt ends the program: the prompt takes eight products, then come the
        // first logits.
        let (online, reached) = lies_and_falls_silent(&host, 11);
        let options = format!("{OPTIONS} --mode direct");
        let mut process = Process::start(&mut program(bundles.generate(&online, &options)));
        process.until(|| reached.load(Ordering::Relaxed));
        process.signal("INT");
        process.says("the session goes on to its end");
        process.signal("INT");
        assert_eq!(process.finish().code, Some(130));
        assert_eq!(fs::read_to_string(list()).unwrap(), format!("{liar}\n{online}\n"));
    }
}
