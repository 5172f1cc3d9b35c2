//! The tools that are not Rust's own, pinned, in `target/tools`: nothing is installed into the
//! system.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    thread,
};

use anyhow::{Context, Result, anyhow};
use clap::{Args, builder::PossibleValuesParser};

use crate::process::{cargo, run, step};

/// Environments of packages from `PyPI`: those that pin the same library in other versions cannot
/// share one. `crates/xtask/tools/<name>.in` says what is wanted, `<name>.txt` beside it which
/// files it comes in, each with its hash; the first lines there are the command that writes it.
const ENVIRONMENTS: &[&str] = &["sam", "venv", "checkov", "emulator", "contract", "scim", "stripe"];
/// The environment of packages from npm, locked in `tests/contract`.
const NPM: &str = "npm";
/// From crates.io.
const CARGO_TOOLS: &[(&str, &str)] = &[("cargo-deny", "0.20.2"), ("cargo-cyclonedx", "0.5.9")];
/// From crates.io too, and only where they are named: no check needs them.
const TOOLS_ON_DEMAND: &[(&str, &str)] = &[("cargo-mutants", "27.1.0")];

fn folder(root: &Path) -> PathBuf {
    root.join("target").join("tools")
}

/// Where an installed tool is: ours first, else the one on the search path.
pub fn find(root: &Path, name: &str) -> Option<PathBuf> {
    let tools = folder(root);
    let ours = ENVIRONMENTS.iter().map(|name| tools.join(name).join("bin"));
    let path = std::env::var_os("PATH").unwrap_or_default();
    ours.chain([tools.join("bin"), npm_folder(root).join("node_modules").join(".bin")])
        .chain(std::env::split_paths(&path))
        .map(|place| place.join(name))
        .find(|tool| tool.is_file())
}

/// Where packages from npm are.
pub fn npm_folder(root: &Path) -> PathBuf {
    folder(root).join(NPM)
}

/// The Python of an environment, for a program of ours that needs what is in it.
pub fn python(root: &Path, environment: &str) -> PathBuf {
    folder(root).join(environment).join("bin").join("python")
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
    /// Only these; all that the checks need if none is named.
    #[arg(value_parser = names())]
    only: Vec<String>,
}

fn names() -> PossibleValuesParser {
    let environments = ENVIRONMENTS.iter().copied().chain([NPM]);
    let programs = CARGO_TOOLS.iter().chain(TOOLS_ON_DEMAND).map(|(name, _)| *name);
    PossibleValuesParser::new(environments.chain(programs))
}

/// Installs what is missing or has another version, and goes on when one of them fails.
pub fn install(root: &Path, options: &Options) -> Result<()> {
    let wanted = |name: &str| options.only.is_empty() || options.only.iter().any(|only| only == name);
    let packages = || {
        let mut all = Ok(());
        for name in ENVIRONMENTS.iter().filter(|name| wanted(name)) {
            all = all.and(step(name, || install_python(root, name)).0);
        }
        if wanted(NPM) {
            all = all.and(step(NPM, || install_npm(root)).0);
        }
        all
    };
    let on_demand = TOOLS_ON_DEMAND.iter().filter(|(name, _)| options.only.iter().any(|only| only == name));
    let programs = CARGO_TOOLS.iter().filter(|(name, _)| wanted(name)).chain(on_demand);
    // Side by side: packages wait for the network and the disk, programs for the compiler.
    thread::scope(|scope| {
        let packages = scope.spawn(packages);
        let mut all = Ok(());
        for (name, version) in programs {
            all = all.and(step(name, || install_cargo_tool(root, name, version)).0);
        }
        all.and(packages.join().unwrap_or_else(|_| Err(anyhow!("installing packages broke off"))))
    })
}

/// Installs the locked files of an environment, and nothing that would run while it is installed:
/// wheels only.
fn install_python(root: &Path, name: &str) -> Result<()> {
    let locked = root.join("crates/xtask/tools").join(format!("{name}.txt"));
    let wanted = fs::read_to_string(&locked).with_context(|| format!("cannot read {}", locked.display()))?;
    let venv = folder(root).join(name);
    let stamp = venv.join("installed");
    if fs::read_to_string(&stamp).is_ok_and(|installed| installed == wanted) {
        println!("already there");
        return Ok(());
    }
    fs::create_dir_all(folder(root)).context("cannot create target/tools")?;
    run(Command::new("python3").args(["-m", "venv"]).arg(&venv))
        .context("Python 3.11 or later with its venv module is needed")?;
    run(Command::new(venv.join("bin").join("pip"))
        .args(["install", "--quiet", "--disable-pip-version-check", "--no-compile"])
        .args(["--require-hashes", "--no-deps", "--only-binary", ":all:", "--requirement"])
        .arg(&locked))?;
    fs::write(&stamp, wanted).context("cannot write into target/tools")
}

/// Installs the locked packages, and runs nothing of theirs while they are installed.
fn install_npm(root: &Path) -> Result<()> {
    let (source, place) = (root.join("tests/contract"), npm_folder(root));
    let stamp = place.join("installed");
    let wanted =
        fs::read_to_string(source.join("package-lock.json")).context("cannot read the locked packages")?;
    if fs::read_to_string(&stamp).is_ok_and(|installed| installed == wanted) {
        println!("already there");
        return Ok(());
    }
    if find(root, "npm").is_none() {
        println!("npm is not installed: `cargo xtask check contract browser` will be skipped");
        return Ok(());
    }
    fs::create_dir_all(&place).context("cannot create target/tools")?;
    for file in ["package.json", "package-lock.json"] {
        fs::copy(source.join(file), place.join(file)).with_context(|| format!("cannot copy {file}"))?;
    }
    run(Command::new("npm").args(["ci", "--ignore-scripts", "--no-audit", "--no-fund"]).current_dir(&place))?;
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
    let mut command = cargo(root);
    command.args(install).arg("--root").arg(&tools).env("CARGO_PROFILE_DEV_DEBUG", "0");
    // Lints are for our own code.
    run(command.env_remove("RUSTC_WORKSPACE_WRAPPER").env_remove("CLIPPY_ARGS"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::process::workspace_root;

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
    fn every_tool_is_locked() {
        let exact = |version: &str| version.split('.').all(|part| part.parse::<u32>().is_ok());
        assert!(CARGO_TOOLS.iter().chain(TOOLS_ON_DEMAND).all(|(_, version)| exact(version)));
        for name in ENVIRONMENTS {
            let read = |ending: &str| {
                fs::read_to_string(
                    workspace_root().join("crates/xtask/tools").join(format!("{name}.{ending}")),
                )
                .unwrap()
            };
            let locked = read("txt");
            let packages: Vec<_> = locked.split('\n').filter(|line| line.contains("==")).collect();
            for package in &packages {
                assert!(package.ends_with('\\'), "crates/xtask/tools/{name}.txt: {package} has no hash");
            }
            for wanted in read("in").lines().filter(|line| !line.starts_with('#')) {
                let found = packages.iter().any(|package| package.split(' ').next() == Some(wanted));
                assert!(
                    found,
                    "crates/xtask/tools/{name}.txt does not lock {wanted}; run the command in its first lines"
                );
            }
        }
    }
}
