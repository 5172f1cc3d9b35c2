//! Everything that a change must pass.

use std::{
    env,
    ffi::OsStr,
    io::Write as _,
    num::NonZero,
    path::Path,
    process::{Command, Stdio},
    thread,
};

use anyhow::{Context as _, Result, anyhow, bail, ensure};
use clap::{Args, ValueEnum};

use crate::{
    cloud, contract, features,
    process::{cargo, run as run_command, seconds, step},
    sbom, templates, tools, tutorial,
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
    /// Nothing is compiled twice for a selection of packages
    Features,
    /// Every test of the workspace
    Tests,
    /// What docs/tutorial.md says, done in a copy of the workspace
    Tutorial,
    /// Licences, sources and bans of what we depend on
    Dependencies,
    /// Known weaknesses of what we depend on; needs the database of advisories from GitHub
    Advisories,
    /// cfn-lint and `sam validate` on each template
    Template,
    /// checkov on what CloudFormation makes of each template
    Policies,
    /// No secret in the repository (checkov)
    Secrets,
    /// No weakness in the workflows (zizmor)
    Workflows,
    /// What each function is made of, as `CycloneDX` into `target/sbom`
    Sbom,
    /// The API's description, read by programs of others and compared with the running product
    Contract,
    /// Somebody signs in on the local page, in headless Chromium
    Browser,
    /// The template, deployed to an emulated AWS and walked through
    Cloud,
}

const ALL: &[Part] = &[
    Part::Format,
    Part::Lints,
    Part::Features,
    Part::Tests,
    Part::Tutorial,
    Part::Dependencies,
    Part::Advisories,
    Part::Template,
    Part::Policies,
    Part::Secrets,
    Part::Workflows,
    Part::Sbom,
    Part::Contract,
    Part::Browser,
    Part::Cloud,
];

/// How a part went.
#[derive(Clone, Copy)]
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
            Self::Features => "features (cargo tree)",
            Self::Tests => "tests",
            Self::Tutorial => "tutorial (docs/tutorial.md)",
            Self::Dependencies => "dependencies (cargo deny)",
            Self::Advisories => "advisories (cargo deny)",
            Self::Template => "templates (cfn-lint, sam validate)",
            Self::Policies => "policies (checkov)",
            Self::Secrets => "secrets (checkov)",
            Self::Workflows => "workflows (zizmor)",
            Self::Sbom => "bill of materials (cargo cyclonedx)",
            Self::Contract => {
                "contract (openapi-spec-validator, redocly, openapi-typescript, tsc, scim2-tester, Stripe's libraries, schemathesis)"
            }
            Self::Browser => "browser (the local page in headless Chromium)",
            Self::Cloud => "cloud (emulated AWS)",
        }
    }

    /// The programs that it needs and that Rust does not bring along.
    fn needs(self) -> &'static [&'static str] {
        match self {
            Self::Format | Self::Lints | Self::Features | Self::Tests | Self::Tutorial => &[],
            Self::Dependencies | Self::Advisories => &["cargo-deny"],
            Self::Template => &["cfn-lint", "sam"],
            Self::Policies => &["checkov", "sam"],
            Self::Secrets => &["checkov"],
            Self::Workflows => &["zizmor"],
            Self::Sbom => &["cargo-cyclonedx"],
            Self::Contract => {
                // the last but one comes with scim2-tester, which has no program of its own
                &[
                    "node",
                    "openapi-spec-validator",
                    "openapi-typescript",
                    "redocly",
                    "schemathesis",
                    "httpx2",
                    "tsc",
                ]
            }
            Self::Browser => &["node", "playwright-core"],
            Self::Cloud => &["ministack", "sam"],
        }
    }

    /// Whether it compiles nothing and starts no product, so that it may run beside another.
    fn only_reads(self) -> bool {
        use Part::{Advisories, Dependencies, Features, Policies, Sbom, Secrets, Template, Workflows};
        matches!(
            self,
            Features | Dependencies | Advisories | Template | Policies | Secrets | Workflows | Sbom
        )
    }

    fn run(self, root: &Path) -> Result<()> {
        match self {
            Self::Format => run_command(cargo(root).args(["fmt", "--all", "--check"])),
            Self::Lints => lints(root),
            Self::Features => features::check(root),
            Self::Tests => run_command(&mut tests(root)),
            Self::Tutorial => tutorial::run(root),
            Self::Dependencies => run_command(tools::command(root, "cargo-deny").args([
                "--workspace",
                "check",
                "bans",
                "licenses",
                "sources",
            ])),
            // Fetched before, where that is possible.
            Self::Advisories => run_command(tools::command(root, "cargo-deny").args([
                "--workspace",
                "--offline",
                "check",
                "advisories",
            ])),
            Self::Template => templates::lint(root),
            Self::Policies => templates::policies(root),
            Self::Secrets => templates::secrets(root),
            Self::Workflows => run_command(tools::command(root, "zizmor").args([
                "--offline",
                "--quiet",
                "--min-severity",
                "medium",
                ".github",
            ])),
            Self::Sbom => sbom::write(root),
            Self::Contract => contract::check(root),
            Self::Browser => contract::browser(root),
            Self::Cloud => cloud::check(root),
        }
    }
}

/// A pass of clippy's own; or, where clippy compiles anyway as in `.ci/run`, the build that the tests need.
fn lints(root: &Path) -> Result<()> {
    let compiler = env::var_os("RUSTC_WORKSPACE_WRAPPER").filter(|wrapper| wrapper == "clippy-driver");
    // The cloud tests are among no other targets, since they do not run by default.
    let builds: &[&[&str]] = if let Some(compiler) = &compiler {
        refuses_warnings(compiler, root)?;
        // `build --all-targets` would link tests of what says that it has none.
        &[&["test", "--no-run"], &["test", "--no-run", "--test", "deployed"], &["build", "--bins"]]
    } else {
        &[&["clippy", "--all-targets"], &["clippy", "--test", "deployed"]]
    };
    for build in builds {
        let mut command = cargo(root);
        command.args(*build).args(["--workspace", "--locked"]);
        if compiler.is_none() {
            command.args(["--", "-D", "warnings"]);
        }
        run_command(&mut command)?;
    }
    Ok(())
}

/// Gives the compiler what clippy warns of: it must fail, or the build after it would show nothing.
fn refuses_warnings(compiler: &OsStr, root: &Path) -> Result<()> {
    let mut probe = Command::new(compiler)
        .args(["rustc", "--crate-name", "probe", "--crate-type", "lib", "--emit", "metadata", "-"])
        .current_dir(root.join("target"))
        .stdin(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .with_context(|| format!("cannot start {}", compiler.display()))?;
    probe.stdin.take().context("it reads no source")?.write_all(b"pub fn f() -> u8 { return 1; }")?;
    let output = probe.wait_with_output()?;
    let errors = String::from_utf8_lossy(&output.stderr);
    ensure!(
        !output.status.success() && errors.contains("needless_return"),
        "{} lets a warning pass; CLIPPY_ARGS of .ci/run no longer says what it did: {errors}",
        compiler.display()
    );
    Ok(())
}

/// nextest where it is installed, since it is the faster; else what comes with Rust.
fn tests(root: &Path) -> Command {
    let mut command = cargo(root);
    // More than .cargo/config.toml asks for, which is there for a quick edit and test.
    command.env("PROPTEST_CASES", "256");
    if tools::find(root, "cargo-nextest").is_some() {
        // One waits for a socket or a timer while the others work.
        let threads = thread::available_parallelism().map_or(2, NonZero::get) + 1;
        command.env("NEXTEST_TEST_THREADS", threads.to_string());
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

/// What stands in the way of a part, and whether it does so in CI too.
fn obstacle(root: &Path, part: Part, strict: bool) -> Option<(Outcome, String)> {
    let programs = part.needs().iter().copied();
    let missing: Vec<&str> = programs.filter(|program| tools::find(root, program).is_none()).collect();
    if !missing.is_empty() {
        let needed =
            format!("{}: {} not installed; run `cargo xtask tools`", part.title(), missing.join(", "));
        let failed = (Outcome::Failed, format!("FAILED  {needed}"));
        return Some(if strict { failed } else { (Outcome::Skipped, format!("skipped {needed}")) });
    }
    // A browser is a program of the system: `.ci/run` installs it where it may.
    if part == Part::Browser && tools::find(root, "chromium").is_none() {
        let why = "NOT CHECKED: there is no chromium here; install your system's package";
        return Some((Outcome::Skipped, format!("skipped {}: {why}", part.title())));
    }
    // The database is on GitHub, which a build machine may not reach. Where it can be had, nothing
    // is skipped.
    let fetch = || tools::command(root, "cargo-deny").args(["--workspace", "fetch", "db"]).output();
    if part == Part::Advisories && !fetch().is_ok_and(|output| output.status.success()) {
        let why =
            "NOT CHECKED: the database of advisories (github.com/RustSec/advisory-db) cannot be fetched here";
        return Some((Outcome::Skipped, format!("skipped {}: {why}", part.title())));
    }
    None
}

/// Runs the parts one after the other, all of them even when one fails, and fails when one did. Beside the
/// tutorial, which waits for linkers and for itself, go those that only read.
pub fn run(root: &Path, options: &Options) -> Result<()> {
    let parts = if options.parts.is_empty() { ALL } else { &options.parts };
    let mut summary = Vec::new();
    let mut failed = 0;
    let has_tutorial = parts.contains(&Part::Tutorial);
    let of = |part: Part| check(root, part, options.strict);
    for part in parts.iter().copied().filter(|part| !(has_tutorial && part.only_reads())) {
        let outcomes = if part == Part::Tutorial {
            let others = parts.iter().copied().filter(|part| part.only_reads());
            thread::scope(|scope| {
                let others = scope.spawn(|| others.map(of).collect::<Vec<_>>());
                let tutorial = of(part);
                let others = others.join().map_err(|_| anyhow!("a part beside the tutorial broke off"))?;
                anyhow::Ok([vec![tutorial], others].concat())
            })?
        } else {
            vec![of(part)]
        };
        for (outcome, line) in outcomes {
            failed += usize::from(matches!(outcome, Outcome::Failed));
            summary.push(line);
        }
    }
    println!("\n{}", summary.join("\n"));
    if failed > 0 {
        bail!("{failed} of {} parts failed", parts.len());
    }
    Ok(())
}

fn check(root: &Path, part: Part, strict: bool) -> (Outcome, String) {
    let title = part.title();
    if let Some(obstacle) = obstacle(root, part, strict) {
        return obstacle;
    }
    let (result, taken) = step(title, || part.run(root));
    match result {
        Ok(()) => (Outcome::Good, format!("good    {title}: {}", seconds(taken))),
        Err(_) => (Outcome::Failed, format!("FAILED  {title}: {}", seconds(taken))),
    }
}
