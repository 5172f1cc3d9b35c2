//! The tools that are not Rust's own, pinned, in `target/tools`: nothing is installed into the system.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result};

use crate::process::{cargo, output, run, step};

/// From `PyPI`. `ziglang` is the linker that cargo-lambda cross-compiles with.
const PYTHON_TOOLS: &[(&str, &str)] =
    &[("aws-sam-cli", "1.170.0"), ("cargo-lambda", "1.9.2"), ("cfn-lint", "1.58.0"), ("ziglang", "0.17.1")];
/// From `PyPI`: the emulated AWS, in an environment of its own since it pins what SAM needs in other versions.
const EMULATOR: &[(&str, &str)] = &[
    ("aws-sam-translator", "1.115.0"),
    ("boto3", "1.43.106"),
    ("cryptography", "50.0.2"),
    ("ministack", "1.5.33"),
];
const CARGO_DENY: &str = "0.20.2";

fn folder(root: &Path) -> PathBuf {
    root.join("target").join("tools")
}

/// Where an installed tool is: ours first, else the one on the search path.
pub fn find(root: &Path, name: &str) -> Option<PathBuf> {
    let tools = folder(root);
    let ours = ["venv/bin", "emulator/bin", "bin"].map(|place| tools.join(place));
    let path = std::env::var_os("PATH").unwrap_or_default();
    ours.into_iter()
        .chain(std::env::split_paths(&path))
        .map(|place| place.join(name))
        .find(|tool| tool.is_file())
}

/// The Python that has the emulated AWS; `None` where it is not installed.
pub fn emulator(root: &Path) -> Option<PathBuf> {
    let python = folder(root).join("emulator").join("bin").join("python");
    python.is_file().then_some(python)
}

/// Installs what is missing or has another version.
pub fn install(root: &Path) -> Result<()> {
    let (python, _) = step("Python tools (cargo-lambda, sam, cfn-lint)", || {
        install_python(&folder(root), "venv", PYTHON_TOOLS)
    });
    let (emulator, _) =
        step("emulated AWS (ministack)", || install_python(&folder(root), "emulator", EMULATOR));
    let (deny, _) = step("cargo-deny", || install_cargo_deny(root));
    python.and(emulator).and(deny)
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

fn install_cargo_deny(root: &Path) -> Result<()> {
    let tools = folder(root);
    let program = tools.join("bin").join("cargo-deny");
    let installed =
        program.is_file() && output(Command::new(&program).arg("--version"))?.contains(CARGO_DENY);
    if installed {
        println!("already there");
        return Ok(());
    }
    // It runs for seconds and compiles for minutes: the dev profile is the shorter sum.
    let install = ["install", "cargo-deny", "--version", CARGO_DENY, "--locked", "--profile", "dev"];
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
        let all = [PYTHON_TOOLS, EMULATOR].concat();
        assert!(requirements(&all).iter().all(|line| line.split("==").count() == 2));
    }
}
