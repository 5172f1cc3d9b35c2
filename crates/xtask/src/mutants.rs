//! Mutation testing of the pure rules: changes them, one place at a time, and sees whether a test of their
//! crate fails.

use std::path::Path;

use anyhow::{Result, bail};
use clap::Args;

use crate::{
    process::run as run_command,
    tools::{command, find},
};

/// The rules: files that decide and touch nothing else, by their crate. Operations around them call the
/// table, where a mutant costs a database for each test; they are held by crash points and races instead.
const RULES: &[(&str, &[&str])] = &[
    ("access", &["level.rs", "lib.rs", "permission.rs"]),
    (
        "billing",
        &[
            "access.rs",
            "episode.rs",
            "invoice.rs",
            "newest.rs",
            "news.rs",
            "rules.rs",
            "stamp.rs",
            "stripe_state.rs",
            "subscription.rs",
            "subscriptions.rs",
            "transition.rs",
            "trial.rs",
        ],
    ),
    ("identity", &["code.rs", "history.rs", "proof.rs", "session.rs", "token.rs"]),
    ("identity-core", &["link.rs", "policy.rs", "session.rs", "user.rs"]),
    ("orgs", &["member.rs", "org.rs"]),
    ("primitives", &["email.rs", "id.rs", "name.rs", "page.rs", "slug.rs"]),
    ("table", &["rate_limit.rs"]),
];

/// The crates whose rules are tried by the operations around them too: theirs are few, and quick enough.
const BESIDE_THE_TABLE: &[&str] = &["identity", "identity-core", "orgs", "table"];

/// Which rules.
#[derive(Args, Debug)]
pub struct Options {
    /// Only the rules of these crates; all of them if none is named.
    #[arg(value_parser = clap::builder::PossibleValuesParser::new(RULES.iter().map(|(name, _)| *name)))]
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
    let wanted = |name: &str| options.crates.is_empty() || options.crates.iter().any(|only| only == name);
    let mut survived = Vec::new();
    for (name, files) in RULES.iter().filter(|(name, _)| wanted(name)) {
        let mut mutants = command(root, "cargo-mutants");
        mutants.args(["mutants", "--package", name]);
        if *name == "identity-core" {
            // what it stores is tried by the operations on it
            mutants.args(["--test-package", "identity-core,identity"]);
        }
        for file in *files {
            mutants.args(["--file", &format!("crates/{name}/src/{file}")]);
        }
        if options.list {
            run_command(mutants.arg("--list"))?;
            continue;
        }
        // In a copy of the workspace, so that what is worked on stays as it is. A mutant that loops for ever
        // is a mutant that was noticed.
        let output = root.join("target").join("mutants").join(name);
        std::fs::create_dir_all(&output)?;
        // What we depend on is compiled once for all of them.
        mutants.env("CARGO_TARGET_DIR", root.join("target").join("mutants").join("target"));
        mutants.args(["--jobs", "1", "--timeout", "120", "--no-shuffle", "--output"]).arg(output);
        if !BESIDE_THE_TABLE.contains(name) {
            mutants.arg("--cargo-arg=--lib");
        }
        if run_command(&mut mutants).is_err() {
            survived.push(*name);
        }
    }
    if survived.is_empty() {
        return Ok(());
    }
    bail!(
        "mutants survived in {}: target/mutants/<crate>/mutants.out/missed.txt names them",
        survived.join(", ")
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::process::workspace_root;

    #[test]
    fn the_rules_are_where_they_are_said_to_be() {
        for (name, files) in RULES {
            for file in *files {
                let path = workspace_root().join("crates").join(name).join("src").join(file);
                assert!(
                    path.is_file(),
                    "{} is gone; mend RULES in crates/xtask/src/mutants.rs",
                    path.display()
                );
            }
        }
    }
}
