//! Mutation testing of the pure rules: changes them, one place at a time, and sees whether a test
//! of their crate fails.

use std::path::Path;

use anyhow::{Result, bail};
use clap::Args;

use crate::{
    process::run as run_command,
    tools::{command, find},
};

/// Files that decide and touch nothing else, by their crate, and which of its tests try them.
struct Rules {
    package: &'static str,
    tests: Tests,
    files: &'static [&'static str],
}

enum Tests {
    /// Those in the library.
    Library,
    /// All of the package: what it stores is tried by the operations on it, on a database for each
    /// test.
    Package,
    /// Those of another package too, which has the operations.
    With(&'static str),
}

const fn rules(package: &'static str, tests: Tests, files: &'static [&'static str]) -> Rules {
    Rules { package, tests, files }
}

/// The rules. Operations around them call the table; they are held by crash points and races
/// instead.
const RULES: &[Rules] = &[
    rules("access", Tests::Library, &["level.rs", "lib.rs", "permission.rs"]),
    rules(
        "billing",
        Tests::Library,
        &[
            "access.rs",
            "episode.rs",
            "invoice.rs",
            "newest.rs",
            "rules.rs",
            "stamp.rs",
            "stripe_state.rs",
            "subscription.rs",
            "subscription_record.rs",
            "subscriptions.rs",
            "transition.rs",
            "trial.rs",
        ],
    ),
    rules("billing", Tests::Package, &["news.rs"]),
    rules("identity", Tests::Package, &["code.rs", "history.rs", "proof.rs", "session.rs", "token.rs"]),
    rules("identity-core", Tests::With("identity"), &["link.rs", "policy.rs", "session.rs", "user.rs"]),
    rules("orgs", Tests::Library, &["member.rs"]),
    rules("primitives", Tests::Library, &["email.rs", "id.rs", "name.rs", "page.rs", "slug.rs"]),
    rules("table", Tests::Package, &["bucket.rs", "rate_limit.rs"]),
];

/// Which rules.
#[derive(Args, Debug)]
pub struct Options {
    /// Only the rules of these crates; all of them if none is named.
    #[arg(value_parser = clap::builder::PossibleValuesParser::new(RULES.iter().map(|rules| rules.package)))]
    crates: Vec<String>,
    /// Only list the mutants.
    #[arg(long)]
    list: bool,
}

/// Runs cargo-mutants for each crate, and says at the end where mutants survived.
pub fn run(root: &Path, options: &Options) -> Result<()> {
    if find(root, "cargo-mutants").is_none() {
        bail!("cargo-mutants is missing: cargo xtask tools cargo-mutants");
    }
    let wanted =
        |rules: &&Rules| options.crates.is_empty() || options.crates.iter().any(|only| only == rules.package);
    let target = root.join("target").join("mutants");
    let mut survived = Vec::new();
    for rules in RULES.iter().filter(wanted) {
        let mut mutants = command(root, "cargo-mutants");
        mutants.args(["mutants", "--package", rules.package]);
        let output = match rules.tests {
            Tests::Library => {
                mutants.arg("--cargo-arg=--lib");
                rules.package.to_owned()
            }
            Tests::Package => format!("{}-package", rules.package),
            Tests::With(other) => {
                mutants.arg("--test-package").arg(format!("{},{other}", rules.package));
                rules.package.to_owned()
            }
        };
        for file in rules.files {
            mutants.args(["--file", &format!("crates/{}/src/{file}", rules.package)]);
        }
        if options.list {
            run_command(mutants.arg("--list"))?;
            continue;
        }
        let output = target.join(output);
        std::fs::create_dir_all(&output)?;
        // What we depend on is compiled once for all of them.
        mutants.env("CARGO_TARGET_DIR", target.join("target"));
        // In a copy of the workspace, so that what is worked on stays as it is. A mutant that loops
        // for ever is a mutant that was noticed.
        mutants.args(["--jobs", "1", "--timeout", "120", "--no-shuffle", "--output"]).arg(&output);
        if run_command(&mut mutants).is_err() {
            survived.push(output.join("mutants.out").join("missed.txt").display().to_string());
        }
    }
    if survived.is_empty() {
        return Ok(());
    }
    bail!("mutants survived; these name them: {}", survived.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::process::workspace_root;

    #[test]
    fn the_rules_are_where_they_are_said_to_be() {
        for rules in RULES {
            for file in rules.files {
                let path = workspace_root().join("crates").join(rules.package).join("src").join(file);
                assert!(
                    path.is_file(),
                    "{} is gone; mend RULES in crates/xtask/src/mutants.rs",
                    path.display()
                );
            }
        }
    }
}
