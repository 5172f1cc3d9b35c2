//! Runs the fuzz targets for longer than the tests do.

use std::path::Path;

use anyhow::Result;
use clap::Args;

use crate::process::{cargo, run as run_command};

/// What to fuzz.
#[derive(Args, Debug)]
pub struct Options {
    /// Only targets whose name holds this, such as `email` or `requests::`; all of them if none is
    /// named.
    target: Option<String>,
    /// Minutes that each target runs.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..=1_440))]
    minutes: u64,
    /// The seed that a failure printed, to have the failing input again.
    #[arg(long)]
    seed: Option<String>,
}

/// Runs them; the first failure of a target ends it, with its smallest input and its seed.
pub fn run(root: &Path, options: &Options) -> Result<()> {
    let mut command = cargo(root);
    command
        .args(["test", "--quiet", "--package", "system-tests", "--test", "fuzz", "--"])
        .args(&options.target);
    command.arg("--nocapture");
    command.env("BOLERO_RANDOM_TEST_TIME_MS", (options.minutes * 60_000).to_string());
    if let Some(seed) = &options.seed {
        command.env("BOLERO_RANDOM_SEED", seed);
    }
    run_command(&mut command)
}
