//! The moments that a device takes its pace from: every answer is heard before anything is done with
//! it, and every request waits for its departure.

use crate::harness::link::{Cut, Loopback, honest};
use crate::harness::model::TINY;
use crate::harness::moments::{Moment, Noted};
use crate::harness::now;
use crate::harness::random::Rng;
use crate::harness::run::Run;
use crate::harness::store::provisioned;

#[test]
fn every_request_departs_after_an_answer() {
    let run = Run::new(&TINY, 3, 3, 2, 2);
    let products = run.schedule.product_count(&TINY.config) as usize;
    // The welcome, then a departure and an answer for each product, and the goodbye's departure.
    let mut expected = vec![Moment::Answered];
    expected.extend([Moment::Departure, Moment::Answered].repeat(products));
    expected.push(Moment::Departure);
    for cut in [None, Some(700)] {
        let cuts: Vec<Cut> =
            cut.iter().map(|&after| Cut { up: false, after, quiet: true }).collect();
        let host = Loopback::new(&TINY.engine, honest()).breaking(&cuts, 1);
        let device = Noted::new(&host);
        let mut store = provisioned(&TINY, &run.schedule, 1, &mut Rng(1));
        let (_, verdict) = now(run.masked_over(&mut store, device.clone(), |_, _| {})).unwrap();
        assert_eq!(verdict.failed, 0);
        let mut noted: Vec<Moment> =
            device.moments().into_iter().map(|(_, moment)| moment).collect();
        if cut.is_some() {
            // The welcome of the second link.
            let twice = noted.windows(2).position(|w| w == [Moment::Departure; 2]);
            assert_eq!(twice, None, "a request that is sent again departs with its link");
            let again = noted.windows(2).position(|w| w == [Moment::Answered; 2]).unwrap();
            noted.remove(again);
        }
        assert_eq!(noted, expected);
    }
}
