//! Has every package compiled with the same features, whether it is selected alone or with all
//! others.
//!
//! Cargo unifies the features of what is selected. So `cargo test -p billing` after a build of the
//! whole workspace would compile the AWS SDKs, tokio and more a second time, for the features that
//! nobody in that selection asks for. The package `workspace-features` asks for them. It is written
//! here, from what `cargo tree` says, and is a dev-dependency: builds of a function for a
//! deployment select no tests, and so know nothing of it.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write,
    fs,
    path::Path,
};

use anyhow::{Context, Result, bail, ensure};
use clap::Args;

use crate::process::{cargo, output};

/// What to do with the features.
#[derive(Args, Debug)]
pub struct Options {
    /// Write nothing; fail when something would be compiled twice.
    #[arg(long)]
    check: bool,
}

const PACKAGE: &str = "workspace-features";
const MANIFEST: &str = "crates/workspace-features/Cargo.toml";
/// What CI and most developers build for; the answer must not depend on who asks.
const TARGET: &str = "x86_64-unknown-linux-gnu";
/// Whatever is asked for may have dependencies of its own, which then differ. Nothing took more
/// than three rounds.
const MOST_ROUNDS: usize = 8;

/// What the target runs, and all that is compiled: build scripts and macros of the compiler's
/// machine too.
const ON_TARGET: &str = "normal,dev,no-proc-macro";
const ALL: &str = "normal,build,dev";

/// For each package, such as `tokio v1.54.1`, each list of features that it is compiled with.
type Resolved = BTreeMap<String, BTreeSet<String>>;
/// The features that a package must have: all that anybody asks for.
type Wanted = BTreeMap<String, String>;

/// What is compiled twice: for the target, for the compiler's machine; and by whom.
#[derive(Debug, Default)]
struct Differences {
    target: Wanted,
    host: Wanted,
    problems: BTreeSet<String>,
}

/// Fails when something would be compiled twice.
pub fn check(root: &Path) -> Result<()> {
    let problems = differences(root)?.problems;
    for problem in &problems {
        println!("{problem}");
    }
    ensure!(
        problems.is_empty(),
        "{} times something would be compiled twice; give a new package a dev-dependency on {PACKAGE}, and run \
         `cargo xtask features`",
        problems.len()
    );
    Ok(())
}

/// Writes or checks `workspace-features`.
pub fn run(root: &Path, options: &Options) -> Result<()> {
    if options.check {
        return check(root);
    }
    let head = fs::read_to_string(root.join(MANIFEST)).with_context(|| format!("cannot read {MANIFEST}"))?;
    let head = head.split("\n[dependencies]").next().unwrap_or_default().trim_end().to_owned();
    let mut wanted = Differences::default();
    for _ in 0..MOST_ROUNDS {
        fs::write(root.join(MANIFEST), manifest(&head, &wanted)?)?;
        let found = differences(root)?;
        if found.problems.is_empty() {
            println!("{MANIFEST}: {} packages have the workspace's features", wanted.target.len());
            return Ok(());
        }
        wanted.target.extend(found.target);
        wanted.host.extend(found.host);
    }
    bail!("after {MOST_ROUNDS} rounds something is still compiled twice: run `cargo xtask features --check`")
}

fn differences(root: &Path) -> Result<Differences> {
    let (target, all) = (resolved(root, None, ON_TARGET)?, resolved(root, None, ALL)?);
    let mut found = Differences::default();
    for member in members(root)? {
        let of_member = (resolved(root, Some(&member), ON_TARGET)?, resolved(root, Some(&member), ALL)?);
        found.add(&member, (&target, &all), (&of_member.0, &of_member.1));
    }
    Ok(found)
}

impl Differences {
    /// Adds what `member`, selected alone, has with other features than the workspace has it with.
    fn add(&mut self, member: &str, workspace: (&Resolved, &Resolved), alone: (&Resolved, &Resolved)) {
        let none = BTreeSet::new();
        let of = |resolved: &Resolved, package: &str| resolved.get(package).unwrap_or(&none).clone();
        for (package, variants) in alone.1 {
            let (on_target, all) = (of(workspace.0, package), of(workspace.1, package));
            let on_target_alone = of(alone.0, package);
            for features in variants {
                let (known, wanted) = if on_target_alone.contains(features) {
                    (&on_target, &mut self.target)
                } else {
                    (&all, &mut self.host)
                };
                if known.contains(features) {
                    continue;
                }
                // On the compiler's machine a package may be there in the target's form too.
                let most =
                    |variants: &BTreeSet<String>| variants.iter().max_by_key(|text| text.len()).cloned();
                let own = most(&known.difference(&on_target).cloned().collect());
                let most = own.or_else(|| most(known)).unwrap_or_default();
                self.problems.insert(format!(
                    "{package}: `-p {member}` compiles it with [{features}], the workspace with [{most}]"
                ));
                wanted.insert(package.clone(), most);
            }
        }
    }
}

fn members(root: &Path) -> Result<Vec<String>> {
    let metadata = output(cargo(root).args(["metadata", "--no-deps", "--offline", "--format-version", "1"]))?;
    let metadata: serde_json::Value = serde_json::from_str(&metadata)?;
    let packages = metadata["packages"].as_array().context("cargo metadata lists no packages")?;
    Ok(packages.iter().filter_map(|package| package["name"].as_str()).map(str::to_owned).collect())
}

/// What is compiled for the tests of one member, or of all.
fn resolved(root: &Path, member: Option<&str>, edges: &str) -> Result<Resolved> {
    let mut command = cargo(root);
    // Cargo that unifies by itself would see no difference; the answer is for cargo as it is released.
    command.env_remove("CARGO_RESOLVER_FEATURE_UNIFICATION");
    command.args(["tree", "--offline", "--target", TARGET, "--edges", edges]);
    command.args(["--prefix", "none", "--format", "{p}|{f}"]);
    match member {
        Some(member) => command.args(["--package", member]),
        None => command.arg("--workspace"),
    };
    Ok(read_tree(&output(&mut command)?))
}

/// Reads lines such as `tokio v1.54.1|default,rt (*)`. Packages of ours have a path, and no
/// features.
fn read_tree(text: &str) -> Resolved {
    let mut resolved = Resolved::new();
    for line in text.lines() {
        let Some((package, features)) = line.trim_end_matches(" (*)").split_once('|') else { continue };
        if !package.contains(" (/") {
            let package = package.trim_end_matches(" (proc-macro)").to_owned();
            resolved.entry(package).or_default().insert(features.to_owned());
        }
    }
    resolved
}

fn manifest(head: &str, wanted: &Differences) -> Result<String> {
    let mut text = format!("{head}\n");
    // In both sections one version has one name: cargo takes no two names for it.
    let versions: BTreeSet<&String> = wanted.target.keys().chain(wanted.host.keys()).collect();
    for (section, packages) in [("dependencies", &wanted.target), ("build-dependencies", &wanted.host)] {
        write!(text, "\n[{section}]\n")?;
        for (package, features) in packages {
            let (name, version) = package.split_once(" v").context("a package has a version")?;
            let version = compatible(version);
            let is_it = |other: &&&String| other.split(' ').next() == Some(name);
            let is_alone = versions.iter().filter(is_it).count() == 1;
            let (key, rename) = if is_alone {
                (name.to_owned(), String::new())
            } else {
                (format!("{name}-{}", version.replace('.', "-")), format!("package = \"{name}\", "))
            };
            let mut features: Vec<&str> = features.split(',').filter(|name| !name.is_empty()).collect();
            let has_default = features.contains(&"default");
            features.retain(|feature| *feature != "default");
            write!(text, "{key} = {{ {rename}version = \"{version}\"")?;
            if !has_default {
                text.push_str(", default-features = false");
            }
            if !features.is_empty() {
                write!(text, ", features = {features:?}")?;
            }
            text.push_str(" }\n");
        }
    }
    Ok(text)
}

/// The version that all later compatible ones are compatible with, so that an update of one changes
/// nothing here.
fn compatible(version: &str) -> String {
    let parts = version.split('.').take(if version.starts_with("0.") { 2 } else { 1 });
    parts.collect::<Vec<_>>().join(".")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_differs_is_named_and_asked_for() {
        let workspace = (
            read_tree("tokio v1.2.3|full,rt\nsyn v2.0.1|full\n"),
            read_tree("tokio v1.2.3|full,rt\nsyn v2.0.1|full,visit (*)\n"),
        );
        let alone = (
            read_tree("tokio v1.2.3|rt\nours v0.1.0 (/work/ours)|\n"),
            read_tree("tokio v1.2.3|rt\nsyn v2.0.1 (proc-macro)|\n"),
        );
        let mut found = Differences::default();
        found.add("orgs", (&workspace.0, &workspace.1), (&alone.0, &alone.1));
        let problems: Vec<_> = found.problems.iter().map(String::as_str).collect();
        assert_eq!(
            problems,
            [
                "syn v2.0.1: `-p orgs` compiles it with [], the workspace with [full,visit]",
                "tokio v1.2.3: `-p orgs` compiles it with [rt], the workspace with [full,rt]",
            ]
        );
        let text = manifest("[package]", &found).unwrap();
        assert_eq!(
            text,
            "[package]\n\n[dependencies]\ntokio = { version = \"1\", default-features = false, features = [\"full\", \"rt\"] }\n\
             \n[build-dependencies]\nsyn = { version = \"2\", default-features = false, features = [\"full\", \"visit\"] }\n"
        );
        let mut none = Differences::default();
        none.add("orgs", (&workspace.0, &workspace.1), (&workspace.0, &workspace.1));
        assert!(none.problems.is_empty(), "{none:?}");
    }

    #[test]
    fn two_versions_have_two_names() {
        let wanted = Wanted::from([
            ("http v0.2.12".to_owned(), String::new()),
            ("http v1.5.0".to_owned(), "default,std".to_owned()),
        ]);
        let host = Wanted::from([("http v1.5.0".to_owned(), "std".to_owned())]);
        let text = manifest("", &Differences { target: wanted, host, ..Differences::default() }).unwrap();
        assert_eq!(text.matches("http-1 = ").count(), 2, "one version has one name in both sections: {text}");
        assert!(
            text.contains("http-0-2 = { package = \"http\", version = \"0.2\", default-features = false }\n"),
            "{text}"
        );
        assert!(
            text.contains("http-1 = { package = \"http\", version = \"1\", features = [\"std\"] }\n"),
            "{text}"
        );
    }
}
