//! Runs `stripe-setup`.

use std::{ffi::OsString, path::Path};

use anyhow::Result;
use clap::Args;

use crate::process::{cargo, run as carry_out};

/// What the program itself reads.
#[derive(Args, Debug)]
pub struct Options {
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    rest: Vec<OsString>,
}

/// Compares the account of the key in `STRIPE_API_KEY`, and fails where something differs.
pub fn run(root: &Path, options: &Options) -> Result<()> {
    carry_out(cargo(root).args(["run", "--quiet", "--package", "stripe-setup", "--"]).args(&options.rest))
}
