//! Measures the release binaries of the functions: `cargo xtask bench` builds them and runs this.
//!
//! Owns what Lambda would be (the Runtime API) and how time, memory and size are taken. What the
//! functions talk to is the local cloud. Nothing here is shipped, and nothing of it runs in the
//! tests: a busy machine must not fail a change.

mod cases;
mod measure;
mod package;
mod password;
mod report;
mod runtime_api;
mod sandbox;
mod share;
mod statistics;
mod tls;
mod world;

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, bail};
use clap::Parser;
use primitives::Clock;

use cases::{CASES, Case};
use measure::{Bench, Side, Starts, Times};
use password::Passwords;
use report::{Bare, Built, Circumstances, Measured};
use sandbox::Program;
use world::World;

#[derive(Parser)]
#[command(name = "benchmarks")]
struct Arguments {
    /// Only these functions; then nothing is written into the documents.
    functions: Vec<String>,
    /// The folder of the release binaries: the functions', and those of the bare functions that are
    /// built with the same settings.
    #[arg(long)]
    binaries: PathBuf,
    /// The folder of the bare functions' release binaries without our settings.
    #[arg(long)]
    default: PathBuf,
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

#[tokio::main]
async fn main() -> Result<()> {
    let arguments = Arguments::parse();
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).context("no workspace")?;
    let all = functions(root)?;
    if let Some(unknown) = arguments.functions.iter().find(|name| !all.contains(name)) {
        bail!("there is no functions/{unknown}; there are {}", all.join(", "));
    }
    let wanted = if arguments.functions.is_empty() { &all } else { &arguments.functions };
    let logs = arguments.binaries.join("benchmark-logs");
    fs::create_dir_all(&logs)?;
    let keys = (!arguments.plain).then(|| arguments.binaries.join("benchmark-keys"));
    let runner = Runner {
        root,
        binaries: &arguments.binaries,
        default: &arguments.default,
        logs,
        times: Times { starts: arguments.starts, invocations: arguments.invocations },
        world: World::start(root, keys.as_deref()).await?,
    };
    let mut measured = Vec::new();
    for function in wanted {
        eprintln!("measuring {function}");
        measured.push(runner.measure(function).await.with_context(|| format!("measuring {function}"))?);
    }
    let passwords = if wanted.iter().any(|name| name == PASSWORDS) {
        eprintln!("measuring passwords");
        Some(runner.passwords().await.context("measuring passwords")?)
    } else {
        None
    };
    let how = circumstances(&arguments, runner.world.has_tls())?;
    let tables = report::markdown(&measured, passwords.as_ref(), &how)?;
    println!("{tables}");
    if arguments.functions.is_empty() {
        let document = root.join("docs/benchmarks.md");
        fs::write(&document, report::place(&fs::read_to_string(&document)?, &tables)?)?;
        let numbers = arguments.binaries.join("benchmarks.json");
        fs::write(&numbers, serde_json::to_string_pretty(&report::json(&measured, &how))?)?;
        eprintln!("wrote {} and {}", document.display(), numbers.display());
    }
    Ok(())
}

/// The memory of each function, megabytes: `Globals` of template.yaml.
const MEMORY: u64 = 512;

/// The function that people sign in with passwords at.
const PASSWORDS: &str = "api-auth";

/// The names of all functions: the folders of `functions/`.
fn functions(root: &Path) -> Result<Vec<String>> {
    let entries = fs::read_dir(root.join("functions"))?;
    let mut names = entries
        .map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()))
        .collect::<Result<Vec<_>>>()?;
    names.sort();
    Ok(names)
}

struct Runner<'a> {
    root: &'a Path,
    binaries: &'a Path,
    default: &'a Path,
    logs: PathBuf,
    times: Times,
    world: World,
}

impl Runner<'_> {
    async fn measure(&self, function: &str) -> Result<Measured> {
        let program = self.program(self.binaries, function, self.world.environment(function, false)?);
        let size = package::size(&program.path)?;
        let Some(case) = CASES.iter().find(|case| case.function == function) else {
            let starts = Starts::without_event(&program, self.times).await?;
            let (function, work) = (function.to_owned(), "its start only".to_owned());
            return Ok(Measured { function, work, size, starts, answers: None, bare: None });
        };
        let told = self.world.environment(function, true)?;
        let bare: Vec<Program> = case
            .bare
            .iter()
            .flat_map(|name| {
                [self.binaries, self.default].map(|folder| self.program(folder, name, told.clone()))
            })
            .collect();
        let ours = Side { program: &program, bare: false };
        let sides: Vec<_> =
            std::iter::once(ours).chain(bare.iter().map(|program| Side { program, bare: true })).collect();
        self.sides(case, &sides, size).await
    }

    /// With the whole processor, and with the share that Lambda gives.
    async fn passwords(&self) -> Result<[Passwords; 2]> {
        let ours = self.program(self.binaries, PASSWORDS, self.world.environment(PASSWORDS, false)?);
        let bare = self.program(self.binaries, "bare-argon2", self.world.environment(PASSWORDS, true)?);
        let rounds = self.times.invocations;
        let whole = password::measure(&self.world, &ours, &bare, None, rounds).await?;
        Ok([whole, password::measure(&self.world, &ours, &bare, Some(MEMORY), rounds).await?])
    }

    async fn sides(&self, case: &Case, sides: &[Side<'_>], size: package::Size) -> Result<Measured> {
        let events = case.events(self.root, &self.world)?;
        let mut bench = Bench { case, events, world: &self.world };
        let mut starts = bench.starts(sides, self.times).await?.into_iter();
        let mut answers = bench.answers(sides, self.times).await?.into_iter();
        let mut next = || starts.next().zip(answers.next());
        let (ours, ours_answers) = next().context("nothing was measured")?;
        let mut built = |side: &Side<'_>| {
            let (starts, answers) = next().context("a bare function was not measured")?;
            anyhow::Ok(Built { size: package::size(&side.program.path)?, starts, answers })
        };
        let bare = match (case.bare, sides) {
            (Some(name), [_, same, default]) => {
                Some(Bare { name: name.to_owned(), same: built(same)?, default: built(default)? })
            }
            _ => None,
        };
        Ok(Measured {
            function: case.function.to_owned(),
            work: case.title(),
            size,
            starts: ours,
            answers: Some(ours_answers),
            bare,
        })
    }

    fn program(&self, folder: &Path, name: &str, environment: BTreeMap<String, String>) -> Program {
        Program { path: folder.join(name), environment, log: self.logs.join(format!("{name}.log")) }
    }
}

fn circumstances(arguments: &Arguments, tls: bool) -> Result<Circumstances> {
    let processors = fs::read_to_string("/proc/cpuinfo")?;
    let model = processors.lines().find_map(|line| line.strip_prefix("model name")?.split(": ").nth(1));
    let count = std::thread::available_parallelism()?;
    let architecture = std::env::consts::ARCH;
    Ok(Circumstances {
        machine: format!("{count} × {} ({architecture}, Linux)", model.unwrap_or("unknown processor").trim()),
        date: Clock::system().now().strftime("%Y-%m-%d").to_string(),
        command: format!("cargo xtask bench {}", arguments.functions.join(" ")).trim().to_owned(),
        tls,
        starts: arguments.starts,
        invocations: arguments.invocations,
    })
}
