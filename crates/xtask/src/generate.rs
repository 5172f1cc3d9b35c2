//! Writes the documents that come from the code. `system-tests` knows how: it knows every crate.

use std::path::Path;

use anyhow::Result;
use clap::Args;

use crate::process::{cargo, run as run_command};

/// What to do with the documents.
#[derive(Args, Debug)]
pub struct Options {
    /// Write nothing; fail when a document is not what the code says.
    #[arg(long)]
    check: bool,
}

/// Writes or checks the documents.
pub fn run(root: &Path, options: &Options) -> Result<()> {
    let mut command = cargo(root);
    // No `--package`: of the whole workspace the dependencies have the features that the tests have
    // compiled them with.
    command.args(["run", "--quiet", "--bin", "generate", "--"]);
    if options.check {
        command.arg("--check");
    }
    run_command(&mut command)
}
