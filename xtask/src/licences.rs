//! Whether every dependency may be used under licences on our list.
//!
//! The list is in `deny.toml`, where cargo-deny finds it too.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, anyhow, ensure};
use serde::Deserialize;
use spdx::{Expression, Licensee, ParseMode};

use crate::shell;

/// The part of `deny.toml` that counts here.
#[derive(Deserialize)]
struct Policy {
    licenses: Licenses,
}

#[derive(Deserialize)]
struct Licenses {
    /// What any dependency may be under.
    allow: Vec<String>,
    /// What only the named dependencies may be under.
    #[serde(default)]
    exceptions: Vec<Exception>,
}

#[derive(Deserialize)]
struct Exception {
    #[serde(rename = "crate")]
    name: String,
    allow: Vec<String>,
}

/// The part of cargo's metadata that counts here.
#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
}

#[derive(Deserialize)]
struct Package {
    name: String,
    version: String,
    license: Option<String>,
}

/// The workspaces whose dependencies are all on one list.
const WORKSPACES: [&str; 3] = [".", "firmware", "fuzz"];

/// Checks the dependencies of all workspaces but of those that have lists of their own.
pub(crate) fn check() -> Result<()> {
    WORKSPACES.iter().try_for_each(|folder| check_workspace(folder, "deny.toml"))
}

/// Checks all dependencies of the workspace in `folder`, every feature, every target, every kind, against
/// the list in `policy`.
pub(crate) fn check_workspace(folder: &str, policy: &str) -> Result<()> {
    let text = fs::read_to_string(shell::root().join(policy));
    let text = text.with_context(|| format!("no {policy}"))?;
    let list: Policy =
        toml::from_str(&text).with_context(|| format!("cannot understand {policy}"))?;
    let metadata = ["metadata", "--locked", "--format-version", "1", "--all-features"];
    let manifest = Path::new(folder).join("Cargo.toml");
    let mut command = shell::cargo(metadata);
    let metadata = shell::output(command.arg("--manifest-path").arg(manifest))?;
    let metadata: Metadata =
        serde_json::from_str(&metadata).context("cannot understand cargo's metadata")?;
    let mut refused = 0;
    for package in &metadata.packages {
        if let Err(error) = list.admits(package) {
            eprintln!("{} {}: {error:#}", package.name, package.version);
            refused += 1;
        }
    }
    let all = metadata.packages.len();
    ensure!(refused == 0, "{policy} does not admit the licences of {refused} packages in {folder}");
    println!("{policy} admits the licences of all {all} packages in {folder}");
    Ok(())
}

impl Policy {
    /// Fails unless the package's licence can be satisfied with the licences on the list.
    fn admits(&self, package: &Package) -> Result<()> {
        let license = package.license.as_deref().context("names no licence")?;
        let expression = Expression::parse_mode(license, ParseMode::LAX)
            .map_err(|error| anyhow!("{license}: {}", error.reason))?;
        let own = self.licenses.exceptions.iter().filter(|e| e.name == package.name);
        let listed = self.licenses.allow.iter().chain(own.flat_map(|e| &e.allow));
        let listed = listed
            .map(|name| {
                Licensee::parse(name).map_err(|e| anyhow!("on the list: {name}: {}", e.reason))
            })
            .collect::<Result<Vec<_>>>()?;
        let admitted = expression.evaluate(|asked| listed.iter().any(|l| l.satisfies(asked)));
        ensure!(admitted, "{license} is not on the list");
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::{Package, Policy};

    const POLICY: &str = r#"
        [licenses]
        allow = ["MIT", "Apache-2.0", "Unicode-3.0"]
        exceptions = [{ crate = "oracle", allow = ["BSD-3-Clause-Clear"] }]
    "#;

    fn admitted(name: &str, license: Option<&str>) -> bool {
        let policy: Policy = toml::from_str(POLICY).unwrap();
        let license = license.map(Into::into);
        policy.admits(&Package { name: name.into(), version: "1.0.0".into(), license }).is_ok()
    }

    #[test]
    fn expressions() {
        for license in [
            "MIT",
            "MIT OR GPL-3.0-only",
            "MIT/Apache-2.0",
            "(MIT OR Apache-2.0) AND Unicode-3.0",
            "GPL-2.0-or-later OR (ISC AND MIT) OR Apache-2.0",
        ] {
            assert!(admitted("a", Some(license)), "{license}");
        }
        for license in [
            "GPL-3.0-only",
            "MIT AND GPL-3.0-only",
            "ISC",
            "(MIT OR ISC) AND Zlib",
            "Apache-2.0 WITH LLVM-exception",
            "mine, all mine",
        ] {
            assert!(!admitted("a", Some(license)), "{license}");
        }
        assert!(!admitted("a", None));
    }

    #[test]
    fn exceptions_are_for_the_named() {
        assert!(admitted("oracle", Some("BSD-3-Clause-Clear")));
        assert!(!admitted("oracles", Some("BSD-3-Clause-Clear")));
        assert!(!admitted("oracle", Some("GPL-3.0-only")));
    }
}
