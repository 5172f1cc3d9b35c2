//! Runs `usage-recount`, which those who have no checkout run by itself.

use std::path::{Path, PathBuf, absolute};

use anyhow::Result;
use clap::Args;

use crate::process::{cargo, run as carry_out};

/// What to compare.
#[derive(Args, Debug)]
pub struct Options {
    /// Items of the traffic table, one JSON object a line: the unpacked files of an export to S3
    /// (`DYNAMODB_JSON`). All files of an export belong together.
    #[arg(required = true)]
    files: Vec<PathBuf>,
}

/// Says where the counters are not what the events add up to, and fails there.
pub fn run(root: &Path, options: &Options) -> Result<()> {
    let mut command = cargo(root);
    command.args(["run", "--quiet", "--package", "usage-ledger", "--bin", "usage-recount", "--"]);
    for file in &options.files {
        command.arg(absolute(file)?);
    }
    carry_out(&mut command)
}
