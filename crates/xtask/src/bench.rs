//! Builds the functions as they are shipped, and measures them.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result};
use clap::Args;

use crate::process::{cargo, output, packages, run as run_command};

/// What to measure.
#[derive(Args, Debug)]
pub struct Options {
    /// Only these functions; all of them if none is named, and then docs/benchmarks.md is written.
    functions: Vec<String>,
    /// Measure what was built before.
    #[arg(long)]
    no_build: bool,
    /// Call the emulated AWS without TLS.
    #[arg(long)]
    plain: bool,
    /// How often each function is started.
    #[arg(long, default_value_t = 40)]
    starts: usize,
    /// How often each function answers.
    #[arg(long, default_value_t = 1_000)]
    invocations: usize,
}

/// Builds and measures.
pub fn run(root: &Path, options: &Options) -> Result<()> {
    let functions = if options.functions.is_empty() { all(root)? } else { options.functions.clone() };
    let target = target(root)?;
    // The bare functions are built twice: with what `.cargo/config.toml` sets, as ours are, and as
    // if they stood in a repository of their own.
    let default = target.join("bare");
    if !options.no_build {
        // Only the functions, as `cargo lambda build` is given them for a deployment: with the
        // tools in the same build, features that only those ask for would be in the binaries too.
        run_command(&mut build(root, &functions))?;
        let bare = ["bare-functions".to_owned()];
        run_command(&mut build(root, &bare))?;
        let mut build = build(root, &bare);
        run_command(build.arg("--target-dir").arg(&default).env("AWS_LC_SYS_NO_JITTER_ENTROPY", "0"))?;
    }
    // The emulated AWS is optimized too, since it shares the processor with what is measured. Not by
    // `--package`: with the workspace's features nothing is compiled twice.
    let mut command = cargo(root);
    command.args(["run", "--release", "--quiet", "--locked", "--bin", "benchmarks", "--"]);
    command.args(&options.functions);
    command.arg("--binaries").arg(target.join("release")).arg("--default").arg(default.join("release"));
    command.arg("--starts").arg(options.starts.to_string());
    command.arg("--invocations").arg(options.invocations.to_string());
    if options.plain {
        command.arg("--plain");
    }
    run_command(&mut command)
}

fn all(root: &Path) -> Result<Vec<String>> {
    let name = |package: &PathBuf| Some(package.file_name()?.to_string_lossy().into_owned());
    Ok(packages(&root.join("functions"))?.iter().filter_map(name).collect())
}

fn build(root: &Path, packages: &[String]) -> Command {
    let mut command = cargo(root);
    command.args(["build", "--release", "--locked"]);
    for package in packages {
        command.args(["--package", package]);
    }
    command
}

/// Where cargo puts what it builds.
fn target(root: &Path) -> Result<PathBuf> {
    let metadata = output(cargo(root).args(["metadata", "--no-deps", "--format-version", "1", "--offline"]))?;
    let metadata: serde_json::Value = serde_json::from_str(&metadata)?;
    Ok(metadata["target_directory"].as_str().context("cargo metadata names no target folder")?.into())
}
