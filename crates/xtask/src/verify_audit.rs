//! Runs `verify-audit`, which those who have no checkout run by itself.

use std::path::{Path, PathBuf, absolute};

use anyhow::Result;
use clap::Args;

use crate::process::{cargo, run as carry_out};

/// What to prove.
#[derive(Args, Debug)]
pub struct Options {
    /// Audit events as the API shows them, one JSON object a line.
    file: PathBuf,
    /// Where the chain is known to have been, as `sequence:hash` of an event that you kept; may be said
    /// again.
    #[arg(long)]
    head: Vec<String>,
}

/// Says what it found, and fails where the file is not whole.
pub fn run(root: &Path, options: &Options) -> Result<()> {
    let mut command = cargo(root);
    command.args(["run", "--quiet", "--package", "audit-chain", "--bin", "verify-audit", "--"]);
    command.arg(absolute(&options.file)?);
    command.args(options.head.iter().flat_map(|head| ["--head", head]));
    carry_out(&mut command)
}
