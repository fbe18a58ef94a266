//! `subrosa devices`: the GPUs of this machine, and whether they compute rightly.

use crate::accel::NO_ADAPTER;
use crate::progress;
use accel_wgpu::{AdapterReport, Availability, Gpu, Permutation, Selection, adapters};
use core::fmt;
use serde::Serialize;

/// All adapters. Names of fields are for scripts, and stay.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Report {
    adapters: Vec<Adapter>,
}

#[derive(Clone, Debug, Serialize)]
struct Adapter {
    index: usize,
    name: String,
    kind: String,
    /// The interface that it is reached through.
    backend: String,
    driver: String,
    features: Vec<Feature>,
    permutations: Vec<Tested>,
}

/// What a part of the programs needs, and whether it is there.
#[derive(Clone, Debug, Serialize)]
struct Feature {
    name: &'static str,
    needs: &'static str,
    available: bool,
}

/// A form of the programs.
#[derive(Clone, Debug, Serialize)]
struct Tested {
    name: String,
    available: bool,
    /// Of its self-test; absent where it cannot run.
    #[serde(skip_serializing_if = "Option::is_none")]
    passed: Option<bool>,
    /// Why it did not pass.
    #[serde(skip_serializing_if = "Option::is_none")]
    problem: Option<String>,
}

impl Report {
    /// Looks, and tests what is there.
    pub(crate) fn new() -> Self {
        let all = adapters();
        let tests: usize = all.iter().map(|adapter| adapter.permutations().count()).sum();
        let bar = progress::count("self-tests", tests as u64);
        let adapters = all.into_iter().map(|adapter| Adapter::new(adapter, &bar)).collect();
        bar.finish_and_clear();
        Self { adapters }
    }

    /// Whether every self-test passed.
    pub(crate) fn is_right(&self) -> bool {
        let mut tested = self.adapters.iter().flat_map(|adapter| &adapter.permutations);
        tested.all(|tested| tested.passed != Some(false))
    }
}

impl Adapter {
    fn new(report: AdapterReport, bar: &indicatif::ProgressBar) -> Self {
        let runs: Vec<_> = report.permutations().collect();
        let permutations = Permutation::all().map(|permutation| {
            let problem = runs.contains(&permutation).then(|| {
                let builder = Gpu::builder().adapter(Selection::Index(report.index));
                // Opening tests it.
                let opened = builder.permutation(permutation).build();
                bar.inc(1);
                opened.err().map(|error| error.to_string())
            });
            Tested {
                name: permutation.to_string(),
                available: problem.is_some(),
                passed: problem.as_ref().map(Option::is_none),
                problem: problem.flatten(),
            }
        });
        let permutations = permutations.collect();
        let feature = |part: Availability| Feature {
            name: part.name,
            needs: part.needs,
            available: part.available,
        };
        Self {
            index: report.index,
            kind: report.kind.to_string(),
            features: report.parts().map(feature).into(),
            permutations,
            name: report.name,
            backend: report.backend,
            driver: report.driver,
        }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.adapters.is_empty() {
            writeln!(f, "none found: {NO_ADAPTER}")?;
        }
        for adapter in &self.adapters {
            writeln!(
                f,
                "{}: {} ({}, {})",
                adapter.index, adapter.name, adapter.kind, adapter.backend
            )?;
            writeln!(f, "   driver      {}", adapter.driver)?;
            for Feature { name, needs, available } in &adapter.features {
                let there = if *available { "available" } else { "not there" };
                writeln!(f, "   {name:<11} {there}; needs {needs}")?;
            }
            for Tested { name, problem, .. } in
                adapter.permutations.iter().filter(|tested| tested.available)
            {
                match problem {
                    None => writeln!(f, "   self-test   passed: {name}")?,
                    Some(problem) => writeln!(f, "   self-test   FAILED: {name}: {problem}")?,
                }
            }
        }
        Ok(())
    }
}
