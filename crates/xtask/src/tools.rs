//! The tools that are not Rust's own, pinned, in `target/tools`: nothing is installed into the system.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result};
use clap::{Args, builder::PossibleValuesParser};

use crate::process::{cargo, run, step};

/// A package and its version.
type Pinned = (&'static str, &'static str);

/// From `PyPI`, by environment: those that pin the same library in other versions cannot share one.
const ENVIRONMENTS: &[(&str, &[Pinned])] = &[
    (
        "venv",
        &[
            ("aws-sam-cli", "1.170.0"),
            ("cargo-lambda", "1.9.2"),
            ("cfn-lint", "1.58.0"),
            // the linker that cargo-lambda cross-compiles with
            ("ziglang", "0.17.1"),
            ("zizmor", "1.32.0"),
        ],
    ),
    ("checkov", &[("checkov", "3.3.30")]),
    // the emulated AWS, and the proxy that injects faults
    (
        "emulator",
        &[
            ("aws-sam-translator", "1.115.0"),
            ("boto3", "1.43.106"),
            ("cryptography", "50.0.2"),
            ("microburst", "0.10.0"),
            ("ministack", "1.5.33"),
        ],
    ),
];
/// From crates.io.
const CARGO_TOOLS: &[Pinned] = &[("cargo-deny", "0.20.2"), ("cargo-cyclonedx", "0.5.9")];

fn folder(root: &Path) -> PathBuf {
    root.join("target").join("tools")
}

/// Where an installed tool is: ours first, else the one on the search path.
pub fn find(root: &Path, name: &str) -> Option<PathBuf> {
    let tools = folder(root);
    let ours = ENVIRONMENTS.iter().map(|(name, _)| tools.join(name).join("bin"));
    let path = std::env::var_os("PATH").unwrap_or_default();
    ours.chain([tools.join("bin")])
        .chain(std::env::split_paths(&path))
        .map(|place| place.join(name))
        .find(|tool| tool.is_file())
}

/// The Python that has the emulated AWS; `None` where it is not installed.
pub fn emulator(root: &Path) -> Option<PathBuf> {
    let python = folder(root).join("emulator").join("bin").join("python");
    python.is_file().then_some(python)
}

/// A tool to be run in the workspace.
pub fn command(root: &Path, name: &str) -> Command {
    let mut command = Command::new(find(root, name).unwrap_or_else(|| name.into()));
    command.current_dir(root);
    command
}

/// Which tools to install.
#[derive(Args, Debug, Default)]
pub struct Options {
    /// Only these; all of them if none is named.
    #[arg(value_parser = names())]
    only: Vec<String>,
}

fn names() -> PossibleValuesParser {
    let environments = ENVIRONMENTS.iter().map(|(name, _)| *name);
    let programs = CARGO_TOOLS.iter().map(|(name, _)| *name);
    PossibleValuesParser::new(environments.chain(programs))
}

/// Installs what is missing or has another version, and goes on when one of them fails.
pub fn install(root: &Path, options: &Options) -> Result<()> {
    let wanted = |name: &str| options.only.is_empty() || options.only.iter().any(|only| only == name);
    let mut all = Ok(());
    for (name, packages) in ENVIRONMENTS.iter().filter(|(name, _)| wanted(name)) {
        let contents: Vec<&str> = packages.iter().map(|(package, _)| *package).collect();
        let title = format!("{name} ({})", contents.join(", "));
        all = all.and(step(&title, || install_python(&folder(root), name, packages)).0);
    }
    for (name, version) in CARGO_TOOLS.iter().filter(|(name, _)| wanted(name)) {
        all = all.and(step(name, || install_cargo_tool(root, name, version)).0);
    }
    all
}

fn requirements(packages: &[(&str, &str)]) -> Vec<String> {
    packages.iter().map(|(name, version)| format!("{name}=={version}")).collect()
}

/// Installs these packages into an environment of this name.
fn install_python(tools: &Path, name: &str, packages: &[(&str, &str)]) -> Result<()> {
    let venv = tools.join(name);
    let stamp = venv.join("installed");
    let wanted = requirements(packages).join("\n");
    if fs::read_to_string(&stamp).is_ok_and(|installed| installed == wanted) {
        println!("already there");
        return Ok(());
    }
    fs::create_dir_all(tools).context("cannot create target/tools")?;
    run(Command::new("python3").args(["-m", "venv"]).arg(&venv))
        .context("Python 3.11 or later with its venv module is needed")?;
    let pip = venv.join("bin").join("pip");
    run(Command::new(pip)
        .args(["install", "--quiet", "--disable-pip-version-check"])
        .args(requirements(packages)))?;
    fs::write(&stamp, wanted).context("cannot write into target/tools")
}

fn install_cargo_tool(root: &Path, name: &str, version: &str) -> Result<()> {
    let tools = folder(root);
    // What cargo itself notes of what it installed.
    let noted = fs::read_to_string(tools.join(".crates.toml")).unwrap_or_default();
    if tools.join("bin").join(name).is_file() && noted.contains(&format!("\"{name} {version} ")) {
        println!("already there");
        return Ok(());
    }
    // It runs for seconds and compiles for minutes: the dev profile is the shorter sum.
    let install = ["install", name, "--version", version, "--locked", "--profile", "dev"];
    run(cargo(root).args(install).arg("--root").arg(&tools).env("CARGO_PROFILE_DEV_DEBUG", "0"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn our_tool_comes_before_the_system_s() {
        let root = tempfile::tempdir().unwrap();
        assert!(find(root.path(), "no-such-program").is_none());
        assert!(find(root.path(), "sh").is_some(), "the search path is looked through");
        let bin = folder(root.path()).join("bin");
        fs::create_dir_all(&bin).unwrap();
        fs::write(bin.join("sh"), "").unwrap();
        assert_eq!(find(root.path(), "sh"), Some(bin.join("sh")));
    }

    #[test]
    fn every_tool_is_pinned() {
        let packages = ENVIRONMENTS.iter().flat_map(|(_, packages)| *packages).chain(CARGO_TOOLS);
        let exact = |version: &str| version.split('.').all(|part| part.parse::<u32>().is_ok());
        assert!(packages.clone().count() > 5);
        assert!(packages.clone().all(|(_, version)| exact(version)));
    }
}
