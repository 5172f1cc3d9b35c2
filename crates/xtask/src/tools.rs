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
const CARGO_DENY: &str = "0.20.2";

fn folder(root: &Path) -> PathBuf {
    root.join("target").join("tools")
}

/// Where an installed tool is: ours first, else the one on the search path.
pub fn find(root: &Path, name: &str) -> Option<PathBuf> {
    let tools = folder(root);
    let ours = [tools.join("venv").join("bin"), tools.join("bin")];
    let path = std::env::var_os("PATH").unwrap_or_default();
    ours.into_iter()
        .chain(std::env::split_paths(&path))
        .map(|place| place.join(name))
        .find(|tool| tool.is_file())
}

/// Installs what is missing or has another version.
pub fn install(root: &Path) -> Result<()> {
    let (python, _) =
        step("Python tools (cargo-lambda, sam, cfn-lint)", || install_python_tools(&folder(root)));
    let (deny, _) = step("cargo-deny", || install_cargo_deny(root));
    python.and(deny)
}

fn requirements() -> Vec<String> {
    PYTHON_TOOLS.iter().map(|(name, version)| format!("{name}=={version}")).collect()
}

fn install_python_tools(tools: &Path) -> Result<()> {
    let venv = tools.join("venv");
    let stamp = venv.join("installed");
    let wanted = requirements().join("\n");
    if fs::read_to_string(&stamp).is_ok_and(|installed| installed == wanted) {
        println!("already there");
        return Ok(());
    }
    fs::create_dir_all(tools).context("cannot create target/tools")?;
    run(Command::new("python3").args(["-m", "venv"]).arg(&venv))
        .context("Python 3.11 or later with its venv module is needed")?;
    let pip = venv.join("bin").join("pip");
    run(Command::new(pip).args(["install", "--quiet", "--disable-pip-version-check"]).args(requirements()))?;
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
        assert!(requirements().iter().all(|line| line.split("==").count() == 2));
    }
}
