//! The product in an emulated AWS: `cargo xtask cloud`, and what the cloud tests start.
//!
//! The template is deployed by the command that the runbook uses, and the functions run as they
//! were built. What the emulator cannot do is in `tests/cloud/emulator`; `docs/emulated-aws.md`
//! describes the whole.

mod binaries;
mod emulator;
mod stack;

use std::path::Path;

use anyhow::Result;
use clap::Args;

pub use self::{
    emulator::{ACCESS_KEY, Emulator, REGION, Settings, free_port},
    stack::{STRIPE_WEBHOOK_SECRET, Stack},
};
use crate::process::{cargo, run as run_command, step};

/// They share two deployed stacks, so they run in one process and not with nextest. Most of their
/// time is waiting.
const DEPLOYED: &[&str] =
    &["test", "--workspace", "--locked", "--test", "deployed", "--", "--test-threads", "6"];
/// The table's tests also run on the emulated AWS's engine, which does not tell the capacity that
/// `BatchGetItem` took.
const TABLE: &[&str] = &[
    "test",
    "--workspace",
    "--locked",
    "--test",
    "table",
    "--",
    "store::",
    "markers::",
    "--skip",
    "calls_and_units_are_counted",
];

/// Runs the tests that need an emulated AWS.
pub fn check(root: &Path) -> Result<()> {
    let engine = Emulator::start(root, &Settings { name: "engine".to_owned(), ..Settings::default() })?;
    run_command(cargo(root).args(TABLE).env("GANTRY_TEST_DYNAMODB_URL", engine.url()))?;
    drop(engine);
    run_command(cargo(root).args(DEPLOYED))
}

/// How to run it.
#[derive(Args, Debug, Default)]
pub struct Options {
    /// The port of the emulated AWS; a free one if none is named.
    #[arg(long)]
    port: Option<u16>,
}

/// Builds, deploys, says where everything is, and stays until it is interrupted.
pub fn run(root: &Path, options: &Options) -> Result<()> {
    let settings = Settings { name: "run".to_owned(), port: options.port, ..Settings::default() };
    let mut running = None;
    let (deployed, _) = step("emulated AWS", || {
        let emulator = Emulator::start(root, &settings)?;
        let stack = Stack::deploy(root, &emulator)?;
        running = Some((emulator, stack));
        Ok(())
    });
    deployed?;
    let Some((emulator, stack)) = running else { return Ok(()) };
    println!("{}", guide(&emulator, &stack));
    // Until Ctrl-C, which ends this process; the emulator and its functions notice, and end as
    // well.
    loop {
        std::thread::park();
    }
}

fn guide(emulator: &Emulator, stack: &Stack) -> String {
    let (aws, api) = (emulator.url(), stack.url());
    format!(
        r#"
  API            {api}
  Emulated AWS   {aws}  (region {REGION}, access key and secret {ACCESS_KEY})
  Mails          {aws}/_ministack/ses/messages
  Pushes         {aws}/_emulator/pushes
  Calls          {aws}/_emulator/calls  (who was allowed and denied what)
  Queues         {aws}/_ministack/sqs/messages
  Logs           {functions} (what the functions write)
                 {log} (what the emulator does)

  api={api} aws={aws} json='content-type: application/json'
  curl -i $api/v1/auth/magic-links -H "$json" -d '{{"email":"ada@example.com"}}'
  curl -s $aws/_ministack/ses/messages | jq -r '.messages[][-1].BodyText'

  The rest of the story is in docs/emulated-aws.md. Ctrl-C ends everything.
"#,
        functions = emulator.log().with_file_name("functions.log").display(),
        log = emulator.log().display(),
    )
}
