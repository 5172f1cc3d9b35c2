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
    /// Anchors of the log, as `GET /v1/audit/anchors` shows them.
    #[arg(long)]
    anchors: Option<PathBuf>,
    /// A folder with the files that the anchors name, or one of these; may be said again.
    #[arg(long, requires = "anchors")]
    files: Vec<PathBuf>,
    /// Events from before this time, as RFC 3339 writes it, need not be there.
    #[arg(long)]
    expired_before: Option<String>,
}

/// Says what it found, and fails where the file is not whole.
pub fn run(root: &Path, options: &Options) -> Result<()> {
    let mut command = cargo(root);
    command.args(["run", "--quiet", "--package", "audit-chain", "--bin", "verify-audit", "--"]);
    command.arg(absolute(&options.file)?);
    command.args(options.head.iter().flat_map(|head| ["--head", head]));
    if let Some(anchors) = &options.anchors {
        command.arg("--anchors").arg(absolute(anchors)?);
    }
    for file in &options.files {
        command.arg("--files").arg(absolute(file)?);
    }
    command.args(options.expired_before.iter().flat_map(|time| ["--expired-before", time]));
    carry_out(&mut command)
}
