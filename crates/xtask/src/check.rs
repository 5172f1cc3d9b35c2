//! Everything that a change must pass.

use std::{path::Path, process::Command};

use anyhow::{Result, bail};
use clap::{Args, ValueEnum};

use crate::{
    process::{cargo, run as run_command, seconds, step},
    tools,
};

/// What to check.
#[derive(Args, Debug, Default)]
pub struct Options {
    /// Only these parts; all of them if none is named.
    #[arg(value_enum)]
    parts: Vec<Part>,
    /// Fail where a tool is missing, instead of skipping its part.
    #[arg(long)]
    strict: bool,
}

/// One part of the check.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Part {
    /// rustfmt
    Format,
    /// clippy, without a warning
    Lints,
    /// Every test of the workspace
    Tests,
    /// Licences, sources and bans of what we depend on
    Dependencies,
    /// cfn-lint and `sam validate` on the template
    Template,
    /// The template, deployed to an emulated AWS and walked through
    Cloud,
}

/// They share one deployed stack, so they run in one process and not with nextest.
const CLOUD_TESTS: [&str; 5] = ["test", "--workspace", "--locked", "--test", "deployed"];

/// How a part went.
enum Outcome {
    Good,
    Skipped,
    Failed,
}

impl Part {
    fn title(self) -> &'static str {
        match self {
            Self::Format => "format (cargo fmt)",
            Self::Lints => "lints (cargo clippy)",
            Self::Tests => "tests",
            Self::Dependencies => "dependencies (cargo deny)",
            Self::Template => "template (cfn-lint, sam validate)",
            Self::Cloud => "cloud (emulated AWS)",
        }
    }

    /// The programs that it needs and that Rust does not bring along.
    fn needs(self) -> &'static [&'static str] {
        match self {
            Self::Format | Self::Lints | Self::Tests => &[],
            Self::Dependencies => &["cargo-deny"],
            Self::Template => &["cfn-lint", "sam"],
            Self::Cloud => &["ministack", "sam"],
        }
    }

    fn run(self, root: &Path) -> Result<()> {
        match self {
            Self::Format => run_command(cargo(root).args(["fmt", "--all", "--check"])),
            // The cloud tests are not among all targets, since they do not run by default.
            Self::Lints => {
                run_command(&mut clippy(root, &["--all-targets"]))?;
                run_command(&mut clippy(root, &["--test", "deployed"]))
            }
            Self::Tests => run_command(&mut tests(root)),
            Self::Dependencies => run_command(tool(root, "cargo-deny").args([
                "--workspace",
                "check",
                "bans",
                "licenses",
                "sources",
            ])),
            Self::Template => template(root),
            Self::Cloud => run_command(cargo(root).args(CLOUD_TESTS)),
        }
    }
}

fn clippy(root: &Path, targets: &[&str]) -> Command {
    let mut command = cargo(root);
    command.args(["clippy", "--workspace", "--locked"]).args(targets).args(["--", "-D", "warnings"]);
    command
}

fn tool(root: &Path, name: &str) -> Command {
    let mut command = Command::new(tools::find(root, name).unwrap_or_else(|| name.into()));
    command.current_dir(root);
    command
}

/// nextest where it is installed, since it is the faster; else what comes with Rust.
fn tests(root: &Path) -> Command {
    let mut command = cargo(root);
    if tools::find(root, "cargo-nextest").is_some() {
        command.args([
            "nextest",
            "run",
            "--workspace",
            "--locked",
            "--no-fail-fast",
            "--status-level",
            "slow",
        ]);
    } else {
        command.args(["test", "--workspace", "--all-targets", "--locked", "--no-fail-fast"]);
    }
    command
}

fn template(root: &Path) -> Result<()> {
    run_command(tool(root, "cfn-lint").arg("template.yaml"))?;
    let validate = ["validate", "--lint", "--config-env", "dev"];
    // Neither needs an account; without these two it looks for one, and reports home.
    run_command(
        tool(root, "sam")
            .args(validate)
            .env("AWS_DEFAULT_REGION", "eu-central-1")
            .env("SAM_CLI_TELEMETRY", "0"),
    )
}

/// Runs the parts one after the other, all of them even when one fails, and fails when one did.
pub fn run(root: &Path, options: &Options) -> Result<()> {
    let all = [Part::Format, Part::Lints, Part::Tests, Part::Dependencies, Part::Template, Part::Cloud];
    let parts = if options.parts.is_empty() { &all[..] } else { &options.parts };
    let mut summary = Vec::new();
    let mut failed = 0;
    for part in parts {
        let (outcome, line) = check(root, *part, options.strict);
        failed += usize::from(matches!(outcome, Outcome::Failed));
        summary.push(line);
    }
    println!("\n{}", summary.join("\n"));
    if failed > 0 {
        bail!("{failed} of {} parts failed", parts.len());
    }
    Ok(())
}

fn check(root: &Path, part: Part, strict: bool) -> (Outcome, String) {
    let title = part.title();
    let missing: Vec<&str> =
        part.needs().iter().copied().filter(|program| tools::find(root, program).is_none()).collect();
    if !missing.is_empty() {
        let needed = format!("{title}: {} not installed; run `cargo xtask tools`", missing.join(", "));
        let outcome = if strict { Outcome::Failed } else { Outcome::Skipped };
        let mark = if strict { "FAILED " } else { "skipped" };
        return (outcome, format!("{mark} {needed}"));
    }
    let (result, taken) = step(title, || part.run(root));
    match result {
        Ok(()) => (Outcome::Good, format!("good    {title}: {}", seconds(taken))),
        Err(_) => (Outcome::Failed, format!("FAILED  {title}: {}", seconds(taken))),
    }
}
